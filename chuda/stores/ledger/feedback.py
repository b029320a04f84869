"""What providers reported: receipts, replies and clicks, appended together with the cursor they were read at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """One receipt; a message that is not ours has an empty batch id and position -1."""

    channel: str
    batch_id: str
    position: int
    token: str
    status: str
    code: str
    parts: int
    reported_us: int
    received_us: int


@dataclass(frozen=True, slots=True)
class ReplyRow:
    """One reply; phone numbers in its text are masked."""

    channel: str
    token: str
    text: str
    kind: str
    replied_us: int
    received_us: int


@dataclass(frozen=True, slots=True)
class ClickRow:
    """One click on a message's link."""

    channel: str
    batch_id: str
    position: int
    token: str
    link: str
    clicked_us: int
    received_us: int


_TABLES = {ReceiptRow: "receipt", ReplyRow: "reply", ClickRow: "click"}


def append_events(connection: Connection, rows: Sequence[ReceiptRow | ReplyRow | ClickRow]) -> None:
    """Append events of one kind."""
    if not rows:
        return
    names = list(type(rows[0]).__dataclass_fields__)
    statement = (
        f"INSERT INTO {_TABLES[type(rows[0])]} ({', '.join(names)}) VALUES ({', '.join(':' + n for n in names)})"
    )
    connection.execute(text(statement), [asdict(row) for row in rows])


def read_cursor(connection: Connection, channel: str, feed: str) -> str:
    """Where a feed was read to; empty at first."""
    value = connection.execute(
        text("SELECT value FROM feed_cursor WHERE channel = :channel AND feed = :feed"),
        {"channel": channel, "feed": feed},
    ).scalar()
    return value or ""


def move_cursor(connection: Connection, channel: str, feed: str, cursor: str, now_us: int) -> None:
    """Remember where a feed was read to, in the transaction that keeps what was read."""
    connection.execute(
        text("INSERT INTO feed_cursor (channel, feed, value, at_us) VALUES (:channel, :feed, :value, :us) "
             "ON CONFLICT (channel, feed) DO UPDATE SET value = excluded.value, at_us = excluded.at_us"),
        {"channel": channel, "feed": feed, "value": cursor, "us": now_us},
    )  # fmt: skip


def close_unanswered(connection: Connection, before_us: int, now_us: int) -> int:
    """Close the unknown batches last tried before `before_us` as unconfirmed; returns how many."""
    done = connection.execute(
        text("UPDATE batch SET state = 'unconfirmed', sealed = NULL WHERE state = 'unknown' AND EXISTS "
             "(SELECT 1 FROM attempt a WHERE a.batch_id = batch.batch_id AND a.number = batch.attempts "
             "AND a.intent_us < :before)"),
        {"before": before_us},
    )  # fmt: skip
    connection.execute(
        text("UPDATE attempt SET outcome = 'unconfirmed', outcome_us = :now WHERE outcome = 'unknown' "
             "AND intent_us < :before"),
        {"before": before_us, "now": now_us},
    )  # fmt: skip
    return int(done.rowcount)
