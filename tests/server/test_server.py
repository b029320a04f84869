"""Deployed to a real Prefect server and run by a real worker: `make test-server`, apart from all other tests."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from flow_runs import ROOT

from chuda.providers.simulator.judge import Judge
from chuda.stores.marts import open_marts, read_rows
from tests.server.server_numbers import database_texts, file_texts, joined, numbers_in, sample_numbers
from tests.server.server_world import POOL, Server, Workspaces, wait_until

pytestmark = pytest.mark.server

WRITTEN: dict[str, dict[str, Any]] = {
    each["name"]: each for each in yaml.safe_load((ROOT / "prefect.yaml").read_text("utf-8"))["deployments"]
}
SCHEDULED = {name: each["schedules"][0] for name, each in WRITTEN.items() if each["schedules"]}
TASKS = {
    "import contacts", "import orders", "refresh segments", "check content", "check compliance", "render messages",
    "draw sample", "make plan", "approve and seal", "dispatch", "collect feedback", "refresh KPIs", "decide experiment",
    "carry on roll-out", "write report",
}  # fmt: skip
GATES = {"contacts", "segments", "audience", "messages", "dispatch-results", "kpis"}
FEWEST_NUMBERS = 2000

Deployments = dict[str, dict[str, Any]]
Runs = dict[str, dict[str, Any]]


def test_every_deployment_of_the_file_is_on_the_server(deployments: Deployments):
    assert deployments.keys() == WRITTEN.keys()
    for name, written in WRITTEN.items():
        found = deployments[name]
        assert (found["entrypoint"], found["description"]) == (written["entrypoint"], written["description"])
        assert found["work_pool_name"] == POOL
        assert found["pull_steps"] == [{"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}}]


@pytest.mark.parametrize("name", SCHEDULED)
def test_a_schedule_is_there_in_business_time_and_one_run_at_a_time(deployments: Deployments, name: str):
    found = deployments[name]
    [schedule] = found["schedules"]
    assert schedule["active"]
    assert schedule["schedule"]["cron"] == SCHEDULED[name]["cron"]
    assert schedule["schedule"]["timezone"] == "Asia/Shanghai"
    assert found["global_concurrency_limit"]["limit"] == 1
    asked = WRITTEN[name]["concurrency_limit"]["collision_strategy"]
    assert found["concurrency_options"]["collision_strategy"] == asked


@pytest.mark.parametrize("name", SCHEDULED)
def test_the_server_plans_runs_at_the_hours_of_the_business(planned_times: dict[str, list[datetime]], name: str):
    times = planned_times[name]
    assert times
    for moment in times:
        assert is_due(SCHEDULED[name]["cron"], moment), moment


def test_the_parameters_of_run_campaign_are_a_form(deployments: Deployments):
    form = deployments["run-campaign"]["parameter_openapi_schema"]
    fields = form["properties"]
    assert form["required"] == ["campaign_file"]
    assert fields["campaign_file"]["type"] == "string"
    for name in ("contact_files", "order_files"):
        assert {"type": "array", "items": {"type": "string"}} in fields[name]["anyOf"]
    assert {"type": "string"} in fields["approved_by"]["anyOf"]
    assert (fields["follow"]["type"], fields["follow"]["default"]) == ("boolean", False)
    assert (fields["language"]["enum"], fields["language"]["default"]) == (["zh", "en"], "zh")
    assert all(field["description"] for field in fields.values())


@pytest.mark.parametrize(
    "parameters", [{}, {"campaign_file": "a.yaml", "language": "fr"}, {"campaign_file": ["a.yaml"]}]
)
def test_the_server_refuses_what_does_not_fit_the_form(server: Server, deployments: Deployments, parameters: dict):
    path = f"/deployments/{deployments['run-campaign']['id']}/create_flow_run"
    answer = server.client.post(path, json={"parameters": parameters})
    assert answer.status_code in (httpx.codes.CONFLICT, httpx.codes.UNPROCESSABLE_ENTITY), answer.text


def test_the_server_shows_its_pages(server: Server):
    page = httpx.get(server.address, trust_env=False, follow_redirects=True)
    assert page.is_success
    assert "<html" in page.text


def test_a_worker_completes_the_campaign(runs: Runs):
    assert runs["campaign"]["state_name"] == "Completed", runs["campaign"]["state"]


def test_every_stage_is_a_task_that_completed(server: Server, runs: Runs):
    found = server.ask("/task_runs/filter", task_runs={"flow_run_id": {"any_": [runs["campaign"]["id"]]}})
    assert {each["state_name"] for each in found} == {"Completed"}
    assert {each["name"].rpartition("-")[0] for each in found} == TASKS


def test_every_gate_shows_its_verdict_as_a_table(server: Server, runs: Runs):
    of_run = {"flow_run_id": {"any_": [runs["campaign"]["id"]]}}
    found = [each for each in server.ask("/artifacts/filter", artifacts=of_run) if each["type"] != "progress"]
    assert {each["key"] for each in found} == {f"gate-{gate}" for gate in GATES}
    for each in found:
        assert each["type"] == "table"
        assert each["description"].endswith((": passed", ": warned")), each["description"]


def test_the_dispatch_shows_how_far_it_is(server: Server, runs: Runs):
    of_run = {"flow_run_id": {"any_": [runs["campaign"]["id"]]}}
    [shown] = [each for each in server.ask("/artifacts/filter", artifacts=of_run) if each["type"] == "progress"]
    assert shown["key"].startswith("dispatch-")
    assert float(shown["data"]) == 100
    assert "| accepted |" in shown["description"]


def test_the_marts_hold_the_campaign_as_the_provider_saw_it(workspaces: Workspaces, runs: Runs):
    with closing(open_marts(workspaces.home / "marts.duckdb")) as marts:
        [row] = read_rows(marts, "SELECT * FROM campaign_kpi WHERE campaign_id = 'demo-retail'")
    with Judge.open(workspaces.provider) as judge:
        assert row["accepted"] == judge.count()
    assert row["planned"] >= row["accepted"] >= row["delivered"] > 500
    assert (workspaces.home / "reports" / "demo-retail.zh.html").stat().st_size > 10_000


def test_nobody_was_messaged_twice(workspaces: Workspaces, runs: Runs):
    with Judge.open(workspaces.provider) as judge:
        assert judge.duplicates() == []


def test_a_campaign_with_a_typo_fails_with_its_place_and_publishes_nothing(server: Server, runs: Runs):
    state = runs["misspelt"]["state"]
    assert state["type"] == "FAILED"
    assert "misspelt.yaml" in state["message"]
    assert "shedule" in state["message"]
    assert server.ask("/task_runs/filter", task_runs={"flow_run_id": {"any_": [runs["misspelt"]["id"]]}}) == []


def test_a_schedule_may_fire_on_a_workspace_that_holds_nothing_yet(workspaces: Workspaces, runs: Runs):
    assert runs["new"]["state_name"] == "Completed", runs["new"]["state"]["message"]
    assert (workspaces.new_home / "marts.duckdb").exists()


@pytest.fixture(scope="module")
def numbers(workspaces: Workspaces, runs: Runs) -> frozenset[str]:
    found = sample_numbers(workspaces.sample, workspaces.home)
    assert len(found) > FEWEST_NUMBERS
    return found


def test_no_cell_of_the_servers_database_holds_a_number(server: Server, runs: Runs, numbers: frozenset[str]):
    _await_last_event(server, runs["campaign"]["id"])
    tables = dict(database_texts(server.home / "prefect.db"))
    assert all(tables[name] for name in ("log", "artifact", "flow_run", "task_run_state", "events"))
    for name, text in tables.items():
        assert not numbers_in(text, numbers), f"prefect.db: {name} holds a phone number"


def test_no_file_of_server_or_worker_holds_a_number(world: Path, runs: Runs, numbers: frozenset[str]):
    places = [world / "server", world / "worker", world / "client"]
    texts = [pair for place in places for pair in file_texts(place)]
    texts += [(path, joined(path.read_text("utf-8"))) for path in (world / "server.log", world / "worker.log")]
    assert any(path.name == "prefect.db" for path, _ in texts)
    for path, text in texts:
        assert not numbers_in(text, numbers), f"{path.relative_to(world)} holds a phone number"


def test_no_line_of_the_logs_holds_a_number(server: Server, runs: Runs, numbers: frozenset[str]):
    for run in runs.values():
        lines = server.ask("/logs/filter", logs={"flow_run_id": {"any_": [run["id"]]}})
        assert lines
        assert not numbers_in(joined("\n".join(line["message"] for line in lines)), numbers)


def test_the_search_finds_numbers_where_they_are(workspaces: Workspaces, numbers: frozenset[str], tmp_path: Path):
    assert len(numbers_in(joined((workspaces.sample / "contacts.csv").read_text("utf-8")), numbers)) > FEWEST_NUMBERS
    assert any(numbers_in(text, numbers) for _, text in database_texts(workspaces.provider / "simulator.sqlite"))
    number = min(numbers)
    spelled = number[:3] + " " + number[3:7] + "-" + number[7:]
    wide = "".join(f"\\uff1{digit}" for digit in number)
    for text in (f"x{number}9", spelled, wide):
        assert numbers_in(joined(text), numbers) == {number}


def is_due(cron: str, moment: datetime) -> bool:
    """Whether a cron line (numbers, *, ranges and steps) names this minute."""
    fields = (moment.minute, moment.hour, moment.day, moment.month, moment.isoweekday() % 7)
    return all(_fits(field, value) for field, value in zip(cron.split(), fields, strict=True))


def _fits(field: str, value: int) -> bool:
    span, _, step = field.partition("/")
    low, _, high = span.partition("-")
    inside = span == "*" or int(low) <= value <= int(high or low)
    return inside and value % int(step or 1) == 0


def _await_last_event(server: Server, run_id: str) -> None:
    """Events reach the database a few seconds after they happened."""
    related = {"event": {"name": ["prefect.flow-run.Completed"]}, "resource": {"id": [f"prefect.flow-run.{run_id}"]}}
    wait_until(lambda: server.ask("/events/filter", filter=related)["events"], 60, "the run's last event is kept")
