"""Who approved which release, and whether that still holds: the statements behind "approved is exactly what is sent".

An approval names the plan's hash and a digest of the release's row; what differs from either is not approved. Every
approval, refusal and voiding is appended to `approval_event` and stays.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, text

from chuda.stores.ledger.releases import Release, origin_of

SIMULATOR = "simulator"  # the method that is no second factor
RELEASE_GAP_US = 600 * 1_000_000
_NOT_APPROVED_CONTENT = frozenset({"sealed_us"})


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody approved exactly this release of the plan with this hash; times in microseconds UTC (business time)."""

    release_id: str
    plan_hash: str
    release_digest: str
    approved_by: str
    method: str
    approved_us: int
    expires_us: int


@dataclass(frozen=True, slots=True)
class ApprovalEvent:
    """One line of the record: approved, refused, voided or expired; `detail` is a method or a reason."""

    plan_id: str
    release_id: str
    event: str
    by: str
    detail: str
    at_us: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a release may not send now; `wait_us` if waiting helps."""

    stop: str
    wait_us: int | None = None


def digest_release(release: Release) -> str:
    """SHA-256 over everything in a release's row but when it was sealed."""
    content = {name: value for name, value in asdict(release).items() if name not in _NOT_APPROVED_CONTENT}
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def approval_of(release: Release, approved_by: str, method: str, now_us: int, expires_us: int) -> Approval:
    """The approval of a release as it is now."""
    return Approval(
        release.release_id, release.plan_hash, digest_release(release), approved_by, method, now_us, expires_us
    )


def approve(connection: Connection, approval: Approval, plan_id: str) -> None:
    """Record an approval; a newer one replaces one that was for something else or has expired."""
    extend_approval(connection, asdict(approval))
    record_event(
        connection,
        ApprovalEvent(
            plan_id, approval.release_id, "approved", approval.approved_by, approval.method, approval.approved_us
        ),
    )


def extend_approval(connection: Connection, approval: Mapping[str, object]) -> None:
    """Keep an approval without a line of its own: nobody said yes again, what was approved continues elsewhere."""
    connection.execute(text(_APPROVE), approval)


_APPROVE = """
INSERT INTO approval (release_id, plan_hash, release_digest, approved_by, method, approved_us, expires_us)
VALUES (:release_id, :plan_hash, :release_digest, :approved_by, :method, :approved_us, :expires_us)
ON CONFLICT (release_id) DO UPDATE SET plan_hash = excluded.plan_hash, release_digest = excluded.release_digest,
    approved_by = excluded.approved_by, method = excluded.method, approved_us = excluded.approved_us,
    expires_us = excluded.expires_us
"""


def record_event(connection: Connection, event: ApprovalEvent) -> None:
    """Append a line to the record of approvals."""
    connection.execute(
        text('INSERT INTO approval_event (plan_id, release_id, event, "by", detail, at_us) '
             "VALUES (:plan_id, :release_id, :event, :by, :detail, :at_us)"),
        asdict(event),
    )  # fmt: skip


def events_of(connection: Connection, plan_id: str) -> list[ApprovalEvent]:
    """The record of a plan's approvals, oldest first."""
    rows = connection.execute(
        text('SELECT plan_id, release_id, event, "by", detail, at_us FROM approval_event WHERE plan_id = :plan '
             "ORDER BY id"),
        {"plan": plan_id},
    )  # fmt: skip
    return [ApprovalEvent(*row) for row in rows]


def find_approval(connection: Connection, release_id: str) -> Approval | None:
    """The approval on record for a release."""
    row = connection.execute(text("SELECT * FROM approval WHERE release_id = :id"), {"id": release_id}).one_or_none()
    return None if row is None else Approval(**row._mapping)


