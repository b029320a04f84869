"""The shipped test campaigns, planned and run in simulated time: decided, rolled out in waves, everybody in a state."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from fakes import start_simulator
from flow_runs import ROOT, run_chuda, stage_environment

from chuda.clock import BUSINESS_ZONE
from chuda.keys import load_keys
from chuda.providers.simulator.judge import Judge
from chuda.stores.ledger import open_ledger, start_simulated_clock
from chuda.stores.ledger.releases import state_counts

pytestmark = pytest.mark.slow

MORNING = datetime(2026, 11, 20, 9, tzinfo=BUSINESS_ZONE)
# The examples beside each other; the small shop of the test asks everybody.
CHANGES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "test_send_slot.yaml": (("[active_customers]", "[active_customers, sleeping_customers, prospects]"),),
    "test_offer.yaml": (("[price_sensitive]\n  where: order_count >= 1 AND NOT (lifecycle = 'lost')", "[everyone]"),),
    "test_call_to_action.yaml": (
        ("trade: education", "trade: retail"),  # education needs an authorisation on the business record
    ),
    "mother_baby_pregnant.yaml": (),
}
WAKE_UP = (("  exclude_segments: [lost_customers]", ""), ("sleeping_customers, at_risk", "everyone"))


def edit(path: Path, changes: tuple[tuple[str, str], ...]) -> None:
    text = path.read_text("utf-8")
    for old, new in changes:
        assert old in text, (path.name, old)
        text = text.replace(old, new)
    path.write_text(text, "utf-8")


def date_wake_up(path: Path) -> None:
    """The wake-up campaign with a date of its own, without replies: one night's worth of it."""
    text = path.read_text("utf-8")
    start, end = text.index("schedule:"), text.index("budget_cny:")
    path.write_text(text[:start] + "schedule:\n  date: auto\n  slot: auto\n" + text[end:], "utf-8")
    edit(path, WAKE_UP)


@pytest.fixture(scope="module")
def ran(planned: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The imported workspace with a simulated clock, and what the script told."""
    folder = tmp_path_factory.mktemp("experiments")
    shutil.rmtree(folder)
    shutil.copytree(planned, folder)
    home = folder / "home"
    for name, changes in CHANGES.items():
        edit(folder / "campaigns" / name, changes)
    date_wake_up(folder / "campaigns" / "wake_up.yaml")
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute("DELETE FROM plan_made")  # the demo's own test stands ready there, and holds everybody
    (home / "ledger.sqlite").unlink()
    ledger = open_ledger(home / "ledger.sqlite", load_keys(home / "keys", {}))
    start_simulated_clock(ledger, MORNING)
    ledger.close()
    port = int((folder / "port").read_text())
    world = ROOT / "data" / "reference" / "demo_world.yaml"
    with start_simulator(folder / "provider", profile=world, ledger=home / "ledger.sqlite", port=port):
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("experiment_script.py")), str(folder), *CHANGES,
             "wake_up.yaml"],
            cwd=ROOT, env={**os.environ, **stage_environment(folder, home), "PYTHONPATH": str(ROOT)}, text=True,
            capture_output=True, timeout=240,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def told(ran: tuple[Path, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {plan["campaign"]: plan for plan in ran[1]["plans"]}


def test_every_example_was_planned_and_every_test_decided_once(
    ran: tuple[Path, dict[str, Any]], told: dict[str, dict[str, Any]]
) -> None:
    assert set(told) == {"test-send-slot", "test-offer", "test-call-to-action", "mother-baby-pregnant", "wake-up"}
    assert {name for name, plan in told.items() if plan["verdict"]} == {
        "test-send-slot", "test-offer", "test-call-to-action"
    }  # fmt: skip
    assert ran[1]["repeated"] == [True, True, True]


def test_a_few_hundred_people_are_honestly_not_enough(told: dict[str, dict[str, Any]]) -> None:
    assert {plan["verdict"] for plan in told.values()} - {None} <= {
        "INCONCLUSIVE_NOT_ENOUGH_DATA", "STOP", "INVALID"
    }  # fmt: skip


def test_the_slot_test_goes_out_at_the_slot_on_the_same_weekday_wave_by_wave(told: dict[str, dict[str, Any]]) -> None:
    plan = told["test-send-slot"]
    if plan["arm"] is None:
        pytest.fail(f"nothing was rolled out: {plan}")
    slot = datetime.fromisoformat(plan["slot"])
    openings = [datetime.fromisoformat(opens_at) for _, opens_at in plan["waves"]]
    assert all((opens_at - slot) % timedelta(weeks=1) == timedelta() for opens_at in openings)
    assert openings[1] - openings[0] == timedelta(weeks=1)
    assert plan["end"] == "done"


def test_the_learning_test_rolls_nothing_out(told: dict[str, dict[str, Any]]) -> None:
    plan = told["test-call-to-action"]
    assert (plan["scope"], plan["waves"], plan["end"]) == ("next_time", [], "next_time")


def test_nobody_got_two_messages_of_a_campaign_and_every_message_has_its_final_state(
    ran: tuple[Path, dict[str, Any]], told: dict[str, dict[str, Any]]
) -> None:
    folder = ran[0]
    assert Judge.open(folder / "provider", plan_of=lambda batch_id: batch_id.split("-")[0]).duplicates() == []
    ledger = open_ledger(folder / "home" / "ledger.sqlite")
    with ledger.read() as connection:
        for plan in told.values():
            assert not {"planned", "intent"} & set(state_counts(connection, plan["plan"])), plan
    ledger.close()


def test_the_record_is_replayed_from_the_shell(
    ran: tuple[Path, dict[str, Any]], told: dict[str, dict[str, Any]]
) -> None:
    folder = ran[0]
    variables = stage_environment(folder, folder / "home")
    shown = run_chuda("--lang", "en", "experiment", "test-offer", "--replay", **variables)
    assert shown.returncode == 0, shown.stderr
    assert f"The replay gives the same: {told['test-offer']['verdict']}" in shown.stdout
