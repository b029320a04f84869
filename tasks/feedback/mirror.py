"""Bringing the ledger's state into the warehouse, where marts are built: events by what is new, states as they are."""

from __future__ import annotations

from typing import Any

import polars as pl

from chuda.stores.ledger import Ledger
from chuda.stores.ledger.reading import (
    ANSWER_BATCHES,
    BATCHES,
    CLICKS,
    COMPLAINTS,
    EXCEPTIONS,
    RECEIPTS,
    REPLIES,
    SUPPRESSIONS,
    read_frame,
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
CREATE TABLE IF NOT EXISTS answer_batch (batch_id VARCHAR, parts INTEGER);
CREATE TABLE IF NOT EXISTS message_exception (batch_id VARCHAR, position INTEGER, state VARCHAR, code VARCHAR,
    "at" TIMESTAMPTZ);
CREATE TABLE IF NOT EXISTS suppression_recorded (token VARCHAR, scope VARCHAR, reason VARCHAR, source VARCHAR,
    "at" TIMESTAMPTZ);
CREATE TABLE IF NOT EXISTS complaint_recorded (complaint_id BIGINT, token VARCHAR, channel VARCHAR, source VARCHAR,
    text VARCHAR, complained_at TIMESTAMPTZ, done_at TIMESTAMPTZ, cause VARCHAR, action VARCHAR, closed_at TIMESTAMPTZ,
    closed_by VARCHAR);
CREATE TABLE IF NOT EXISTS feedback_alarm (kind VARCHAR NOT NULL, severity VARCHAR NOT NULL, campaign_id VARCHAR,
    subject VARCHAR NOT NULL, kpi VARCHAR, value DOUBLE, line DOUBLE, value_low DOUBLE, value_high DOUBLE,
    events BIGINT, base BIGINT, p_value DOUBLE, since_at TIMESTAMPTZ NOT NULL, advice_zh VARCHAR NOT NULL,
    advice_en VARCHAR NOT NULL);
"""
_EVENTS = (("receipt_received", "receipt_id", RECEIPTS), ("reply_received", "reply_id", REPLIES),
           ("click_received", "click_id", CLICKS))  # fmt: skip
_STATES = (("batch_state", BATCHES), ("answer_batch", ANSWER_BATCHES), ("message_exception", EXCEPTIONS),
           ("suppression_recorded", SUPPRESSIONS), ("complaint_recorded", COMPLAINTS))  # fmt: skip


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
            after = connection.execute(f"SELECT coalesce(max({key}), 0) FROM {table}").fetchone()[0]
            rows[table] = _append(connection, table, read_frame(source, query, {"after": after}))
        for table, query in _STATES:
            connection.execute(f"DELETE FROM {table}")
            rows[table] = _append(connection, table, read_frame(source, query))
    return rows


def _append(connection: Any, table: str, frame: pl.DataFrame) -> int:
    connection.register("incoming", frame.to_arrow())
    connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM incoming")
    connection.unregister("incoming")
    return frame.height
