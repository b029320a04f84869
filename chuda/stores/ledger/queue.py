"""The durable queue of what providers handed over: kept first, made into events afterwards; rejects keep a reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, text

from chuda.phones import mask
from chuda.stores.ledger.feedback import move_cursor, read_cursor

TRIES = 3
"""A page that failed as a whole so often is left alone until somebody looks."""


@dataclass(frozen=True, slots=True)
class QueuedPage:
    """A page of one feed; `items` is a JSON list of tokenised items."""

    channel: str
    feed: str
    items: str
    size: int
    received_us: int
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class Reject:
    """An item that is no event of ours, with the reason; numbers in `shown` are masked."""

    channel: str
    feed: str
    reason: str
    shown: str
    received_us: int


def keep_pulled(connection: Connection, page: QueuedPage, rejects: Sequence[Reject], before: str, after: str) -> bool:
    """Keep a pulled page and move its cursor, in one transaction.

    Args:
        connection: a writing transaction.
        page: the page; an empty one only moves the cursor.
        rejects: its items that could not be read.
        before: the cursor it was asked for with.
        after: the cursor to go on from.

    Returns:
        False if somebody else moved the cursor meanwhile: then they have the page, and nothing was kept.
    """
    if read_cursor(connection, page.channel, page.feed) != before:
        return False
    _append(connection, page)
    append_rejects(connection, rejects)
    move_cursor(connection, page.channel, page.feed, after, page.received_us)
    return True


def keep_pushed(connection: Connection, page: QueuedPage, rejects: Sequence[Reject]) -> bool:
    """Keep a pushed page; False if the same body was kept before (a provider that saw no answer repeats itself)."""
    done = connection.execute(
        text("INSERT INTO feed_page (channel, feed, fingerprint, items, size, tries, received_us) "
             "VALUES (:channel, :feed, :fingerprint, :items, :size, 0, :received_us) ON CONFLICT DO NOTHING"),
        asdict(page),
    )  # fmt: skip
    if not done.rowcount:
        return False
    append_rejects(connection, rejects)
    return True


def append_rejects(connection: Connection, rejects: Sequence[Reject]) -> None:
    """Keep items that could not be used."""
    if rejects:
        connection.execute(
            text("INSERT INTO feed_reject (channel, feed, reason, shown, received_us) "
                 "VALUES (:channel, :feed, :reason, :shown, :received_us)"),
            [asdict(reject) for reject in rejects],
        )  # fmt: skip


def waiting_pages(connection: Connection, replies_only: bool = False) -> list[int]:
    """The ids of the pages that are still to be processed: replies first, an opt-out waits for nothing."""
    wanted = "AND feed = 'replies' " if replies_only else ""
    rows = connection.execute(
        text(f"SELECT id FROM feed_page WHERE processed_us IS NULL AND tries < :tries {wanted}"
             "ORDER BY CASE feed WHEN 'replies' THEN 0 ELSE 1 END, id LIMIT 1000"),
        {"tries": TRIES},
    )  # fmt: skip
    return [row.id for row in rows]


def take_page(connection: Connection, page_id: int) -> QueuedPage | None:
    """A waiting page; None if another process was faster. Writing transactions exclude each other (store.py)."""
    row = connection.execute(
        text("SELECT channel, feed, items, size, received_us FROM feed_page WHERE id = :id AND processed_us IS NULL"),
        {"id": page_id},
    ).one_or_none()
    return None if row is None else QueuedPage(*row)


def finish_page(connection: Connection, page_id: int, now_us: int) -> None:
    """Mark a page as processed and purge its items, in the transaction that kept its events."""
    connection.execute(
        text("UPDATE feed_page SET processed_us = :now, items = NULL WHERE id = :id"), {"now": now_us, "id": page_id}
    )


def note_failure(connection: Connection, page_id: int) -> None:
    """Remember that a page could not be processed."""
    connection.execute(text("UPDATE feed_page SET tries = tries + 1 WHERE id = :id"), {"id": page_id})


def stuck_pages(connection: Connection) -> int:
    """How many pages failed too often and wait for somebody to look."""
    return int(
        connection.execute(
            text("SELECT count(*) FROM feed_page WHERE processed_us IS NULL AND tries >= :tries"), {"tries": TRIES}
        ).scalar_one()
    )


def forget_processed(connection: Connection, before_us: int) -> int:
    """Drop the bare record of pages processed before a moment; a provider repeats a push within minutes."""
    done = connection.execute(text("DELETE FROM feed_page WHERE processed_us < :before"), {"before": before_us})
    return int(done.rowcount)


def open_rejects(connection: Connection) -> list[tuple[int, Reject]]:
    """The rejects nobody has settled, oldest first."""
    rows = connection.execute(
        text("SELECT id, channel, feed, reason, shown, received_us FROM feed_reject WHERE settled_us IS NULL "
             "ORDER BY id")
    )  # fmt: skip
    return [(row.id, Reject(*row[1:])) for row in rows]


def settle_reject(connection: Connection, reject_id: int, by: str, now_us: int) -> bool:
    """A person has looked at a reject; False if there is none open with this id."""
    done = connection.execute(
        text("UPDATE feed_reject SET settled_us = :now, settled_by = :by WHERE id = :id AND settled_us IS NULL"),
        {"now": now_us, "by": by, "id": reject_id},
    )
    return bool(done.rowcount)


def forget_in_rejects(connection: Connection, phone: str) -> int:
    """Blank what the rejects show of a number, which is masked there; returns how many rows that were.

    Whoever shares its first three and last four digits loses the words of a reject as well: better than keeping some.
    """
    masks = {mask(phone), mask(phone.removeprefix("+"))}
    done = 0
    for shown in sorted(masks):
        statement = text("UPDATE feed_reject SET shown = '' WHERE shown LIKE :pattern")
        done += connection.execute(statement, {"pattern": f"%{shown}%"}).rowcount
    return done


def _append(connection: Connection, page: QueuedPage) -> None:
    if page.size:
        connection.execute(
            text("INSERT INTO feed_page (channel, feed, fingerprint, items, size, tries, received_us) "
                 "VALUES (:channel, :feed, :fingerprint, :items, :size, 0, :received_us)"),
            asdict(page),
        )  # fmt: skip
