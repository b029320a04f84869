"""From a plan to sealed releases: what happens between planning and the first message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chuda.clock import to_us
from chuda.errors import UsageError
from chuda.stores.ledger.releases import Release, releases_of
from chuda.workspace import Workspace
from tasks.dispatch.sealing import read_release, read_release_row, seal_release
from tasks.planning.fingerprint import check_fingerprint


def planned_releases(workspace: Workspace, plan_id: str) -> list[Release]:
    """The releases of a plan in order, as they would be sealed; their messages stay in the warehouse.

    Raises:
        UsageError: there is no such plan.
    """
    now_us = to_us(workspace.clock.now())
    with workspace.warehouse.read() as connection:
        numbers = _release_numbers(connection, plan_id)
        return [read_release_row(connection, plan_id, number, now_us) for number in numbers]


def _release_numbers(connection: Any, plan_id: str) -> list[int]:
    found = connection.execute(
        "SELECT 1 FROM information_schema.tables WHERE table_schema = 'main' AND table_name = 'plan_release'"
    ).fetchone()
    rows = (
        connection.execute("SELECT number FROM plan_release WHERE plan_id = ? ORDER BY number", [plan_id]).fetchall()
        if found
        else []
    )
    if not rows:
        raise UsageError(f"there is no plan {plan_id}; `chuda calendar` lists plans")
    return [number for (number,) in rows]


def seal_plan(workspace: Workspace, releases: Sequence[Release]) -> int:
    """Seal what is not sealed yet, one release after another; returns how many were sealed now.

    Raises:
        Refused: another plan holds the occurrence, or the messages are not those that were planned.
    """
    sealed = 0
    for release in releases:
        number = int(release.release_id.rpartition("-")[2])
        with workspace.warehouse.read() as warehouse:
            check_fingerprint(warehouse, release.plan_id, number)
            planned = read_release(warehouse, release.plan_id, number, release.sealed_us)
        with workspace.ledger.write() as connection:
            sealed += seal_release(connection, planned, workspace.vault, workspace.keys)
    return sealed


def sealed_releases(workspace: Workspace, plan_id: str) -> list[Release]:
    """The sealed releases of a plan, in the order in which they may start."""
    with workspace.ledger.read() as connection:
        return releases_of(connection, plan_id)
