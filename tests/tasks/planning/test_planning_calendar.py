"""The calendar: each plan on its day with its state, campaign files that wait, and people at their cap."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest
from approving_world import open_at
from fakes import phones, put_release
from plan_rows import CAMPAIGNS, OPENS, insert, put_plan, put_plan_release

from chuda.clock import FixedClock
from chuda.stores.ledger.releases import Control, set_control
from chuda.workspace import Workspace
from tasks.planning.calendar import CalendarDay, read_calendar
from tasks.planning.plan import create_plan_tables

DAY = timedelta(days=1)


@pytest.fixture
def workspace(tmp_path: Path, keys, ledger) -> Workspace:
    (tmp_path / "campaigns").mkdir()
    return open_at(tmp_path, keys, ledger, FixedClock(OPENS))


def calendar(workspace: Workspace, now=OPENS) -> list[CalendarDay]:
    with workspace.warehouse.read() as connection:
        return read_calendar(connection, workspace.ledger, workspace.settings, now, back=7, ahead=60)


def put(workspace: Workspace, *plan_ids: str, **changes) -> None:
    with workspace.warehouse.write() as connection:
        create_plan_tables(connection)
        for plan_id in plan_ids:
            put_plan(connection, plan_id, campaign_id=plan_id, **changes)


def states(days: list[CalendarDay]) -> dict[str, str]:
    return {entry.plan_id: entry.state for day in days for entry in day.entries}


def release(workspace: Workspace, plan_id: str) -> None:
    put_release(workspace.ledger, workspace.keys, OPENS, people=phones(4), plan_id=plan_id, occurrence=plan_id)
    with workspace.ledger.write() as connection:
        connection.exec_driver_sql(f"UPDATE occurrence SET campaign_id = '{plan_id}', occurrence = 'once' "
                                   f"WHERE plan_id = '{plan_id}'")  # fmt: skip


def test_a_workspace_without_plans_has_an_empty_calendar(workspace):
    with workspace.warehouse.write():
        pass
    assert calendar(workspace) == []


def test_each_state_of_a_plan_is_told(workspace):
    put(workspace, "p1", "p2", "p3", "p4", "p5")
    for plan_id in ("p2", "p3", "p4", "p5"):
        release(workspace, plan_id)
    with workspace.ledger.write() as connection:
        connection.exec_driver_sql("UPDATE batch SET state = 'accepted' WHERE plan_id = 'p3'")
        set_control(connection, "p4", Control("paused", "", "mei"), 0)
        set_control(connection, "p5", Control("cancelled", "", "mei"), 0)
    days = calendar(workspace)
    assert states(days) == {
        "p1": "not_approved", "p2": "approved", "p3": "done", "p4": "paused", "p5": "cancelled",
    }  # fmt: skip
    [day] = days
    assert (day.day, day.planned) == (OPENS.date(), 16)
    assert {entry.plan_id: entry.sent for entry in day.entries}["p3"] == 4
    assert {entry.window for entry in day.entries} == {"09:00-20:30"}


def test_a_plan_nobody_approved_is_expired_after_its_end(workspace):
    put(workspace, "p1")
    assert states(calendar(workspace, OPENS + DAY)) == {"p1": "expired"}


def test_sample_and_rollout_stand_on_their_own_days(workspace):
    put(workspace, "p1")
    with workspace.warehouse.write() as connection:
        put_plan_release(connection, "p1", 2, wave="rollout", size=30, opens_at=OPENS + 3 * DAY,
                         expires_at=OPENS + 4 * DAY)  # fmt: skip
    days = calendar(workspace)
    assert [(day.day, day.planned, day.entries[0].wave) for day in days] == [
        (OPENS.date(), 4, "all"), ((OPENS + 3 * DAY).date(), 30, "rollout"),
    ]  # fmt: skip


def test_of_two_plans_of_an_occurrence_the_released_one_counts_else_the_newest(workspace):
    with workspace.warehouse.write() as connection:
        create_plan_tables(connection)
        for plan_id, later in (("p1", 0), ("p2", 1)):
            put_plan(connection, plan_id, created_at=OPENS + later * DAY)
    assert list(states(calendar(workspace))) == ["p2"]
    with workspace.ledger.write() as connection:
        connection.exec_driver_sql("INSERT INTO occurrence VALUES ('demo-retail', 'once', 'p1', 'hash-p1', 0)")
    assert list(states(calendar(workspace))) == ["p1"]


def test_people_with_three_messages_in_seven_days_are_at_their_cap(workspace):
    put(workspace, "p1", "p2", "p3", "p4")
    sent = {"p1": OPENS - 6 * DAY, "p2": OPENS - DAY, "p3": OPENS, "p4": OPENS + DAY}
    with workspace.warehouse.write() as connection:
        for plan_id, at in sent.items():
            for token in ("a", "b") if plan_id != "p2" else ("a",):
                insert(connection, "plan_message", plan_id=plan_id, token=token, wave="all", text="x", send_at=at,
                       messages_before=0)  # fmt: skip
            connection.execute("UPDATE plan_release SET opens_at = ? WHERE plan_id = ?", [at, plan_id])
    at_cap = {day.day: day.people_at_cap for day in calendar(workspace)}
    assert at_cap == {
        (OPENS - 6 * DAY).date(): 0, (OPENS - DAY).date(): 0, OPENS.date(): 1, (OPENS + DAY).date(): 1,
    }  # fmt: skip


def test_a_dated_campaign_file_that_is_not_planned_stands_on_its_day(workspace):
    with workspace.warehouse.write():
        pass
    text = (CAMPAIGNS / "demo_retail.yaml").read_text("utf-8").replace("date: auto", 'date: "2026-11-28"')
    (workspace.settings.campaigns / "sale.yaml").write_text(text, "utf-8")
    shutil.copyfile(CAMPAIGNS / "business.yaml", workspace.settings.campaigns / "business.yaml")
    [day] = calendar(workspace)
    assert (day.day, day.entries[0].campaign_id, day.entries[0].state) == (
        date(2026, 11, 28),
        "demo-retail",
        "not_planned",
    )
