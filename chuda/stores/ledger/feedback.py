"""What providers reported: receipts, replies and clicks, appended together with the cursor they were read at."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TypeVar

from sqlalchemy import Connection, text

from chuda.stores.ledger.lists import each_of
from chuda.stores.ledger.releases import split_tokens


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """One receipt; a notice has its own id for a batch id, a message that is not ours an empty one and position -1."""

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
class ScannerRow:
    """A program looked at a message's link: kept apart from clicks."""

    channel: str
    batch_id: str
    position: int
    token: str
    agent: str
    clicked_us: int


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


@dataclass(frozen=True, slots=True)
class LookRow:
    """A look at an own short link that was no person's, with the reason."""

    channel: str
    batch_id: str
    position: int
    reason: str
    agent: str
    looked_us: int


@dataclass(frozen=True, slots=True)
class LinkClickRow:
    """One click on a link that everybody of a variant has; `line` tells equal lines of a log apart."""

    channel: str
    link: str
    line: str
    clicked_us: int
    received_us: int


Row = TypeVar("Row", ReceiptRow, ReplyRow, ClickRow)
EventRow = ReceiptRow | ReplyRow | ClickRow | ScannerRow | LookRow | LinkClickRow
_TABLES: dict[type[EventRow], str] = {
    ReceiptRow: "receipt", ReplyRow: "reply", ClickRow: "click", ScannerRow: "scanner_click", LookRow: "link_look",
    LinkClickRow: "link_click",
}  # fmt: skip


def append_events(connection: Connection, rows: Sequence[EventRow]) -> None:
    """Append events of one kind."""
    if rows:
        connection.execute(text(_insert_into(type(rows[0]))), [asdict(row) for row in rows])


def add_link_clicks(connection: Connection, rows: Sequence[LinkClickRow]) -> int:
    """Append clicks that name no person; lines that are on record are left out. Returns how many were new."""
    if not rows:
        return 0
    count = text("SELECT count(*) FROM link_click")
    before = connection.execute(count).scalar_one()
    statement = f"{_insert_into(LinkClickRow)} ON CONFLICT DO NOTHING"
    connection.execute(text(statement), [asdict(row) for row in rows])
    return int(connection.execute(count).scalar_one() - before)


def _insert_into(kind: type[EventRow]) -> str:
    names = list(kind.__dataclass_fields__)
    return f"INSERT INTO {_TABLES[kind]} ({', '.join(names)}) VALUES ({', '.join(':' + n for n in names)})"


# What makes an event the same event, by table; providers repeat themselves, and a pull may bring what was pushed.
_SAME = {
    "receipt": ("batch_id", "position", "status", "code", "reported_us"),
    "reply": ("token", "channel", "text", "replied_us"),
    "click": ("token", "batch_id", "position", "link", "clicked_us"),
}
_LOOKED_UP_BY = {"receipt": ("batch_id", "position"), "reply": ("token",), "click": ("token",)}
_EACH_ROW = {
    "sqlite": ("json_each(:wanted)", "json_extract(value, '$[{n}]')"),
    "postgresql": ("jsonb_array_elements(CAST(:wanted AS jsonb))", "(value ->> {n})"),
}


def drop_known(connection: Connection, rows: Sequence[Row]) -> list[Row]:
    """The rows of one kind that are not on record yet, each once; a receipt of nobody's message is always new."""
    if not rows:
        return []
    table = _TABLES[type(rows[0])]
    known = _known(connection, table, rows)
    fresh: list[Row] = []
    for row in rows:
        identity = tuple(getattr(row, name) for name in _SAME[table])
        if identity not in known or (isinstance(row, ReceiptRow) and row.position < 0):
            fresh.append(row)
        known.add(identity)
    return fresh


def _known(connection: Connection, table: str, rows: Sequence[EventRow]) -> set[tuple[object, ...]]:
    keys = _LOOKED_UP_BY[table]
    source, field = _EACH_ROW[connection.dialect.name]
    types = {"position": "BIGINT"}
    wanted = ", ".join(f"CAST({field.format(n=n)} AS {types.get(key, 'TEXT')}) AS {key}" for n, key in enumerate(keys))
    same = " AND ".join(f"e.{key} = w.{key}" for key in keys)
    found = connection.execute(
        text(f"SELECT {', '.join('e.' + name for name in _SAME[table])} "
             f"FROM (SELECT DISTINCT {wanted} FROM {source} AS t) w JOIN {table} e ON {same}"),
        {"wanted": json.dumps(sorted({tuple(getattr(row, key) for key in keys) for row in rows}))},
    )  # fmt: skip
    return {tuple(row) for row in found}


