"""Erasing a person (PIPL 47): from sealed batches, vault, warehouse and reject files; a tombstone token remains."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from chuda.clock import to_us
from chuda.stores.ledger import open_ledger
from chuda.stores.ledger.alternates import forget_alternates
from chuda.stores.ledger.erasure import erase_people
from chuda.stores.ledger.notices import forget_notices
from chuda.stores.ledger.queue import forget_in_rejects
from chuda.workspace import Workspace
from tasks.contacts.merging import create_contact_tables
from tasks.contacts.reject_files import forget_in_rejects as forget_in_files
from tasks.contacts.restrictions import main_tokens, record_stops
from tasks.planning.fingerprint import renew_for_erasure

# What the person's rows are taken out of, and what only loses its words: those rows count messages in reports.
_ROWS = (
    ("contact_clean", "token"), ("contact_alternate", "token"), ("contact_alternate", "alternate_token"),
    ("contact_record", "token"), ("contact_tagged", "token"), ("segment_span", "token"), ("order_clean", "token"),
    ("event_clean", "token"), ("plan_event", "token"),
)  # fmt: skip
_WORDS = (("plan_message", "text"), ("plan_rollout_text", "text"), ("reply_received", "text"),
          ("complaint_recorded", "text"))  # fmt: skip
# The law wants the proof of a consent kept for months, and nothing else of the person: no name, no number.
_KEEP_CONSENT = """
INSERT INTO consent_past
SELECT token, consent, consent_source, consent_at, consent_purpose, source_file, source_row, $now
FROM contact_clean WHERE token = $token AND consent <> 'none'
"""


@dataclass(frozen=True, slots=True)
class Erased:
    """What erasing a person removed; all 0 if nothing was known of them (the tombstone is set all the same)."""

    sealed_messages: int
    withdrawn_messages: int
    vault_numbers: int
    warehouse_rows: int
    reject_rows: int


def erase_person(workspace: Workspace, token: str, phone: str | None) -> Erased:
    """Erase a person for good; repeating it is safe, and finishes what was interrupted.

    Args:
        workspace: where.
        token: whom.
        phone: their number, if it was given; else it is looked up, to find it in reject files.

    Raises:
        ProviderTrouble: a store is locked; whoever is erased gets nothing any more, repeat to finish.
    """
    now = workspace.clock.now()
    with workspace.ledger.write() as connection:
        from_ledger = erase_people(connection, workspace.keys, [token], "manual", to_us(now))
    number = phone or _number_of(workspace, token)
    in_rejects = forget_in_files(workspace.settings.rejects, number) if number else 0
    if number:
        with workspace.ledger.write() as connection:
            in_rejects += forget_in_rejects(connection, number)
    in_vault = workspace.vault.erase([token])
    _erase_notices(workspace, token)
    rows = 0
    if workspace.settings.warehouse_file.exists():
        with workspace.warehouse.write() as warehouse:
            create_contact_tables(warehouse)
            # Once more: an import that knew nothing of it yet may have put the number back; now none is running.
            in_vault += workspace.vault.erase([token])
            # A number that is erased is also a further number of nobody any more: they get no marketing through it.
            mains = dict.fromkeys(main_tokens(warehouse, [token]), now)
            record_stops(workspace.ledger, mains, "erasure", now, scope="marketing", reason="opt_out")
            rows = _erase_rows(warehouse, token, now)
    # Last: before the warehouse lost them, an import could have handed them over again.
    with workspace.ledger.write() as connection:
        forget_alternates(connection, [token])
    return Erased(from_ledger.messages, from_ledger.withdrawn, in_vault, rows, in_rejects)


def _erase_notices(workspace: Workspace, token: str) -> None:
    target = workspace.settings.notice_ledger_target
    if not isinstance(target, Path):  # PostgreSQL has them beside the rest
        with workspace.ledger.write() as connection:
            forget_notices(connection, [token])
    elif target.exists():
        with closing(open_ledger(target, workspace.keys)) as ledger, ledger.write() as connection:
            forget_notices(connection, [token])


def _number_of(workspace: Workspace, token: str) -> str | None:
    if not workspace.vault.exists:
        return None
    found = workspace.vault.read(pl.Series([token]))
    return None if found.is_empty() else str(found["phone"][0])


def _erase_rows(connection: Any, token: str, now: Any) -> int:
    connection.execute(_KEEP_CONSENT, {"token": token, "now": now})
    tables = {row[0] for row in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    rows = 0
    for table, column in _ROWS:
        if table in tables:
            rows += connection.execute(f"DELETE FROM {table} WHERE {column} = ?", [token]).fetchone()[0]
    if {"plan_message", "plan_fingerprint"} <= tables:
        renew_for_erasure(connection, token)  # or the releases of everybody else could not be approved any more
    for table, column in _WORDS:
        if table in tables:
            sql = f"UPDATE {table} SET {column} = '' WHERE token = ? AND {column} <> ''"
            rows += connection.execute(sql, [token]).fetchone()[0]
    return int(rows)
