"""Bringing the ledger's state into the warehouse, where marts are built: events by what is new, states as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from chuda.stores.ledger import Connection, Ledger
from chuda.stores.ledger.failover import STAND_IN
from chuda.stores.ledger.reading import (
    ANSWERS,
    BATCHES,
    CLICKS,
    COMPLAINTS,
    EXCEPTIONS,
    LINK_CLICKS,
    LINK_LOOKS,
    RECEIPTS,
    RELEASE_RECORDS,
    REPLIES,
    SUPPRESSIONS,
    read_frame,
)
from chuda.stores.ledger.releases import ANSWERS_OF

_HERE = Path(__file__).parent
_ANSWERS_SQL = (_HERE / "write_answers.sql").read_text(encoding="utf-8")
_VARIANT_CLICKS_SQL = (_HERE / "count_variant_clicks.sql").read_text(encoding="utf-8")
_CREATE = """
CREATE TABLE IF NOT EXISTS receipt_received (receipt_id BIGINT, channel VARCHAR, batch_id VARCHAR, position INTEGER,
    token VARCHAR, status VARCHAR, code VARCHAR, parts INTEGER, reported_at TIMESTAMPTZ, received_at TIMESTAMPTZ);
CREATE TABLE IF NOT EXISTS reply_received (reply_id BIGINT, channel VARCHAR, token VARCHAR, text VARCHAR, kind VARCHAR,
    replied_at TIMESTAMPTZ);
CREATE TABLE IF NOT EXISTS click_received (click_id BIGINT, channel VARCHAR, batch_id VARCHAR, position INTEGER,
    token VARCHAR, link VARCHAR, clicked_at TIMESTAMPTZ);
CREATE TABLE IF NOT EXISTS link_click_received (link_click_id BIGINT, channel VARCHAR, link VARCHAR,
    clicked_at TIMESTAMPTZ);
CREATE TABLE IF NOT EXISTS link_look_received (look_id BIGINT, channel VARCHAR, batch_id VARCHAR, position INTEGER,
    reason VARCHAR, looked_at TIMESTAMPTZ);
CREATE TABLE IF NOT EXISTS answer_sent (plan_id VARCHAR, campaign_id VARCHAR, token VARCHAR, channel VARCHAR,
    batch_id VARCHAR, position INTEGER, state VARCHAR, sent_at TIMESTAMPTZ, parts DECIMAL(8, 2),
    price_cny DECIMAL(8, 4), billing VARCHAR);
CREATE TABLE IF NOT EXISTS variant_click (plan_id VARCHAR, variant VARCHAR, link VARCHAR, clicks BIGINT,
    first_clicked_at TIMESTAMPTZ, last_clicked_at TIMESTAMPTZ);
CREATE TABLE IF NOT EXISTS batch_state (batch_id VARCHAR, plan_id VARCHAR, release_id VARCHAR, channel VARCHAR,
    state VARCHAR, size INTEGER, sent_at TIMESTAMPTZ, accepted_at TIMESTAMPTZ, attempts INTEGER);
ALTER TABLE batch_state ADD COLUMN IF NOT EXISTS price_cny DECIMAL(8, 4);
ALTER TABLE batch_state ADD COLUMN IF NOT EXISTS billing VARCHAR;
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
           ("click_received", "click_id", CLICKS), ("link_click_received", "link_click_id", LINK_CLICKS),
           ("link_look_received", "look_id", LINK_LOOKS))  # fmt: skip
_STATES = (("batch_state", BATCHES), ("message_exception", EXCEPTIONS), ("suppression_recorded", SUPPRESSIONS),
           ("complaint_recorded", COMPLAINTS))  # fmt: skip


def create_mirror(connection: Any) -> None:
    """Create the warehouse's tables of what the ledger knows, where they are missing."""
    connection.execute(_CREATE)


EVENT_TABLES = tuple(table for table, *_ in _EVENTS)


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
            frame = read_frame(source, query)
            if table == "batch_state":
                prices = _priced(read_frame(source, RELEASE_RECORDS))
                frame = _by_approval(frame.join(prices, on="release_id", how="left"))
            connection.execute(f"DELETE FROM {table}")
            rows[table] = _append(connection, table, frame)
        rows["answer_sent"] = _write_answers(connection, source)
    rows["variant_click"] = _count_variant_clicks(connection)
    return rows


def _write_answers(connection: Any, source: Connection) -> int:
    """Answers to keywords, which no plan of the warehouse knows, message by message: what they cost."""
    connection.register("answer_batch", _priced(read_frame(source, ANSWERS)).to_arrow())
    connection.execute("DELETE FROM answer_sent")
    connection.execute(_ANSWERS_SQL, {"answers_of": ANSWERS_OF})
    connection.unregister("answer_batch")
    return int(connection.execute("SELECT count(*) FROM answer_sent").fetchone()[0])


def _count_variant_clicks(connection: Any) -> int:
    """Clicks on links that everybody of a variant has, by plan and variant; none before the first plan."""
    connection.execute("DELETE FROM variant_click")
    tables = {row[0] for row in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    if {"plan_made", "plan_message"} <= tables:
        connection.execute(_VARIANT_CLICKS_SQL)
    return int(connection.execute("SELECT count(*) FROM variant_click").fetchone()[0])


def _priced(frame: pl.DataFrame) -> pl.DataFrame:
    """The same with what a part costs, and when, on the channel that a release leaves through, for its record."""
    record = pl.col("channel_record")
    return frame.with_columns(
        price_cny=record.str.json_path_match("$.price_cny_per_part"), billing=record.str.json_path_match("$.billing")
    ).drop("channel_record")


def _by_approval(frame: pl.DataFrame) -> pl.DataFrame:
    """The same with every release under the id it was planned and approved by, whatever channel took it over."""
    return frame.with_columns(pl.col("release_id").str.replace(STAND_IN, ""))


def _append(connection: Any, table: str, frame: pl.DataFrame) -> int:
    connection.register("incoming", frame.to_arrow())
    connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM incoming")
    connection.unregister("incoming")
    return frame.height
