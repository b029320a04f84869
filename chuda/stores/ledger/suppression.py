"""Who must not be messaged: appended at once, consulted in the transaction that starts a message."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from sqlalchemy import Connection, text

from chuda.message_types import Scope, rules_of
from chuda.stores.ledger.lists import each_of

Reason = Literal["opt_out", "complaint", "blacklist", "manual", "do_not_contact", "consent_withdrawn", "erased"]


@dataclass(frozen=True, slots=True)
class Suppression:
    """One person must not get messages of `scope` any more; times in microseconds UTC."""

    token: str
    scope: Scope
    reason: Reason
    source: str
    at_us: int
    recorded_us: int


def suppress(connection: Connection, entries: Sequence[Suppression]) -> int:
    """Record suppressions; the same (token, scope, reason) from the same source is recorded once.

    Returns:
        How many were new.
    """
    if not entries:
        return 0
    statement = text(
        "INSERT INTO suppression (token, scope, reason, source, at_us, recorded_us) "
        "SELECT :token, :scope, :reason, :source, :at_us, :recorded_us WHERE NOT EXISTS (SELECT 1 FROM suppression "
        "WHERE token = :token AND scope = :scope AND reason = :reason AND source = :source)"
    )
    before = _count(connection)
    connection.execute(statement, [asdict(entry) for entry in entries])
    return _count(connection) - before


def suppressed_among(connection: Connection, tokens: Iterable[str], message_type: str) -> set[str]:
    """Those of `tokens` that may not get a message of this type, for a number of their own or an alternate one."""
    scopes = rules_of(message_type).stopped_by
    wanted = list(tokens)
    if not scopes or not wanted:
        return set()
    scope_list = ", ".join(f"'{scope}'" for scope in scopes)
    rows = connection.execute(
        text(
            f"SELECT s.token FROM {each_of(connection)} "
            f"JOIN suppression s ON s.token = t.value WHERE s.scope IN ({scope_list}) "
            f"UNION SELECT a.token FROM {each_of(connection)} JOIN alternate a ON a.token = t.value "
            f"JOIN suppression s ON s.token = a.alternate_token WHERE s.scope IN ({scope_list})"
        ),
        {"values": json.dumps(wanted)},
    )
    return {row.token for row in rows}


def remember_alternates(connection: Connection, pairs: Sequence[tuple[str, str]]) -> None:
    """Keep (person, further number of that person), both as tokens, so that an opt-out of one stops the other."""
    if pairs:
        connection.execute(
            text("INSERT INTO alternate (token, alternate_token) VALUES (:token, :alternate) ON CONFLICT DO NOTHING"),
            [{"token": token, "alternate": alternate} for token, alternate in pairs],
        )


def _count(connection: Connection) -> int:
    return int(connection.execute(text("SELECT count(*) FROM suppression")).scalar_one())


def suppressions_of(connection: Connection, token: str) -> list[Suppression]:
    """Everything that stops messages to a person, oldest first."""
    rows = connection.execute(
        text(
            "SELECT token, scope, reason, source, at_us, recorded_us FROM suppression WHERE token = :token ORDER BY id"
        ),
        {"token": token},
    )
    return [Suppression(*row) for row in rows]
