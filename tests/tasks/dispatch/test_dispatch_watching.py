"""A plan whose slot comes without an approval is found once as waiting and once as expired, and nothing else is."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from approving_world import open_at
from plan_rows import CAMPAIGNS, OPENS, put_plan, put_plan_release

from chuda.clock import FixedClock
from chuda.stores.ledger.approvals import events_of
from chuda.stores.ledger.releases import Control, set_control
from chuda.workspace import Workspace
from tasks.dispatch.approving import approve_all
from tasks.dispatch.releasing import planned_releases
from tasks.dispatch.watching import MissedApproval, find_missed, record_missed
from tasks.planning.plan import create_plan_tables

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def workspace(tmp_path: Path, keys, ledger) -> Workspace:
    shutil.copytree(CAMPAIGNS / "channels", tmp_path / "campaigns" / "channels")
    workspace = open_at(tmp_path, keys, ledger, FixedClock(OPENS - DAY))
    with workspace.warehouse.write() as connection:
        create_plan_tables(connection)
        put_plan(connection)
    return workspace


def found(workspace: Workspace, now: datetime) -> list[tuple[str, str, int]]:
    return [(one.plan_id, one.event, one.messages) for one in find_missed(workspace, now)]


def seal_row(workspace: Workspace) -> None:
    """What sealing leaves in the ledger, as far as approvals go."""
    with workspace.ledger.write() as connection:
        connection.exec_driver_sql("INSERT INTO occurrence VALUES ('demo-retail', 'once', 'p1', 'hash-p1', 0)")


def test_before_its_slot_nobody_is_waited_for(workspace):
    assert found(workspace, OPENS - MINUTE) == []


def test_at_its_slot_it_waits_and_at_its_end_it_is_expired(workspace):
    assert found(workspace, OPENS) == [("p1", "waiting", 4)]
    assert found(workspace, OPENS + DAY - MINUTE) == [("p1", "waiting", 4)]
    assert found(workspace, OPENS + DAY) == [("p1", "expired", 4)]


def test_an_old_one_is_no_news(workspace):
    assert found(workspace, OPENS + 8 * DAY) == []


def test_an_approved_one_is_missed_by_nobody_even_after_its_end(workspace):
    approve_all(workspace, planned_releases(workspace, "p1"), "mei")
    assert found(workspace, OPENS) == []
    assert found(workspace, OPENS + DAY) == []


def test_releases_of_one_plan_are_one_fact(workspace):
    with workspace.warehouse.write() as connection:
        put_plan_release(connection, "p1", 2, size=7)
    [missed] = find_missed(workspace, OPENS + MINUTE)
    assert missed == MissedApproval("p1", "demo-retail", "waiting", 2, 11, OPENS)


def test_only_the_newest_plan_of_an_occurrence_is_waited_for(workspace):
    with workspace.warehouse.write() as connection:
        put_plan(connection, "p2", created_at=OPENS + MINUTE)
    assert [plan_id for plan_id, _, _ in found(workspace, OPENS + MINUTE)] == ["p2"]
    seal_row(workspace)
    assert found(workspace, OPENS + MINUTE) == []


def test_a_cancelled_plan_is_not_waited_for(workspace):
    seal_row(workspace)
    with workspace.ledger.write() as connection:
        connection.exec_driver_sql("INSERT INTO control VALUES ('p1', 'running', '', '', 0)")
        set_control(connection, "p1", Control("cancelled", "shop closed", "mei"), 0)
    assert found(workspace, OPENS) == []


def test_each_fact_is_kept_once_and_an_end_without_approval_is_on_record(workspace):
    for now, news in ((OPENS, 1), (OPENS + MINUTE, 0), (OPENS + DAY, 1), (OPENS + DAY, 0)):
        assert len(record_missed(workspace, find_missed(workspace, now), now)) == news
    with workspace.warehouse.read() as connection:
        assert connection.execute("SELECT event FROM approval_missed ORDER BY \"at\"").fetchall() == [
            ("waiting",), ("expired",),
        ]  # fmt: skip
    with workspace.ledger.read() as connection:
        assert [(one.event, one.detail) for one in events_of(connection, "p1")] == [("expired", "not approved")]


def test_a_workspace_without_plans_waits_for_nothing(tmp_path, keys, ledger):
    empty = open_at(tmp_path / "new", keys, ledger, FixedClock(OPENS))
    with empty.warehouse.write():
        pass
    assert find_missed(empty, OPENS) == []
