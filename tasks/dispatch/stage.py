"""The door of the dispatch room."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from uuid import UUID

from prefect.artifacts import acreate_progress_artifact, aupdate_progress_artifact
from prefect.context import FlowRunContext, TaskRunContext

from chuda.results import StageResult
from chuda.stores.ledger.releases import state_counts
from chuda.workspace import Workspace, open_workspace
from expectations.suites.dispatch_results import DISPATCH_RESULTS
from tasks.dispatch.approving import (
    SecondFactor,
    approve_all,
    approve_one,
    choose_release,
    waiting_releases,
)
from tasks.dispatch.changes import keep_plan_source
from tasks.dispatch.progress import read_standing
from tasks.dispatch.releasing import planned_releases, seal_plan
from tasks.dispatch.sender import SendReport
from tasks.dispatch.sending import send_releases
from tasks.dispatch.watching import find_missed, record_missed
from tasks.feedback.mirror import mirror_ledger
from tasks.stage import open_stage, stage_task

SHOWN_EVERY_S = 5.0


@stage_task("approve and seal")
def approve_plan(plan_id: str, approved_by: str, code: str = "", release_number: int | None = None) -> StageResult:
    """Approve a plan and seal what was approved: all of it by a plain yes, or one release by a second factor.

    Args:
        plan_id: the plan.
        approved_by: who approves.
        code: a code of theirs; without one only simulator channels can be approved.
        release_number: which release the code is for; by default the first that has no approval.
    """
    with open_workspace() as workspace:
        releases = planned_releases(workspace, plan_id)
        keep_plan_source(workspace, plan_id)
        if code:
            chosen = choose_release(workspace, releases, release_number)
            approve_one(workspace, chosen, SecondFactor(approved_by, code))
            approved = [chosen]
        else:
            approved = approve_all(workspace, releases, approved_by)
        seal_plan(workspace, approved)
        left = waiting_releases(workspace, releases)
    messages = sum(release.size for release in approved)
    details = {
        "approved": ", ".join(release.release_id for release in approved),
        "waiting": ", ".join(release.release_id for release in left),
    }
    return StageResult("approval", "release", messages, messages, details=details)


@stage_task("watch approvals")
def watch_approvals() -> StageResult:
    """Find plans whose slot has come, or is over, without an approval; what is new becomes an alert."""
    with open_workspace() as workspace:
        now = workspace.clock.now()
        missed = find_missed(workspace, now)
        new = record_missed(workspace, missed, now)
    details = {f"{one.plan_id} {one.event}": f"{one.messages} messages" for one in new}
    verdict = "warned" if missed else "passed"
    return StageResult("approvals", "approval_missed", len(missed), len(new), verdict=verdict, details=details)


@stage_task("dispatch")
def dispatch(plan_id: str, wait: bool = True) -> StageResult:
    """Send every sealed release of a plan as far as it may go now; with `wait`, until nothing more may leave at all."""
    with open_workspace() as workspace:
        reports = asyncio.run(_send_shown(workspace, plan_id, wait))
        with workspace.ledger.read() as connection:
            counts = state_counts(connection, plan_id)
    with open_stage() as stage:
        mirror_ledger(stage.connection, stage.workspace.ledger)
        planned = sum(counts.values())
        stage.gate.require(DISPATCH_RESULTS, plan_id, {"plan": plan_id})
        details = {"stop": ", ".join(sorted({report.stop for report in reports}))}
        details |= {f"note {number}": one.note for number, one in enumerate(reports, start=1) if one.note}
        return StageResult(
            "dispatch", "batch_state", planned, counts.get("accepted", 0), counts, stage.gate.verdict, details
        )


async def _send_shown(workspace: Workspace, plan_id: str, wait: bool) -> list[SendReport]:
    """Send, and inside a run keep a progress artifact beside it."""
    if FlowRunContext.get() is None and TaskRunContext.get() is None:
        return await send_plan(workspace, plan_id, wait)
    sending = asyncio.create_task(send_plan(workspace, plan_id, wait))
    await show_until_done(sending, plan_id, _progress_artifact(workspace, plan_id))
    return await sending


async def show_until_done(
    sending: asyncio.Task[list[SendReport]], plan_id: str, show: Callable[[], Awaitable[None]],
    every_s: float = SHOWN_EVERY_S,
) -> None:  # fmt: skip
    """Show how far a plan is, every few seconds and once more at its end; what cannot be shown never stops it."""
    done: set[asyncio.Task[list[SendReport]]] = set()
    while not done:
        done, _ = await asyncio.wait([sending], timeout=every_s)
        try:
            await show()
        except Exception as error:
            logging.getLogger(__name__).warning("the progress of %s is not shown: %s", plan_id, type(error).__name__)


def _progress_artifact(workspace: Workspace, plan_id: str) -> Callable[[], Awaitable[None]]:
    """What writes the run's progress artifact, each time anew."""
    artifact: UUID | None = None

    async def show() -> None:
        nonlocal artifact
        standing = await asyncio.to_thread(read_standing, workspace, plan_id)
        percent, said = round(100 * (1 - standing.open / max(1, standing.messages)), 1), standing.to_markdown()
        if artifact is None:
            key = f"dispatch-{re.sub('[^a-z0-9]+', '-', plan_id.lower())}"
            artifact = await acreate_progress_artifact(percent, key, said)
        else:
            await aupdate_progress_artifact(artifact, percent, said)

    return show


async def send_plan(
    workspace: Workspace, plan_id: str, wait: bool, on_progress: Callable[[int], None] | None = None
) -> list[SendReport]:
    """Send the releases of a plan one after another, each waiting for its window if `wait`; one in trouble holds up no
    other.

    Raises:
        Refused: nothing was released; or, after all that may be sent was sent, why each of the others may not.
        ProviderTrouble: after all that could be sent was sent, which could not, and why; at once if it is the ledger.
        UsageError: after all that could be sent was sent: the credentials of a channel are not set.
    """
    return await send_releases(workspace, plan_id, wait, on_progress)
