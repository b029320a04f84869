"""What a person must read: replies that are neither opt-out, complaint nor an answered keyword."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class UnreadReply:
    """A reply nobody has read yet; numbers in its text are masked."""

    id: int
    channel: str
    token: str
    text: str
    replied_us: int


def unread_replies(connection: Connection, limit: int) -> list[UnreadReply]:
    """The oldest replies nobody has read."""
    rows = connection.execute(
        text("SELECT r.id, r.channel, r.token, r.text, r.replied_us FROM reply r WHERE r.kind = 'other' "
             "AND NOT EXISTS (SELECT 1 FROM reply_read d WHERE d.reply_id = r.id) ORDER BY r.id LIMIT :limit"),
        {"limit": limit},
    )  # fmt: skip
    return [UnreadReply(*row) for row in rows]


def count_unread(connection: Connection) -> int:
    """How many replies nobody has read."""
    return int(
        connection.execute(
            text("SELECT count(*) FROM reply r WHERE r.kind = 'other' "
                 "AND NOT EXISTS (SELECT 1 FROM reply_read d WHERE d.reply_id = r.id)")
        ).scalar_one()
    )  # fmt: skip


def mark_read(connection: Connection, reply_ids: Sequence[int], by: str, now_us: int) -> int:
    """A person has read these replies; returns how many were unread until now."""
    done = 0
    for reply_id in reply_ids:
        done += connection.execute(
            text("INSERT INTO reply_read (reply_id, by, at_us) SELECT id, :by, CAST(:now AS BIGINT) FROM reply "
                 "WHERE id = :id AND kind = 'other' ON CONFLICT DO NOTHING"),
            {"id": reply_id, "by": by, "now": now_us},
        ).rowcount  # fmt: skip
    return done