def void(connection: Connection, release: Release, reason: str, now_us: int) -> bool:
    """Take an approval back because something changed after it, that of the release and all that stands in for it.

    Returns:
        Whether there was one.
    """
    done = connection.execute(text(_VOID), {"plan": release.plan_id, **_family(release.release_id)})
    if done.rowcount:
        record_event(connection, ApprovalEvent(release.plan_id, release.release_id, "voided", "", reason, now_us))
    return bool(done.rowcount)


_IN_FAMILY = "(release_id = :origin OR release_id LIKE :stand_ins)"
_VOID = f"""
DELETE FROM approval WHERE release_id = :origin
OR release_id IN (SELECT release_id FROM release WHERE plan_id = :plan AND {_IN_FAMILY})
"""


def _family(release_id: str) -> dict[str, str]:
    """A release and what stands in for it, in the plan's releases."""
    origin = origin_of(release_id)
    return {"origin": origin, "stand_ins": f"{origin}~%"}


def is_approved(connection: Connection, release: Release, now_us: int) -> bool:
    """Whether an approval for exactly this release is in force."""
    approval = find_approval(connection, release.release_id)
    return approval is not None and _covers(approval, release) and now_us < approval.expires_us


def is_finished(connection: Connection, release_id: str) -> bool:
    """Whether a sealed release has nothing left that may be sent; one that is not sealed has."""
    sealed, still_open = connection.execute(text(_FINISHED), {"id": release_id}).one()
    return bool(sealed) and not still_open


_FINISHED = """
SELECT (SELECT count(*) FROM release WHERE release_id = :id),
       (SELECT count(*) FROM batch WHERE release_id = :id AND state IN ('planned', 'not_sent', 'intent', 'unknown'))
"""


def is_family_finished(connection: Connection, release_id: str) -> bool:
    """Whether neither a sealed release nor what stands in for it has anything left that may be sent."""
    sealed, still_open = connection.execute(text(_FAMILY_FINISHED), {"id": release_id, **_family(release_id)}).one()
    return bool(sealed) and not still_open


_FAMILY_FINISHED = f"""
SELECT (SELECT count(*) FROM release WHERE release_id = :id),
       (SELECT count(*) FROM batch WHERE state IN ('planned', 'not_sent', 'intent', 'unknown') AND release_id IN (
            SELECT release_id FROM release
            WHERE plan_id = (SELECT plan_id FROM release WHERE release_id = :id) AND {_IN_FAMILY}))
"""


def find_hold(connection: Connection, release: Release, now_us: int) -> Hold | None:
    """Why a release may not send now as far as approvals go: none, for something else, too old, or too soon after the
    release before it. None if it may.
    """
    approval = find_approval(connection, release.release_id)
    if approval is None or not _covers(approval, release):
        return Hold("not_approved")
    if now_us >= approval.expires_us:
        return Hold("approval_expired")
    if approval.method == SIMULATOR:
        return None
    started_us = _last_start_before(connection, release)
    if started_us is not None and now_us < started_us + RELEASE_GAP_US:
        return Hold("release_gap", started_us + RELEASE_GAP_US - now_us)
    return None


def _covers(approval: Approval, release: Release) -> bool:
    return approval.plan_hash == release.plan_hash and approval.release_digest == digest_release(release)


def _last_start_before(connection: Connection, release: Release) -> int | None:
    """When the latest of the plan's other releases started, for one that has not started through any channel."""
    return connection.execute(text(_LAST_START), {"plan": release.plan_id, **_family(release.release_id)}).scalar()


_LAST_START = f"""
SELECT max(started_us) FROM (
    SELECT (SELECT min(a.intent_us) FROM attempt a WHERE a.release_id = r.release_id) AS started_us
    FROM release r
    WHERE r.plan_id = :plan AND NOT {_IN_FAMILY}
        AND NOT EXISTS (SELECT 1 FROM attempt own WHERE own.release_id IN (
            SELECT release_id FROM release WHERE plan_id = :plan AND {_IN_FAMILY}))
) AS started
"""
