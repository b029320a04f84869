"""How long what is kept: consents five months beyond the end of the relation, numbers while they are somebody's."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl

from chuda.stores.ledger.channels import test_phones
from chuda.workspace import Workspace

# Opt-outs are never deleted: that they are remembered is their purpose. A consent that was replaced goes when nobody
# is known by that token any more and the five months since it ended are over.
_PURGE = """
DELETE FROM consent_past
WHERE ended_at < $now::TIMESTAMPTZ - INTERVAL 5 MONTH AND token NOT IN (SELECT token FROM contact_clean)
"""
_NOBODYS = "SELECT token FROM left_over ANTI JOIN contact_clean USING (token)"
_ANY = "SELECT count(*) FROM consent_past WHERE ended_at < $now::TIMESTAMPTZ - INTERVAL 5 MONTH"


def purge_ended_consents(connection: Any, now: datetime) -> int:
    """Delete records of consent of people who are gone for more than five months; returns how many."""
    if not connection.execute(_ANY, {"now": now}).fetchone()[0]:
        return 0
    return int(connection.execute(_PURGE, {"now": now}).fetchone()[0])


def sweep_vault(workspace: Workspace, connection: Any) -> int:
    """Remove the numbers that imports left in the vault which were killed before they published; returns how many.

    Args:
        workspace: its vault and ledger.
        connection: the transaction of an import that has not put anything into the vault yet; while it is open nobody
            else imports.
    """
    left = workspace.vault.left_over()
    if left.is_empty():
        workspace.vault.settle()
        return 0
    with workspace.ledger.read() as ledger:
        kept = [phone.token for phone in test_phones(ledger)]
    connection.register("left_over", left.to_frame().to_arrow())
    nobody: pl.DataFrame = connection.execute(_NOBODYS).pl()
    connection.unregister("left_over")
    gone = workspace.vault.erase(nobody.filter(~pl.col("token").is_in(kept))["token"])
    workspace.vault.settle()
    return gone
