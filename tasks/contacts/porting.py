"""Numbers that a receipt showed to be ported: from then on the prefix no longer says whose customer somebody is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_HAS_RECEIPTS = "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'receipt_received'"
_CODES = "SELECT DISTINCT code FROM read_csv(?, header = true, all_varchar = true) WHERE category = 'ported'"
_PORT = """
UPDATE contact_clean SET carrier = 'ported', updated_at = $now
WHERE carrier <> 'ported' AND token IN (SELECT token FROM receipt_received WHERE list_contains($codes, code))
"""


def apply_ports(connection: Any, receipt_codes: Path, now: Any) -> int:
    """Set the carrier of everybody whose receipts tell of a port to `ported`; returns how many are new.

    Args:
        connection: a writing transaction of the warehouse with contact_clean.
        receipt_codes: `receipt_codes.csv`; the codes of its category `ported` count, whatever the provider.
        now: the moment of the change.
    """
    if not connection.execute(_HAS_RECEIPTS).fetchone()[0]:
        return 0
    codes = [row[0] for row in connection.execute(_CODES, [str(receipt_codes)]).fetchall()]
    return int(connection.execute(_PORT, {"now": now, "codes": codes}).fetchone()[0])
