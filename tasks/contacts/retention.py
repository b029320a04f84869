"""How long what is kept: records of consent and refusal five months beyond the end of the relation."""

from __future__ import annotations

from datetime import datetime
from typing import Any

# Opt-outs are never deleted: that they are remembered is their purpose. A consent that was replaced goes when nobody
# is known by that token any more and the five months since it ended are over.
_PURGE = """
DELETE FROM consent_past
WHERE ended_at < $now::TIMESTAMPTZ - INTERVAL 5 MONTH AND token NOT IN (SELECT token FROM contact_clean)
"""
_ANY = "SELECT count(*) FROM consent_past WHERE ended_at < $now::TIMESTAMPTZ - INTERVAL 5 MONTH"


def purge_ended_consents(connection: Any, now: datetime) -> int:
    """Delete records of consent of people who are gone for more than five months; returns how many."""
    if not connection.execute(_ANY, {"now": now}).fetchone()[0]:
        return 0
    return int(connection.execute(_PURGE, {"now": now}).fetchone()[0])
