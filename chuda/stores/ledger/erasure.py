"""Erasing a person from the ledger: sealed batches are rewritten without them, what remains is a tombstone token.

Tokens of batches, attempts and receipts stay: they count messages, and nobody can be found from them once the vault
has forgotten the number. The tombstone is a suppression that is never taken away; imports ask for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from chuda.keys import Keys
from chuda.sealing import seal_messages, unseal_messages
from chuda.stores.ledger.releases import except_messages, split_tokens
from chuda.stores.ledger.suppression import Reason, Suppression, suppress

ERASED: Reason = "erased"
# Only batches of these states can still start a request; of the others it may be known already what became of them.
_NOT_STARTED = ("planned", "not_sent")

# Rows that count something stay without words; who is owed an answer is owed none any more.
_WORDS = (
    "UPDATE complaint SET text = '', shown = '' WHERE token = :token",
    "UPDATE answer SET text = '', state = CASE state WHEN 'waiting' THEN 'dropped' ELSE state END WHERE token = :token",
    "UPDATE scanner_click SET agent = '' WHERE token = :token",
    "UPDATE feed_reject SET shown = '' WHERE shown LIKE '%' || :token || '%'",
)


@dataclass(frozen=True, slots=True)
class ErasedFromLedger:
    """How many sealed messages were blanked, how many of those will never start, and how many replies were blanked."""

    messages: int
    withdrawn: int
    replies: int


def erase_people(
    connection: Connection, keys: Keys, tokens: Sequence[str], source: str, now_us: int
) -> ErasedFromLedger:
    """Erase people in the caller's writing transaction; doing it again changes nothing.

    Args:
        connection: a writing transaction.
        keys: those that sealed the batches.
        tokens: whom.
        source: who asked, for the record.
        now_us: when.

    Raises:
        UsageError: a batch cannot be opened with these keys.
    """
    suppress(connection, [Suppression(token, "all", ERASED, source, now_us, now_us) for token in tokens])
    gone, messages, withdrawn = set(tokens), 0, 0
    for row in _sealed_batches(connection, tokens):
        positions = [place for place, token in enumerate(split_tokens(row.tokens)) if token in gone]
        messages += _blank(connection, keys, row, positions)
        if row.state in _NOT_STARTED:
            withdrawn += _withdraw(connection, row.batch_id, positions, now_us)
            _close_if_empty(connection, row.batch_id, row.size)
    replies = sum(
        connection.execute(
            text("UPDATE reply SET text = '' WHERE token = :token AND text <> ''"), {"token": token}
        ).rowcount
        for token in tokens
    )
    for token in tokens:
        for statement in _WORDS:
            connection.execute(text(statement), {"token": token})
    return ErasedFromLedger(messages, withdrawn, replies)


def erased_tokens(connection: Connection) -> list[str]:
    """The tombstones: everybody who was erased and must not come back by an import."""
    rows = connection.execute(text("SELECT DISTINCT token FROM suppression WHERE reason = 'erased' ORDER BY token"))
    return [row.token for row in rows]


def _sealed_batches(connection: Connection, tokens: Sequence[str]) -> list[Any]:
    """Batches that still hold numbers of these people; there are few open ones, so they are looked through."""
    found: dict[str, Any] = {}
    for token in tokens:
        rows = connection.execute(
            text("SELECT batch_id, tokens, size, state, sealed FROM batch WHERE sealed IS NOT NULL "
                 "AND tokens LIKE :pattern ORDER BY batch_id"),
            {"pattern": f"%{token}%"},
        )  # fmt: skip
        found |= {row.batch_id: row for row in rows}
    return list(found.values())


def _blank(connection: Connection, keys: Keys, row: Any, positions: Sequence[int]) -> int:
    phones, texts = unseal_messages(keys, row.batch_id, bytes(row.sealed))
    filled = [place for place in positions if phones[place] or texts[place]]
    for place in filled:
        phones[place] = texts[place] = ""
    if filled:
        connection.execute(
            text("UPDATE batch SET sealed = :sealed WHERE batch_id = :id"),
            {"sealed": seal_messages(keys, row.batch_id, phones, texts), "id": row.batch_id},
        )
    return len(filled)


def _withdraw(connection: Connection, batch_id: str, positions: Sequence[int], now_us: int) -> int:
    """Record as suppressed whoever has no state of their own yet: an earlier word, like accepted, stays."""
    rows = connection.execute(text("SELECT position FROM message_exception WHERE batch_id = :id"), {"id": batch_id})
    settled = {row.position for row in rows}
    fresh = [place for place in positions if place not in settled]
    except_messages(
        connection,
        [{"batch_id": batch_id, "position": place, "state": "suppressed", "code": ERASED, "at_us": now_us}
         for place in fresh],
    )  # fmt: skip
    return len(fresh)


def _close_if_empty(connection: Connection, batch_id: str, size: int) -> None:
    """A batch whose members all have a state of their own has nothing left to send."""
    count = text("SELECT count(*) FROM message_exception WHERE batch_id = :id")
    if connection.execute(count, {"id": batch_id}).scalar_one() == size:
        connection.execute(
            text("UPDATE batch SET state = 'suppressed', sealed = NULL WHERE batch_id = :id"), {"id": batch_id}
        )
