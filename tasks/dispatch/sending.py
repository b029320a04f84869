"""Sending a plan's releases: each through its channel, and through the next of the plan when that one stops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from chuda.errors import ChannelStopped, ChudaError, ProviderTrouble, Refused, StoreTrouble, UsageError
from chuda.settings import environment
from chuda.stores.ledger.releases import Release, rank_of
from chuda.workspace import Workspace
from tasks.dispatch.approving import void_changed
from tasks.dispatch.failover import fail_over, reasons_against_following, take_back
from tasks.dispatch.releasing import sealed_releases
from tasks.dispatch.sender import SendReport
from tasks.dispatch.worker import close_what_is_over, send_release

_REFUSALS = {
    "not_approved": "has not been approved; `chuda approve {plan}`",
    "approval_expired": "was approved too long ago; approve it again: `chuda approve {plan}`",
    "not_released": "has not been released; `chuda approve {plan}`",
}
OnProgress = Callable[[int], None] | None


async def send_releases(workspace: Workspace, plan_id: str, wait: bool, on_progress: OnProgress) -> list[SendReport]:
    """Send the releases of a plan one after another; one in trouble holds up no other.

    Raises:
        Refused, ProviderTrouble, UsageError: as `send_plan` says.
    """
    for release in sealed_releases(workspace, plan_id):
        if rank_of(release.release_id):
            take_back(workspace, release)
    releases = sealed_releases(workspace, plan_id)
    if not releases:
        raise Refused(f"plan {plan_id} {_REFUSALS['not_released'].format(plan=plan_id)}")
    reports: list[SendReport] = []
    problems: list[ChudaError] = []
    for release in releases:
        try:
            reports.append(await _check_and_send(workspace, release, wait, on_progress))
        except StoreTrouble:
            raise
        except (Refused, ProviderTrouble, UsageError) as problem:
            problems.append(problem)
    if problems:
        said = "\n".join(dict.fromkeys(str(problem) for problem in problems))
        # Trouble passes and is worth a repetition, a refusal is not: with both, the repetition.
        kinds = (ProviderTrouble, Refused, UsageError)
        raise next(kind for kind in kinds if any(isinstance(one, kind) for one in problems))(said)
    return reports


async def _check_and_send(workspace: Workspace, release: Release, wait: bool, on_progress: OnProgress) -> SendReport:
    # First: a release that is refused for its channel would otherwise stay open for ever.
    adopted = close_what_is_over(workspace.ledger, workspace.clock, release)
    try:
        void_changed(workspace, release)
        changed = None
    except Refused as refusal:
        changed = refusal
    try:
        report = await _send_one(workspace, release, wait, on_progress, changed)
    except (ChannelStopped, Refused, UsageError) as problem:
        # What the first channel is refused is for people to put right; a stand-in is only there to get on.
        if not isinstance(problem, ChannelStopped) and not rank_of(release.release_id):
            raise
        report = await _go_on_elsewhere(workspace, release, problem, wait, on_progress)
    return replace(report, adopted=report.adopted + adopted)


async def _go_on_elsewhere(
    workspace: Workspace, stopped: Release, problem: ChannelStopped | Refused | UsageError, wait: bool,
    on_progress: OnProgress,
) -> SendReport:  # fmt: skip
    """Send through the next channel what this one has not sent; then ask it about what it may have.

    Raises:
        ChannelStopped, Refused, UsageError: the problem, where no other channel may take over, or not everything moved.
    """
    target = fail_over(workspace, stopped, str(problem))
    if target is None:
        raise type(problem)("\n".join([str(problem), *reasons_against_following(workspace, stopped)]))
    report = await _check_and_send(workspace, target, wait, on_progress)
    said = f"{problem}\n改走渠道 {target.channel} / what was not sent goes on through channel {target.channel}"
    left = type(problem)(
        f"{problem}\n能改走的已改走渠道 {target.channel}，其余等渠道 {stopped.channel} / what may move went on through "
        f"channel {target.channel}; the rest waits for channel {stopped.channel}"
    )
    settled = await send_release(
        workspace.ledger, workspace.keys, workspace.clock, stopped, environment(), refusal=left
    )
    stop = settled.stop if report.stop == "done" else report.stop
    return replace(report, stop=stop, note=f"{said}\n{report.note}".strip())


async def _send_one(
    workspace: Workspace, release: Release, wait: bool, on_progress: OnProgress, changed: Refused | None
) -> SendReport:
    while True:
        report = await send_release(
            workspace.ledger, workspace.keys, workspace.clock, release, environment(), on_progress, changed
        )
        if report.stop in _REFUSALS:
            raise Refused(f"release {release.release_id} {_REFUSALS[report.stop].format(plan=release.plan_id)}")
        if report.stop not in ("window_closed", "daily_limit", "release_gap") or not wait:
            return report
        await workspace.clock.sleep_until(_resume_time(report, workspace.clock.now()))


def _resume_time(report: SendReport, now: datetime) -> datetime:
    return report.resume_at or now
