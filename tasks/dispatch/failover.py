"""When a channel stops while sending: the next one of the approved plan takes over what is provably not sent.

The order is that of the campaign's `channels`. Where the last one stops too, what is left goes back to the first, and
the next `send` begins anew.
"""

from __future__ import annotations

import os
import uuid

from chuda.clock import to_us
from chuda.records.channel import ChannelRecord
from chuda.stores.ledger import Connection
from chuda.stores.ledger.channels import verdicts_of
from chuda.stores.ledger.failover import find_origin, move_unsent, rank_of, stand_ins
from chuda.stores.ledger.leases import HeldElsewhere, acquire, give_back
from chuda.stores.ledger.recording import adopt_orphans
from chuda.stores.ledger.releases import Release
from chuda.workspace import Workspace
from tasks.channels.fitness import reasons_against
from tasks.dispatch.changes import find_changes
from tasks.dispatch.worker import why_not_now


def fail_over(workspace: Workspace, stopped: Release, reason: str) -> Release | None:
    """Move what a stopped channel has provably not sent to the next channel that may carry it now.

    Args:
        workspace: where it is sent.
        stopped: the release whose channel stopped.
        reason: why, for the record.

    Returns:
        The release to go on with; None if there is none, or nothing of it may move.
    """
    with workspace.ledger.write() as connection:
        lease = acquire(
            connection, f"release:{stopped.release_id}", f"{os.getpid()}-{uuid.uuid4().hex[:12]}",
            workspace.ledger.store_now_us(connection),
        )  # fmt: skip
        if isinstance(lease, HeldElsewhere):
            return None
        now_us = to_us(workspace.clock.now())
        adopt_orphans(connection, lease, stopped.release_id, now_us)
        origin = find_origin(connection, stopped)
        for target in stand_ins(origin)[rank_of(stopped.release_id) :]:
            if _may_carry(connection, workspace, target):
                moved = move_unsent(connection, stopped, target, reason, now_us)
                give_back(connection, lease)
                return target if moved else None
        if stopped.release_id != origin.release_id:
            move_unsent(connection, stopped, origin, reason, now_us)
        give_back(connection, lease)
    return None


def _may_carry(connection: Connection, workspace: Workspace, target: Release) -> bool:
    """Whether a channel may carry a release now: its record as approved, its licence, signature and tests in order."""
    record, now = ChannelRecord.model_validate_json(target.channel_record), workspace.clock.now()
    return not (
        find_changes(workspace, target)
        or why_not_now(record, workspace.clock)
        or reasons_against(record, target.message_type, verdicts_of(connection, record.name), now)
    )
