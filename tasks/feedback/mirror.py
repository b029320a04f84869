"""Bringing the ledger's state into the warehouse, where marts are built: events by what is new, states as they are.

The mark each table was read to is kept in the warehouse itself, in the transaction that appends the rows.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chuda.stores.ledger import Ledger
from chuda.stores.ledger.reading import (
    BATCHES,
    CLICKS,
    EXCEPTIONS,
    RECEIPTS,
    REPLIES,
    SUPPRESSIONS,
    read_frame,
    read_new,
)

_CREATE = """
CREATE TABLE IF NOT EXISTS receipt_received (receipt_id BIGINT, channel VARCHAR, batch_id VARCHAR, position INTEGER,
    token VARCHAR, status VARCHAR, code VARCHAR, parts INTEGER, reported_at TIMESTAMPTZ, received_at TIMESTAMPTZ);
CREATE TABLE IF NOT EXISTS reply_received (reply_id BIGINT, channel VARCHAR, token VARCHAR, text VARCHAR, kind VARCHAR,
    replied_at TIMESTAMPTZ);
CREATE TABLE IF NOT EXISTS click_received (click_id BIGINT, channel VARCHAR, batch_id VARCHAR, position INTEGER,
    token VARCHAR, link VARCHAR, clicked_at TIMESTAMPTZ);
CREATE TABLE IF NOT EXISTS batch_state (batch_id VARCHAR, plan_id VARCHAR, release_id VARCHAR, channel VARCHAR,
    state VARCHAR, size INTEGER, sent_at TIMESTAMPTZ, accepted_at TIMESTAMPTZ, attempts INTEGER);
CREATE TABLE IF NOT EXISTS message_exception (batch_id VARCHAR, position INTEGER, state VARCHAR, code VARCHAR,
    "at" TIMESTAMPTZ);
CREATE TABLE IF NOT EXISTS suppression_recorded (token VARCHAR, scope VARCHAR, reason VARCHAR, source VARCHAR,
    "at" TIMESTAMPTZ);
CREATE TABLE IF NOT EXISTS mirror_mark (source VARCHAR, mark BIGINT);
CREATE TABLE IF NOT EXISTS experiment_decision (plan_id VARCHAR, variant VARCHAR, verdict VARCHAR, chosen VARCHAR,
    sentence_zh VARCHAR, sentence_en VARCHAR, record VARCHAR, decided_at TIMESTAMPTZ);
"""
_EVENTS = (("receipt_received", "receipt_id", RECEIPTS), ("reply_received", "reply_id", REPLIES),
           ("click_received", "click_id", CLICKS))  # fmt: skip
_STATES = (("batch_state", BATCHES), ("message_exception", EXCEPTIONS), ("suppression_recorded", SUPPRESSIONS))


def create_mirror(connection: Any) -> None:
    """Create the warehouse's tables of what the ledger knows, where they are missing."""
    connection.execute(_CREATE)


def mirror_ledger(connection: Any, ledger: Ledger) -> dict[str, int]:
    """Bring the warehouse up to the ledger; returns the rows added (events) or held (states) by table.

    All tables are read in one view of the ledger, so that they agree with each other.
    """
    create_mirror(connection)
    rows: dict[str, int] = {}
    with ledger.read() as source:
        for table, key, query in _EVENTS:
            frame, mark = read_new(source, query, _read_mark(connection, table))
            rows[table] = _append_new(connection, table, key, frame)
            _save_mark(connection, table, mark)
        for table, query in _STATES:
            connection.execute(f"DELETE FROM {table}")
            rows[table] = _append(connection, table, read_frame(source, query))
    return rows


def _read_mark(connection: Any, table: str) -> int:
    row = connection.execute("SELECT mark FROM mirror_mark WHERE source = ?", [table]).fetchone()
    return int(row[0]) if row else 0


def _save_mark(connection: Any, table: str, mark: int) -> None:
    connection.execute("DELETE FROM mirror_mark WHERE source = ?", [table])
    connection.execute("INSERT INTO mirror_mark VALUES (?, ?)", [table, mark])


def _append_new(connection: Any, table: str, key: str, frame: pl.DataFrame) -> int:
    """Append the rows whose id is not there yet; only a part of the ids, at the end, can be."""
    if frame.is_empty():
        return 0
    lowest = frame[key].min()
    known = connection.execute(f"SELECT {key} FROM {table} WHERE {key} >= ?", [lowest]).pl()
    return _append(connection, table, frame.join(known, on=key, how="anti"))


def _append(connection: Any, table: str, frame: pl.DataFrame) -> int:
    connection.register("incoming", frame.to_arrow())
    connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM incoming")
    connection.unregister("incoming")
    return frame.height
