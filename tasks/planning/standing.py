"""Approving an occurrence of a recurring campaign before its people are known, up to stated counts.

The night makes the plan at two o'clock and its slot comes in the morning: whoever cannot be there in between says
beforehand how many messages an occurrence may have. On a real channel one code covers one occurrence, as it covers one
release.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from chuda.clock import to_us
from chuda.errors import Refused, UsageError
from chuda.stores.ledger.approvals import SIMULATOR, approval_of, approve, is_approved
from chuda.stores.ledger.approvers import check_code
from chuda.stores.ledger.releases import Release
from chuda.stores.ledger.standing import StandingApproval, approve_occurrences, find_standing_approval
from chuda.workspace import Workspace
from tasks.dispatch.approving import SecondFactor, code_refusal
from tasks.dispatch.changes import keep_plan_source
from tasks.dispatch.releasing import planned_releases, seal_plan
from tasks.dispatch.worker import check_sendable
from tasks.planning.briefing import Briefing, read_briefing
from tasks.planning.numbering import RELEASE_SIZE


@dataclass(frozen=True, slots=True)
class Allowance:
    """Occurrences from `first` to `last` (both included), each of at most so many messages and parts."""

    first: date
    last: date
    messages: int
    parts: int


def allow_occurrences(
    workspace: Workspace, campaign_file: Path, allowance: Allowance, factor: SecondFactor
) -> StandingApproval:
    """Approve occurrences of a recurring campaign beforehand.

    Raises:
        UsageError: the campaign is not recurring, or the counts make no sense.
        Refused: a real channel and no code, a wrong one, or more than one day.
    """
    now = workspace.clock.now()
    briefing = read_briefing(workspace.settings, campaign_file, now)
    _check_allowance(briefing, allowance)
    with workspace.ledger.write() as connection:
        method = SIMULATOR
        if not briefing.channel.simulator:
            check_sendable(briefing.channel, workspace.clock)
            real_us = workspace.ledger.store_now_us(connection)
            check = check_code(connection, workspace.keys, factor.name, factor.code, real_us)
            method = check.method if check.verdict == "accepted" else ""
        approval = StandingApproval(
            campaign_id=briefing.campaign.id, digest=briefing.standing_digest, first_day=str(allowance.first),
            last_day=str(allowance.last), max_messages=allowance.messages, max_parts=allowance.parts,
            approved_by=factor.name, method=method, approved_us=to_us(now),
        )  # fmt: skip
        if method:
            approve_occurrences(connection, approval)
    if not method:  # raised outside: the wrong code stays counted
        raise code_refusal(check, factor.name)
    return approval


def _check_allowance(briefing: Briefing, allowance: Allowance) -> None:
    campaign = briefing.campaign
    if briefing.recurring is None:
        raise UsageError(f"{campaign.id}: not a recurring campaign; approve its plan: `chuda approve PLAN`")
    if not 1 <= allowance.messages <= RELEASE_SIZE or allowance.parts < allowance.messages:
        raise UsageError(
            f"{campaign.id}: an occurrence may be allowed 1 to {RELEASE_SIZE:,} messages and no fewer parts"
        )
    if allowance.last < allowance.first:
        raise UsageError(f"{campaign.id}: {allowance.last} lies before {allowance.first}")
    if not briefing.channel.simulator and allowance.last != allowance.first:
        raise Refused(
            f"{campaign.id}: 真实渠道一个验证码只批准一天 / channel {briefing.channel.name} is real: one code covers "
            "one occurrence; allow each day with a code of its own"
        )


def cover_plan(workspace: Workspace, campaign_file: Path, plan_id: str) -> str:
    """Approve and seal a plan that a standing approval covers.

    Returns:
        Nothing if it is covered, else why not; the plan then waits for `chuda approve`.
    """
    now = workspace.clock.now()
    briefing = read_briefing(workspace.settings, campaign_file, now)
    with workspace.ledger.read() as connection:
        standing = find_standing_approval(connection, briefing.campaign.id, briefing.occurrence)
    if briefing.recurring is None or standing is None:
        return "no standing approval"
    releases = planned_releases(workspace, plan_id)
    why_not = _why_not_covered(standing, briefing, releases)
    if why_not:
        return why_not
    keep_plan_source(workspace, plan_id)
    with workspace.ledger.write() as connection:
        for release in releases:
            if not is_approved(connection, release, to_us(now)):
                approval = approval_of(release, standing.approved_by, standing.method, to_us(now), release.not_after_us)
                approve(connection, approval, plan_id)
    seal_plan(workspace, releases)
    return ""


def _why_not_covered(standing: StandingApproval, briefing: Briefing, releases: Sequence[Release]) -> str:
    messages, parts = (sum(getattr(release, name) for release in releases) for name in ("size", "parts"))
    is_of_today = all(
        (release.occurrence, release.channel_record) == (briefing.occurrence, briefing.channel.model_dump_json())
        for release in releases
    )
    if standing.digest != briefing.standing_digest or not is_of_today:
        return "the campaign, its channel or its business changed after the approval"
    if messages > standing.max_messages:
        return f"{messages:,} messages, {standing.max_messages:,} were approved"
    if parts > standing.max_parts:
        return f"{parts:,} parts, {standing.max_parts:,} were approved"
    return ""
