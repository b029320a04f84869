"""When a channel stops while sending: the next one of the approved plan takes over what is provably not sent.

The order is that of the campaign's `channels`. Where the last one stops too, what is left goes back to the first, and
the next `send` begins anew. So does what lies with a channel that may not carry it any more.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable

from chuda.clock import to_us
from chuda.errors import UsageError
from chuda.providers.opening import read_credentials
from chuda.records.channel import ChannelRecord
from chuda.settings import environment
from chuda.stores.ledger import Connection
from chuda.stores.ledger.channels import verdicts_of
from chuda.stores.ledger.failover import find_origin, move_unsent, stand_ins
from chuda.stores.ledger.leases import HeldElsewhere, acquire, give_back
from chuda.stores.ledger.recording import adopt_orphans
from chuda.stores.ledger.releases import Release, has_open, rank_of
from chuda.workspace import Workspace
from tasks.channels.fitness import reasons_against
from tasks.dispatch.changes import describe, find_changes
from tasks.dispatch.worker import why_not_now


def fail_over(workspace: Workspace, stopped: Release, reason: str) -> Release | None:
    """Move what a stopped channel has provably not sent to the next channel that may carry it now.

    Args:
        workspace: where it is sent.
        stopped: the release whose channel stopped.
        reason: why, for the record.

    Returns:
        The release to go on with; None if there is none, or nothing of it may move. Then what a stand-in had is with
        the first channel again.
    """

    def next_fit(connection: Connection, origin: Release) -> Release:
        following = stand_ins(origin)[rank_of(stopped.release_id) :]
        return next((one for one in following if not _why_not(connection, workspace, one)), origin)

    target = _move(workspace, stopped, next_fit, reason)
    return target if target is not None and rank_of(target.release_id) else None


def take_back(workspace: Workspace, stand_in: Release) -> None:
    """Give the first channel again what lies with a stand-in that may not carry it now."""
    with workspace.ledger.read() as connection:
        is_open = has_open(connection, stand_in.release_id)
        why_not = _why_not(connection, workspace, stand_in) if is_open else ""
    if why_not:
        _move(workspace, stand_in, lambda _, origin: origin, why_not)


def reasons_against_following(workspace: Workspace, stopped: Release) -> list[str]:
    """Why each of the channels after this one may not carry what it has not sent."""
    with workspace.ledger.read() as connection:
        following = stand_ins(find_origin(connection, stopped))[rank_of(stopped.release_id) :]
        said = [(one.channel, _why_not(connection, workspace, one)) for one in following]
    return [f"不能改走 {name} / {name} cannot take over: {why_not}" for name, why_not in said if why_not]


def _move(
    workspace: Workspace, source: Release, choose: Callable[[Connection, Release], Release], reason: str
) -> Release | None:
    """Move what is provably not sent to the chosen one of the family; None if somebody sends it or nothing moved."""
    with workspace.ledger.write() as connection:
        lease = acquire(
            connection, f"release:{source.release_id}", f"{os.getpid()}-{uuid.uuid4().hex[:12]}",
            workspace.ledger.store_now_us(connection),
        )  # fmt: skip
        if isinstance(lease, HeldElsewhere):
            return None
        now_us = to_us(workspace.clock.now())
        adopt_orphans(connection, lease, source.release_id, now_us)
        target = choose(connection, find_origin(connection, source))
        is_other = target.release_id != source.release_id
        moved = move_unsent(connection, source, target, reason, now_us) if is_other else 0
        give_back(connection, lease)
    return target if moved else None


def _why_not(connection: Connection, workspace: Workspace, target: Release) -> str:
    """Why a channel may not carry a release now: record as approved, credentials, licence, signature and tests; empty
    if it may.
    """
    record, now = ChannelRecord.model_validate_json(target.channel_record), workspace.clock.now()
    changes = find_changes(workspace, target)
    if changes:
        return describe(changes, "在批准后", "after approval")
    try:
        read_credentials(record, environment())
    except UsageError as missing:
        return str(missing)
    against = reasons_against(record, target.message_type, verdicts_of(connection, record.name), now)
    return why_not_now(record, workspace.clock) or "\n".join(str(reason) for reason in against)
