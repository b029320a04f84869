"""What restricts goes first: refusals and do-not-contact entries into the ledger, before anything is published."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from chuda.clock import to_us
from chuda.message_types import Scope
from chuda.stores.ledger import Connection, Ledger
from chuda.stores.ledger.alternates import suppress_people
from chuda.stores.ledger.suppression import Reason, Suppression, suppress

_MAINS = "SELECT token FROM contact_alternate WHERE alternate_token IN (SELECT unnest($tokens)) ORDER BY token"
_AT_ONCE = 50_000


def record_refusals(ledger: Ledger, tokens: Sequence[str], source_file: str, now: datetime) -> int:
    """Suppress people whose consent an import takes away, for marketing; returns how many were new."""
    now_us = to_us(now)
    entries = [
        Suppression(token, "marketing", "consent_withdrawn", f"file:{source_file}", now_us, now_us) for token in tokens
    ]
    return _in_parts(ledger, entries, suppress)


def record_stops(
    ledger: Ledger, said_at: Mapping[str, datetime | None], source: str, now: datetime, *,
    scope: Scope = "all", reason: Reason = "do_not_contact",
) -> int:  # fmt: skip
    """Suppress people, all numbers the ledger knows of them, with the time at which each said so (None: now).

    Returns:
        How many of those named were new.
    """
    now_us = to_us(now)
    entries = [
        Suppression(token, scope, reason, source, to_us(at) if at else now_us, now_us) for token, at in said_at.items()
    ]
    return _in_parts(ledger, entries, suppress_people)


def main_tokens(connection: Any, tokens: Sequence[str]) -> list[str]:
    """The people who have one of these numbers as a further one: a stop for it covers them."""
    has_pairs = "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'contact_alternate'"
    if not tokens or not connection.execute(has_pairs).fetchone()[0]:
        return []
    return [row[0] for row in connection.execute(_MAINS, {"tokens": list(tokens)}).fetchall()]


def mains_with_times(connection: Any, said: pl.DataFrame) -> dict[str, datetime | None]:
    """The people behind further numbers, each with the time at which their number was stopped (`said`: token, at)."""
    connection.register("stop_said", said.to_arrow())
    pairs = connection.execute(
        "SELECT pair.token, stop_said.at FROM contact_alternate AS pair "
        "JOIN stop_said ON stop_said.token = pair.alternate_token ORDER BY ALL"
    ).fetchall()
    connection.unregister("stop_said")
    return dict(pairs)


def _in_parts(
    ledger: Ledger, entries: Sequence[Suppression], write: Callable[[Connection, Sequence[Suppression]], int]
) -> int:
    """In transactions of bounded size: a sender waits for the ledger meanwhile."""
    new = 0
    for start in range(0, len(entries), _AT_ONCE):
        with ledger.write() as connection:
            new += write(connection, entries[start : start + _AT_ONCE])
    return new
