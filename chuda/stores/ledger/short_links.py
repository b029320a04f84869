"""Own short links on record: which message a code belongs to, and where it leads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, text

from chuda.stores.ledger.lists import each_of

PROOFS = "proof"
"""Stands for the batch of a link that was sent to test phones only: followed, never counted."""


@dataclass(frozen=True, slots=True)
class KeptLink:
    """The code of one message."""

    code: str
    batch_id: str
    position: int


@dataclass(frozen=True, slots=True)
class FoundLink:
    """What a code leads to; `sent_us` is when the request with its message last left, None if it never did."""

    batch_id: str
    position: int
    channel: str
    target: str
    sent_us: int | None


def held_codes(connection: Connection, codes: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Those of the codes that are on record, with the message (batch, position) each belongs to."""
    if not codes:
        return {}
    rows = connection.execute(
        text(f"SELECT s.code, s.batch_id, s.position FROM {each_of(connection)} JOIN short_link s ON s.code = t.value"),
        {"values": json.dumps(list(codes))},
    )
    return {row.code: (row.batch_id, row.position) for row in rows}


def keep_links(connection: Connection, channel: str, target: str, links: Sequence[KeptLink]) -> None:
    """Keep the codes of a release, in the transaction that seals it; codes that are on record stay as they are."""
    if not links:
        return
    where = {"channel": channel, "url": target}
    connection.execute(
        text("INSERT INTO link_target (channel, url) VALUES (:channel, :url) ON CONFLICT DO NOTHING"), where
    )
    found = connection.execute(text("SELECT id FROM link_target WHERE channel = :channel AND url = :url"), where)
    target_id = found.scalar_one()
    connection.execute(
        text("INSERT INTO short_link (code, batch_id, position, target_id) "
             "VALUES (:code, :batch_id, :position, :target_id) ON CONFLICT DO NOTHING"),
        [asdict(link) | {"target_id": target_id} for link in sorted(links, key=lambda link: link.code)],
    )  # fmt: skip


def find_link(connection: Connection, code: str) -> FoundLink | None:
    """What a code leads to; None if nobody was given it.

    A message that was kept back (suppressed, withdrawn, refused) counts as never sent: nobody can have its link.
    """
    row = connection.execute(
        text("SELECT s.batch_id, s.position, t.channel, t.url AS target, "
             "CASE WHEN e.state IN ('suppressed', 'expired', 'cancelled') THEN NULL ELSE a.intent_us END AS sent_us "
             "FROM short_link s JOIN link_target t ON t.id = s.target_id "
             "LEFT JOIN batch b ON b.batch_id = s.batch_id "
             "LEFT JOIN attempt a ON a.batch_id = b.batch_id AND a.number = b.attempts "
             "LEFT JOIN message_exception e ON e.batch_id = s.batch_id AND e.position = s.position "
             "WHERE s.code = :code"),
        {"code": code},
    ).one_or_none()  # fmt: skip
    return None if row is None else FoundLink(*row)
