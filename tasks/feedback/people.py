"""Handing the importer's alternates to the ledger, so that an opt-out on one number covers the person at once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from chuda.clock import to_us
from chuda.stores.ledger import Ledger
from chuda.stores.ledger.alternates import count_alternates, find_late_relatives
from chuda.stores.ledger.suppression import remember_alternates, suppress

_ALTERNATES = "SELECT token, alternate_token FROM contact_alternate"


def share_alternates(connection: Any, ledger: Ledger, now: datetime) -> int:
    """Bring the ledger's alternates up to the warehouse's and cover late relatives; returns the new suppressions.

    Alternates are only ever added, so equal counts mean there is only the covering to do.
    """
    has_table = connection.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'contact_alternate'").fetchone()
    pairs = connection.execute(f"SELECT count(*) FROM ({_ALTERNATES})").fetchone()[0] if has_table else 0
    with ledger.read() as reading:
        is_behind = pairs > count_alternates(reading)
    if is_behind:
        with ledger.write() as writing:
            remember_alternates(writing, connection.execute(_ALTERNATES).fetchall())
    # Looked for outside of the writing transaction: nobody who sends has to wait for it.
    with ledger.read() as reading:
        late = find_late_relatives(reading, to_us(now))
    if not late:
        return 0
    with ledger.write() as writing:
        return suppress(writing, late)
