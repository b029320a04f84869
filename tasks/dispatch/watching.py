"""Plans whose time has come and that nobody approved: found once, for an alert; after their time they expire."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from chuda.clock import from_us, to_us
from chuda.stores.ledger.approvals import ApprovalEvent, is_approved, is_family_finished, record_event
from chuda.stores.ledger.releases import Release, claimed_plan, find_control
from chuda.workspace import Workspace
from tasks.dispatch.sealing import read_release_row

_LOOK_BACK = timedelta(days=7)
# Of several plans of one occurrence only the newest is waited for.
_COME = """
WITH newest AS (
    SELECT plan_id, row_number() OVER (PARTITION BY campaign_id, occurrence ORDER BY created_at DESC, plan_id) AS rank
    FROM plan_made
)
SELECT r.plan_id, r.number FROM plan_release r JOIN newest n ON n.plan_id = r.plan_id AND n.rank = 1
WHERE r.opens_at <= $now AND r.opens_at > $since ORDER BY r.plan_id, r.number
"""


@dataclass(frozen=True, slots=True)
class MissedApproval:
    """One plan, or part of it, without an approval: `waiting` since its slot opened, or `expired` at its end."""

    plan_id: str
    campaign_id: str
    event: Literal["waiting", "expired"]
    releases: int
    messages: int
    at: datetime


def find_missed(workspace: Workspace, now: datetime) -> list[MissedApproval]:
    """The plans of the last seven days whose slot has come without an approval, by plan and what became of them."""
    now_us = to_us(now)
    with workspace.warehouse.read() as connection:
        if not _has_plans(connection):
            return []
        rows = connection.execute(_COME, {"now": now, "since": now - _LOOK_BACK}).fetchall()
        releases = [read_release_row(connection, plan_id, number, now_us) for plan_id, number in rows]
    with workspace.ledger.read() as ledger:
        missing = [release for release in releases if _is_missing(ledger, release, now_us)]
    return list(_by_plan(missing, now_us))


def _has_plans(connection: Any) -> bool:
    found = connection.execute(
        "SELECT 1 FROM information_schema.tables WHERE table_schema = 'main' AND table_name = 'approval_missed'"
    ).fetchone()
    return found is not None


def _is_missing(ledger: Any, release: Release, now_us: int) -> bool:
    if claimed_plan(ledger, release.campaign_id, release.occurrence) not in (None, release.plan_id):
        return False
    control = find_control(ledger, release.plan_id)
    if control is not None and control.state == "cancelled":
        return False
    # One that ran out was approved at its time if it was sealed at all.
    at_us = min(now_us, release.not_after_us - 1)
    return not is_family_finished(ledger, release.release_id) and not is_approved(ledger, release, at_us)


def _by_plan(missing: list[Release], now_us: int) -> Iterator[MissedApproval]:
    groups: dict[tuple[str, Literal["waiting", "expired"]], list[Release]] = {}
    for release in missing:
        event: Literal["waiting", "expired"] = "expired" if now_us >= release.not_after_us else "waiting"
        groups.setdefault((release.plan_id, event), []).append(release)
    for (plan_id, event), members in groups.items():
        first = min(one.not_before_us if event == "waiting" else one.not_after_us for one in members)
        messages = sum(one.size for one in members)
        yield MissedApproval(plan_id, members[0].campaign_id, event, len(members), messages, from_us(first))


def record_missed(workspace: Workspace, missed: list[MissedApproval], now: datetime) -> list[MissedApproval]:
    """Keep what is new, in the warehouse for the alerts and, where a plan expired, in the record of its approvals.

    Returns:
        What was not known before.
    """
    with workspace.warehouse.read() as connection:
        known = set(connection.execute("SELECT plan_id, event FROM approval_missed").fetchall()) if missed else set()
    new = [one for one in missed if (one.plan_id, one.event) not in known]
    if not new:
        return []
    with workspace.ledger.write() as ledger:
        for one in new:
            if one.event == "expired":
                record_event(ledger, ApprovalEvent(one.plan_id, "", "expired", "", "not approved", to_us(now)))
    with workspace.warehouse.write() as connection:
        connection.executemany(
            "INSERT INTO approval_missed VALUES (?, ?, ?, ?, ?, ?)",
            [(one.plan_id, one.campaign_id, one.event, one.releases, one.messages, one.at) for one in new],
        )
    return new