@dataclass(frozen=True, slots=True)
class Member:
    """One message of a batch: its place and whose it is."""

    batch_id: str
    position: int
    token: str


def tokens_of_batches(connection: Connection, batch_ids: Iterable[str]) -> dict[str, str]:
    """The tokens of these batches, 32 characters each in order of position; batches that are not ours are missing."""
    rows = connection.execute(
        text(f"SELECT b.batch_id, b.tokens FROM {each_of(connection)} JOIN batch b ON b.batch_id = t.value"),
        {"values": json.dumps(sorted(set(batch_ids)))},
    )
    return {row.batch_id: row.tokens for row in rows}


def last_message_to(connection: Connection, token: str, channel: str, at_us: int, within_us: int) -> Member | None:
    """The last message to a person that may have left through a channel in the time before a moment.

    What the channel provably did not send is none of its receipts' message; what was concluded from a query may be.
    Looks through the batches of that time: for single events that name no message, not for whole feeds.
    """
    rows = connection.execute(
        text("SELECT b.batch_id, b.tokens FROM attempt a JOIN batch b ON b.batch_id = a.batch_id "
             "JOIN release r ON r.release_id = a.release_id WHERE r.channel = :channel "
             "AND a.intent_us BETWEEN :since AND :at AND b.tokens LIKE :token "
             "AND (coalesce(a.outcome, 'unknown') <> 'not_sent' OR a.code = 'absent') ORDER BY a.intent_us DESC"),
        {"channel": channel, "since": at_us - within_us, "at": at_us, "token": f"%{token}%"},
    )  # fmt: skip
    for row in rows:
        members = split_tokens(row.tokens)
        if token in members:
            return Member(row.batch_id, members.index(token), token)
    return None


def reported_notices(connection: Connection, notice_ids: Iterable[str]) -> set[tuple[str, str]]:
    """Of these notices, those of which there is a receipt, each with the token of the number that it names."""
    rows = connection.execute(
        text(f"SELECT DISTINCT r.batch_id, r.token FROM {each_of(connection)} "
             "JOIN receipt r ON r.batch_id = t.value AND r.position = 0"),
        {"values": json.dumps(sorted(notice_ids))},
    )  # fmt: skip
    return {(row.batch_id, row.token) for row in rows}


@dataclass(frozen=True, slots=True)
class Silent:
    """A message that was accepted and of which no receipt is on record."""

    batch_id: str
    position: int
    token: str
    sent_us: int


def silent_messages(
    connection: Connection, channel: str, sent_after_us: int, sent_before_us: int, after_batch: str, batches: int
) -> tuple[list[Silent], str]:
    """The silent messages of the next few accepted batches of a channel, in the order of the batches.

    Returns:
        The messages, and the batch to go on after; empty at the end.
    """
    rows = connection.execute(
        text("SELECT b.batch_id, b.tokens, a.intent_us FROM release r JOIN batch b ON b.release_id = r.release_id "
             "JOIN attempt a ON a.batch_id = b.batch_id AND a.number = b.attempts WHERE r.channel = :channel "
             "AND b.state = 'accepted' AND a.intent_us BETWEEN :since AND :until AND b.batch_id > :after "
             "ORDER BY b.batch_id LIMIT :batches"),
        {"channel": channel, "since": sent_after_us, "until": sent_before_us, "after": after_batch,
         "batches": batches},
    ).all()  # fmt: skip
    answered = _answered_places(connection, [row.batch_id for row in rows])
    silent = [
        Silent(row.batch_id, place, token, row.intent_us)
        for row in rows
        for place, token in enumerate(split_tokens(row.tokens))
        if (row.batch_id, place) not in answered
    ]
    return silent, rows[-1].batch_id if len(rows) == batches else ""


def _answered_places(connection: Connection, batch_ids: Sequence[str]) -> set[tuple[str, int]]:
    """The messages of these batches with a receipt, or with an end of their own: nothing is to be heard of those."""
    found: set[tuple[str, int]] = set()
    for table, ended in (("receipt", ""), ("message_exception", "WHERE e.state <> 'accepted'")):
        rows = connection.execute(
            text(f"SELECT e.batch_id, e.position FROM {each_of(connection)} "
                 f"JOIN {table} e ON e.batch_id = t.value {ended}"),
            {"values": json.dumps(list(batch_ids))},
        )  # fmt: skip
        found |= {(row.batch_id, row.position) for row in rows}
    return found


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
