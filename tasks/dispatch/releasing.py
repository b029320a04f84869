"""From a plan to sealed, approved releases: what happens between planning and the first message."""

from __future__ import annotations

from collections.abc import Sequence

from chuda.clock import Clock, to_us
from chuda.errors import Refused, UsageError
from chuda.records.channel import ChannelRecord
from chuda.stores.ledger.releases import Approval, Release, approve, releases_of
from chuda.workspace import Workspace
from tasks.dispatch.sealing import PlannedRelease, read_release, seal_release


def planned_releases(workspace: Workspace, plan_id: str) -> list[PlannedRelease]:
    """The releases of a plan that are ready to be approved and sealed, in order.

    Raises:
        UsageError: there is no such plan.
    """
    now_us = to_us(workspace.clock.now())
    with workspace.warehouse.read() as connection:
        numbers = connection.execute(
            "SELECT number FROM plan_release WHERE plan_id = ? ORDER BY number", [plan_id]
        ).fetchall()
        if not numbers:
            raise UsageError(f"there is no plan {plan_id}; `chuda calendar` lists plans")
        return [read_release(connection, plan_id, number, now_us) for (number,) in numbers]


def approve_for_simulator(workspace: Workspace, releases: Sequence[PlannedRelease], approved_by: str) -> None:
    """Approve releases by a plain yes, which is enough only where nothing leaves this machine.

    Raises:
        Refused: the channel is real; it needs a second factor.
    """
    for planned in releases:
        release = planned.release
        if not ChannelRecord.model_validate_json(release.channel_record).simulator:
            raise Refused(
                f"channel {release.channel} is real: its releases need a second factor, which this version cannot "
                "take yet; only simulator channels can be approved"
            )
    with workspace.ledger.write() as connection:
        for planned in releases:
            approve(connection, _approval(planned.release, workspace.clock, approved_by))


def _approval(release: Release, clock: Clock, approved_by: str) -> Approval:
    now_us = to_us(clock.now())
    return Approval(
        release.release_id, release.plan_hash, approved_by, "simulator", now_us, release.not_after_us
    )  # fmt: skip


def seal_plan(workspace: Workspace, releases: Sequence[PlannedRelease]) -> int:
    """Seal what is not sealed yet; returns how many releases were sealed now.

    Raises:
        Refused: another plan holds the occurrence, or a release was not approved.
    """
    sealed = 0
    for planned in releases:
        with workspace.ledger.write() as connection:
            sealed += seal_release(connection, planned, workspace.vault, workspace.keys)
    return sealed


def sealed_releases(workspace: Workspace, plan_id: str) -> list[Release]:
    """The sealed releases of a plan, in the order in which they may start."""
    with workspace.ledger.read() as connection:
        return releases_of(connection, plan_id)
