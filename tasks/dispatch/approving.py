"""Approving: who says yes to which release, by what, and what takes that back.

A simulator channel takes a plain yes for the whole plan. A real one takes a second factor per release: the code is
used up and the approval recorded in one transaction, so that no code approves twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from chuda.clock import from_us, to_us
from chuda.errors import Refused, UsageError
from chuda.records.channel import ChannelRecord
from chuda.stores.ledger.approvals import (
    SIMULATOR,
    ApprovalEvent,
    approval_of,
    is_approved,
    is_family_finished,
    is_finished,
    record_event,
    void,
)
from chuda.stores.ledger.approvers import CodeCheck, check_code, list_approvers
from chuda.stores.ledger.failover import approve_family, extend_to_stand_ins
from chuda.stores.ledger.releases import Release, claimed_plan, has_open, rank_of
from chuda.workspace import Workspace
from tasks.dispatch.changes import describe, find_changes
from tasks.dispatch.worker import check_sendable

APPROVABLE_BEFORE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """Who says they approve, and the code that shows it."""

    name: str
    code: str


def is_real(release: Release) -> bool:
    """Whether a release goes to people: its channel is not a simulator."""
    return not ChannelRecord.model_validate_json(release.channel_record).simulator


def approve_all(workspace: Workspace, releases: list[Release], approved_by: str) -> list[Release]:
    """Approve every release that is still to be sent by a plain yes: enough only where nothing leaves this machine.

    Returns:
        The releases whose approval is in force now; those whose time is over are left as they are.

    Raises:
        Refused: a channel is real, or nothing can be approved any more.
    """
    for release in releases:
        if is_real(release):
            raise Refused(
                f"渠道 {release.channel} 是真实渠道，每一批都要验证码 / channel {release.channel} is real: every "
                f"release needs a second factor; `chuda approve {release.plan_id} --code 123456` with the code of your "
                "authenticator (`chuda init --approver NAME` enrols you)"
            )
    open_now = open_releases(workspace, releases)
    for release in open_now:
        _refuse_unapprovable(workspace, release)
    now_us = to_us(workspace.clock.now())
    with workspace.ledger.write() as connection:
        for release in open_now:
            if is_approved(connection, release, now_us):
                extend_to_stand_ins(connection, release)
            else:
                approval = approval_of(release, approved_by, SIMULATOR, now_us, release.not_after_us)
                approve_family(connection, release, approval)
    return open_now


def open_releases(workspace: Workspace, releases: list[Release]) -> list[Release]:
    """The releases of which something may still leave, in order; none if all are done.

    Raises:
        Refused: the time of all is over, and some were never approved.
    """
    now_us = to_us(workspace.clock.now())
    with workspace.ledger.read() as connection:
        unfinished = [release for release in releases if not is_family_finished(connection, release.release_id)]
    open_now = [release for release in unfinished if now_us < release.not_after_us]
    if unfinished and not open_now:
        last = unfinished[-1]
        raise Refused(
            f"{last.release_id} 已过期 / expired: its time ended {from_us(last.not_after_us):%Y-%m-%d %H:%M} without "
            "an approval; make a new plan"
        )
    return open_now


def approve_one(workspace: Workspace, release: Release, factor: SecondFactor) -> None:
    """Approve one release with a second factor; everything else is looked at before the code is spent.

    Raises:
        Refused: the code is wrong, used or too late, the name is blocked, or the release cannot be approved.
        UsageError: nobody of that name is enrolled.
    """
    _refuse_unapprovable(workspace, release)
    with workspace.ledger.write() as connection:
        check = check_code(
            connection, workspace.keys, factor.name, factor.code, workspace.ledger.store_now_us(connection)
        )
        now_us = to_us(workspace.clock.now())
        if check.verdict == "accepted":
            approval = approval_of(release, factor.name, check.method, now_us, release.not_after_us)
            approve_family(connection, release, approval)
        else:
            record_event(
                connection,
                ApprovalEvent(release.plan_id, release.release_id, "refused", factor.name, check.verdict, now_us),
            )
    if check.verdict != "accepted":
        raise code_refusal(check, factor.name)


def waiting_releases(workspace: Workspace, releases: list[Release]) -> list[Release]:
    """The releases that could still be sent and have no approval in force."""
    now_us = to_us(workspace.clock.now())
    with workspace.ledger.read() as connection:
        return [
            release
            for release in releases
            if now_us < release.not_after_us
            and not is_family_finished(connection, release.release_id)
            and not is_approved(connection, release, now_us)
        ]


def choose_release(workspace: Workspace, releases: list[Release], number: int | None) -> Release:
    """The release a code is for: the one asked for, else the first that waits for its approval.

    Raises:
        UsageError: the plan has no such release.
        Refused: its time is over, or nothing waits for an approval.
    """
    open_now = {release.release_id: release for release in open_releases(workspace, releases)}
    waiting = waiting_releases(workspace, releases)
    if number is not None:
        wanted = f"{releases[0].plan_id}-{number}"
        if wanted not in {release.release_id for release in releases}:
            raise UsageError(f"plan {releases[0].plan_id} has no release {number}; it has 1 to {len(releases)}")
        if wanted not in open_now:
            raise Refused(f"{wanted} 已过期或已发完 / is expired or done: there is nothing to approve")
        return open_now[wanted]
    if not waiting:
        raise Refused(f"{releases[0].plan_id} 没有待批准的批次 / no release waits for an approval")
    return waiting[0]


def choose_approver(workspace: Workspace, asked: str | None, user: str) -> str:
    """Whose code it is: the name given, else the user's own, else the only one there is.

    Raises:
        UsageError: nobody is enrolled, or it could be several.
    """
    with workspace.ledger.read() as connection:
        names = [approver.name for approver in list_approvers(connection)]
    if not names:
        raise UsageError(
            "还没有登记审批人 / nobody is enrolled to approve; `chuda init --approver NAME` enrols the first"
        )
    chosen = asked or (user if user in names else names[0] if len(names) == 1 else None)
    if chosen is None:
        raise UsageError(f"several people may approve ({', '.join(names)}): say who you are with --as NAME")
    return chosen


def void_changed(workspace: Workspace, release: Release) -> None:
    """Take back the approval of a release whose channel, business or campaign on file is no longer the approved one.

    A machine without those files has nothing to compare; it sends what was approved. The approval is that of the
    release and all its stand-ins; a stand-in with nothing open does not cost the others theirs.

    Raises:
        Refused: naming what changed; the approval is gone.
    """
    changes = find_changes(workspace, release)
    if not changes:
        return
    now_us = to_us(workspace.clock.now())
    with workspace.ledger.write() as connection:
        if is_finished(connection, release.release_id):
            return
        if rank_of(release.release_id) == 0 or has_open(connection, release.release_id):
            void(connection, release, "; ".join(f"{one.what_en}: {one.keys}" for one in changes), now_us)
    raise Refused(
        f"{describe(changes, '在批准后', 'after approval')}: 批准作废 / the approval of {release.release_id} is void. "
        f"Put it back and approve again, or `chuda cancel {release.plan_id}`"
    )


def _refuse_unapprovable(workspace: Workspace, release: Release) -> None:
    with workspace.ledger.read() as connection:
        holder = claimed_plan(connection, release.campaign_id, release.occurrence)
    if holder not in (None, release.plan_id):
        raise Refused(
            f"{release.campaign_id} ({release.occurrence}) was already released as plan {holder}; two plans of one "
            f"occurrence could message somebody twice. Look at `chuda status {holder}`."
        )
    changes = find_changes(workspace, release)
    if changes:
        raise Refused(f"{describe(changes, '在计划后', 'after the plan was made')}: make a new plan")
    if is_real(release):
        _refuse_real(workspace, release)


def _refuse_real(workspace: Workspace, release: Release) -> None:
    check_sendable(ChannelRecord.model_validate_json(release.channel_record), workspace.clock)
    earliest = from_us(release.not_before_us) - APPROVABLE_BEFORE
    if workspace.clock.now() < earliest:
        raise Refused(
            f"{release.release_id} 发送前 7 天内才能批准 / can be approved from {earliest:%Y-%m-%d %H:%M} on, at most "
            "7 days before it is sent"
        )


def code_refusal(check: CodeCheck, name: str) -> Exception:
    """What a person is told whose code was not accepted."""
    if check.verdict == "unknown":
        return UsageError(
            f"没有登记 {name} / nobody called {name} may approve; `chuda init --approver {name}` enrols them"
        )
    said = {
        "wrong": "验证码不对 / this code is wrong; codes follow the real time, look at the clocks of phone and machine",
        "replayed": "验证码已用过 / this code was used already; wait for the next one (30 seconds)",
        "blocked": "验证码错误次数过多 / too many wrong codes",
    }[check.verdict]
    until = f"; {name} is blocked until {from_us(check.blocked_until_us):%Y-%m-%d %H:%M} (real time)"
    return Refused(said + (until if check.blocked_until_us else ""))
