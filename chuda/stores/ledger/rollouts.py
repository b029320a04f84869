"""The waves of a roll-out in the ledger: how far they are, and how messages that will never leave are closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from chuda.stores.ledger.failover import family_of
from chuda.stores.ledger.releases import Release, find_release, insert_release


@dataclass(frozen=True, slots=True)
class ReleaseProgress:
    """How far some releases are: how many are sealed, how many of their requests are open, when the last left (us)."""

    sealed: int
    open_batches: int
    last_intent_us: int | None


@dataclass(frozen=True, slots=True)
class ClosedBatch:
    """Messages that will never leave, as many as one request would have taken."""

    batch_id: str
    tokens: tuple[str, ...]


def release_progress(connection: Connection, release_ids: Sequence[str]) -> ReleaseProgress:
    """How far the releases of a wave are; a request whose outcome is unknown is not open: it has left."""
    sealed = opened = 0
    last: int | None = None
    for release_id in [member for one in release_ids for member in family_of(connection, one)]:
        row = connection.execute(text(_PROGRESS), {"id": release_id}).one()
        sealed += row.sealed if release_id in release_ids else 0
        opened += row.opened
        last = max(filter(None, (last, row.last_us)), default=None)
    return ReleaseProgress(sealed, opened, last)


_PROGRESS = """
SELECT (SELECT count(*) FROM release WHERE release_id = :id) AS sealed,
       (SELECT count(*) FROM batch WHERE release_id = :id AND state IN ('planned', 'not_sent', 'intent')) AS opened,
       (SELECT max(intent_us) FROM attempt WHERE release_id = :id) AS last_us
"""


def simulator_approver(connection: Connection, plan_id: str) -> str | None:
    """Who approved the first release of a plan by a plain yes (simulator channels); None if nobody did."""
    value = connection.execute(
        text("SELECT approved_by FROM approval WHERE release_id = :id AND method = 'simulator'"), {"id": f"{plan_id}-1"}
    ).scalar()
    return None if value is None else str(value)


def close_messages(connection: Connection, release: Release, batches: Sequence[ClosedBatch], state: str) -> bool:
    """Record messages that nobody will send as a release of their own, closed from the start; once.

    Every planned message ends in a recorded state; these have no number and no text in the ledger, and nothing of them
    can be started: the release is over before it begins.

    Args:
        connection: a writing transaction.
        release: its times say that it is over.
        batches: the messages, by request.
        state: what became of them: cancelled or expired.

    Returns:
        Whether it was stored now.
    """
    if find_release(connection, release.release_id) is not None:
        return False
    insert_release(connection, release)
    rows = [
        {"batch_id": batch.batch_id, "release_id": release.release_id, "plan_id": release.plan_id, "seq": seq,
         "size": len(batch.tokens), "tokens": "".join(batch.tokens), "state": state, "ready": release.not_before_us}
        for seq, batch in enumerate(batches)
    ]  # fmt: skip
    if rows:
        connection.execute(_INSERT_CLOSED, rows)
    return True


_INSERT_CLOSED = text(
    "INSERT INTO batch (batch_id, release_id, plan_id, seq, size, parts, tokens, sealed, state, attempts, ready_us) "
    "VALUES (:batch_id, :release_id, :plan_id, :seq, :size, 0, :tokens, NULL, :state, 0, :ready)"
)
