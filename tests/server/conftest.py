"""One server, its deployments, and the runs of one worker, for all tests of this folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from fakes import start_simulator
from flow_runs import ROOT

from chuda.clock import BUSINESS_ZONE
from chuda.keys import create_keys
from chuda.stores.ledger import open_ledger, start_simulated_clock
from tasks.sample.generator import SampleParameters, generate_sample
from tests.server.server_world import (
    POOL,
    PREFECT,
    Server,
    Workspaces,
    run_prefect,
    running,
    running_server,
    wait_until,
)

MORNING = datetime(2026, 11, 20, 9, 0, tzinfo=BUSINESS_ZONE)
ROWS = 3000
_WRITTEN_PORT = ":8025"
_RUNS_S = 300
_RECORDED_S = 30
_FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("prefect")


@pytest.fixture(scope="session")
def server(world: Path) -> Iterator[Server]:
    with running_server(world) as server:
        yield server


@pytest.fixture(scope="session")
def deployments(server: Server) -> dict[str, dict[str, Any]]:
    """What `prefect deploy --all` put on the server, by name."""
    run_prefect(server, "work-pool", "create", POOL, "--type", "process")
    run_prefect(server, "deploy", "--all")
    return {each["name"]: each for each in server.ask("/deployments/filter")}


@pytest.fixture(scope="session")
def planned_times(server: Server, deployments: dict[str, dict[str, Any]]) -> dict[str, list[datetime]]:
    """When the server means to run what has a schedule, in business time; read, and then the schedules are paused.

    Paused, so that the worker of these tests runs what the tests ask for and nothing else.
    """
    scheduled = {each["id"]: name for name, each in deployments.items() if each["schedules"]}

    def runs() -> list[dict[str, Any]]:
        return server.ask("/flow_runs/filter", flow_runs={"deployment_id": {"any_": list(scheduled)}})

    wait_until(lambda: {run["deployment_id"] for run in runs()} == set(scheduled), 60, "all schedules have runs")
    times: dict[str, list[datetime]] = {name: [] for name in scheduled.values()}
    for run in runs():
        start = datetime.fromisoformat(run["expected_start_time"]).astimezone(BUSINESS_ZONE)
        times[scheduled[run["deployment_id"]]].append(start)
    for deployment_id in scheduled:
        server.ask(f"/deployments/{deployment_id}/pause_deployment")

    def is_cleared() -> bool:
        # Pausing takes back what is scheduled, but not what a scheduler at work adds a moment later.
        for run in runs():
            server.client.delete(f"/flow_runs/{run['id']}")
        return not runs()

    wait_until(is_cleared, 60, "no scheduled run is left")
    return times


@pytest.fixture(scope="session")
def workspaces(world: Path) -> Workspaces:
    """A small sample in simulated time, and the demo's campaign once as it is and once with a typo."""
    made = Workspaces(world / "work")
    shutil.copytree(ROOT / "data" / "campaigns", made.folder / "campaigns")
    made.misspelt.write_text(made.campaign.read_text("utf-8").replace("schedule:", "shedule:"), "utf-8")
    ledger = open_ledger(made.home / "ledger.sqlite", create_keys(made.home / "keys"))
    start_simulated_clock(ledger, MORNING)
    ledger.close()
    create_keys(made.new_home / "keys")
    generate_sample(SampleParameters(rows=ROWS, seed=11, now=MORNING), made.sample)
    return made


@pytest.fixture(scope="session")
def provider_port(workspaces: Workspaces) -> Iterator[int]:
    """The provider simulator, and the channels pointed at it."""
    world = ROOT / "data" / "reference" / "demo_world.yaml"
    with start_simulator(workspaces.provider, profile=world, ledger=workspaces.home / "ledger.sqlite") as port:
        for path in (workspaces.folder / "campaigns" / "channels").glob("*.yaml"):
            path.write_text(path.read_text("utf-8").replace(_WRITTEN_PORT, f":{port}"), "utf-8")
        yield port


@pytest.fixture(scope="session")
def runs(
    world: Path, server: Server, deployments: dict[str, dict[str, Any]], planned_times: dict[str, list[datetime]],
    workspaces: Workspaces, provider_port: int,
) -> dict[str, dict[str, Any]]:  # fmt: skip
    """Three finished runs by one worker: a campaign, a campaign with a typo, the feedback of a new workspace.

    The worker stands outside the repository; its environment says where the workspace is.
    """
    sample = workspaces.sample
    whole = {
        "campaign_file": str(workspaces.campaign), "contact_files": [str(sample / "contacts.csv")],
        "order_files": [str(sample / "orders.csv")], "approved_by": "server test", "follow": True,
    }  # fmt: skip
    asked: dict[str, tuple[str, dict[str, Any]]] = {
        "campaign": ("run-campaign", {"parameters": whole}),
        "misspelt": ("run-campaign", {"parameters": {"campaign_file": str(workspaces.misspelt)}}),
        "new": ("feedback", {"job_variables": {"env": {"CHUDA_HOME": str(workspaces.new_home)}}}),
    }
    ids = {
        name: server.ask(f"/deployments/{deployments[deployment]['id']}/create_flow_run", **body)["id"]
        for name, (deployment, body) in asked.items()
    }
    variables = server.variables(
        world / "worker", CHUDA_HOME=str(workspaces.home), CHUDA_CAMPAIGNS=str(workspaces.folder / "campaigns"),
        CHUDA_DEMO_TOKEN="simulator",
    )  # fmt: skip
    log = world / "worker.log"
    command = (*PREFECT, "worker", "start", "--pool", POOL, "--type", "process", "--run-once")
    with running(command, variables, world, log) as worker:
        code = worker.wait(timeout=_RUNS_S)
    assert code == 0, log.read_text()
    wait_until(lambda: _are_recorded(server, list(ids.values())), _RECORDED_S, f"all runs ended: {log.read_text()}")
    return {name: server.read(f"/flow_runs/{run_id}") for name, run_id in ids.items()}


def _are_recorded(server: Server, run_ids: list[str]) -> bool:
    """Whether the server has the end of every run and of every task, which it writes a little later."""
    found = server.ask("/flow_runs/filter", flow_runs={"id": {"any_": run_ids}})
    tasks = server.ask("/task_runs/filter", task_runs={"flow_run_id": {"any_": run_ids}})
    return all(each["state_type"] in _FINAL for each in [*found, *tasks])
