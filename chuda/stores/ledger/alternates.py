"""Which numbers belong to one person: an opt-out on one of them covers all.

The importer finds alternates and keeps them in the warehouse; this copy lets a reply stop the person at once, where the
warehouse cannot be opened.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy import Connection, text

from chuda.stores.ledger.lists import each_of
from chuda.stores.ledger.suppression import Suppression, suppress


def count_alternates(connection: Connection) -> int:
    """How many pairs are kept."""
    return int(connection.execute(text("SELECT count(*) FROM alternate")).scalar_one())


def related_tokens(connection: Connection, tokens: Iterable[str]) -> dict[str, set[str]]:
    """Each token with the others of the same person: whom it is an alternate of, and their and its own alternates."""
    found: dict[str, set[str]] = {}
    for row in connection.execute(
        text(_RELATED.format(each=each_of(connection))), {"values": json.dumps(sorted(set(tokens)))}
    ):
        found.setdefault(row.token, set()).add(row.other)
    return found


# A shared number (a family's) may be an alternate of several persons; its opt-out covers all of them.
_RELATED = """
WITH wanted AS (SELECT t.value AS token FROM {each}),
main AS (
    SELECT w.token, w.token AS person FROM wanted w
    UNION
    SELECT w.token, a.token FROM wanted w JOIN alternate a ON a.alternate_token = w.token
)
SELECT m.token, m.person AS other FROM main m WHERE m.person <> m.token
UNION
SELECT m.token, a.alternate_token FROM main m JOIN alternate a ON a.token = m.person WHERE a.alternate_token <> m.token
"""


def suppress_people(connection: Connection, entries: Sequence[Suppression]) -> int:
    """Suppress everybody named and all further numbers of the same persons; returns how many named ones were new."""
    related = related_tokens(connection, [entry.token for entry in entries])
    others = [replace(entry, token=other) for entry in entries for other in sorted(related.get(entry.token, ()))]
    new = suppress(connection, entries)
    suppress(connection, others)
    return new


def forget_alternates(connection: Connection, tokens: Sequence[str]) -> None:
    """Forget the pairs these numbers are in, as the warehouse does with erased ones."""
    for token in tokens:
        connection.execute(
            text("DELETE FROM alternate WHERE token = :token OR alternate_token = :token"), {"token": token}
        )


def find_late_relatives(connection: Connection, now_us: int) -> list[Suppression]:
    """Suppressions that numbers lack which were found to belong to a suppressed person only afterwards."""
    rows = connection.execute(text(_LATE), {"now": now_us})
    return [Suppression(*row) for row in rows]


_LATE = """
SELECT DISTINCT pair.other, s.scope, s.reason, s.source, s.at_us, CAST(:now AS BIGINT)
FROM (SELECT token, alternate_token AS other FROM alternate UNION SELECT alternate_token, token FROM alternate) pair
JOIN suppression s ON s.token = pair.token
WHERE s.reason IN ('opt_out', 'complaint', 'do_not_contact') AND NOT EXISTS (
    SELECT 1 FROM suppression o
    WHERE o.token = pair.other AND o.scope = s.scope AND o.reason = s.reason AND o.source = s.source)
"""
