"""Failover while sending: what is provably not sent of a release leaves through a channel the approved plan names.

A batch moves whole and only if no request of it can have arrived anywhere; what is unknown, or was concluded from a
query, stays with the channel that was asked. The release it moves to is made of the approved one, so that the approval
holds for it: the records of the channels that may stand in are part of what was approved.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from sqlalchemy import Connection, text

from chuda.stores.ledger.approvals import (
    Approval,
    ApprovalEvent,
    approve,
    digest_release,
    extend_approval,
    find_approval,
    is_approved,
    record_event,
)
from chuda.stores.ledger.releases import STAND_IN as STAND_IN
from chuda.stores.ledger.releases import Release, find_control, find_release, insert_release, origin_of
from chuda.stores.ledger.states import OPEN, quoted


def family_of(connection: Connection, release_id: str) -> list[str]:
    """An approved release and what stands in for it, as far as they may be on record."""
    release = find_release(connection, release_id)
    return [release_id, *(each.release_id for each in (stand_ins(release) if release else ()))]


def find_origin(connection: Connection, release: Release) -> Release:
    """The approved release of which `release` is, or was made."""
    return find_release(connection, origin_of(release.release_id)) or release


def stand_ins(origin: Release) -> list[Release]:
    """The releases that what `origin` has not sent may move to, in order; not all of them are on record."""
    records: list[str] = json.loads(origin.standby)
    return [
        replace(
            origin, release_id=f"{origin.release_id}~{rank}", channel=json.loads(record)["name"],
            channel_record=record, standby="[]",
        )
        for rank, record in enumerate(records, start=1)
    ]  # fmt: skip


def move_unsent(connection: Connection, source: Release, target: Release, reason: str, now_us: int) -> int:
    """Let what is provably not sent of `source` leave through `target` from now on; returns how many batches moved.

    Args:
        connection: a writing transaction, of somebody who holds the lease of `source`.
        source: where they are: an approved release or one of its stand-ins.
        target: one of the stand-ins of the same approved release, or that itself.
        reason: why, for the record of approvals.
        now_us: the time.
    """
    origin = find_origin(connection, source)
    control = find_control(connection, source.plan_id)
    if target not in (origin, *stand_ins(origin)) or not is_approved(connection, origin, now_us):
        return 0
    if control is None or control.state != "running":
        return 0
    moved = connection.execute(text(_MOVE), {"source": source.release_id, "target": target.release_id}).rowcount
    if moved and target != origin:
        _put_on_record(connection, origin, target)
    if moved:
        detail = f"{moved} requests from channel {source.channel} to {target.channel}: {reason}"
        record_event(connection, ApprovalEvent(source.plan_id, target.release_id, "moved", "chuda", detail, now_us))
    return int(moved)


_MOVE = f"""
UPDATE batch SET release_id = :target
WHERE release_id = :source AND state IN ({quoted(OPEN)})
AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.batch_id = batch.batch_id
                AND (coalesce(a.outcome, 'unknown') <> 'not_sent' OR a.code = 'absent'))
AND NOT EXISTS (SELECT 1 FROM message_exception e WHERE e.batch_id = batch.batch_id
                AND e.state IN ('accepted', 'rejected'))
AND NOT EXISTS (SELECT 1 FROM receipt r WHERE r.batch_id = batch.batch_id)
"""


def _put_on_record(connection: Connection, origin: Release, target: Release) -> None:
    if find_release(connection, target.release_id) is None:
        insert_release(connection, target)
    extend_to_stand_ins(connection, origin)


def approve_family(connection: Connection, origin: Release, approval: Approval) -> None:
    """Record the approval of a release; it holds for its stand-ins on record too, and for those still to come."""
    approve(connection, approval, origin.plan_id)
    extend_to_stand_ins(connection, origin)


def extend_to_stand_ins(connection: Connection, origin: Release) -> None:
    """Let the approval of a release hold for those of its stand-ins that are on record."""
    approval = find_approval(connection, origin.release_id)
    for target in stand_ins(origin):
        if approval is not None and find_release(connection, target.release_id) is not None:
            digest = digest_release(target)
            extended = replace(approval, release_id=target.release_id, release_digest=digest)
            extend_approval(connection, asdict(extended))
