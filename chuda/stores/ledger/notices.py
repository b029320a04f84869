"""Transactional messages: the intent before the request, the outcome after it, and how many a number already got."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from sqlalchemy import Connection, text

NOTICE_ID = re.compile("n[0-9a-f]{20}")
"""What the id of a notice looks like; no batch has such a one."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One transactional message about to leave; times in microseconds UTC."""

    notice_id: str
    token: str
    channel: str
    message_type: str
    template: str
    parts: int
    intent_us: int
    sealed: bytes = field(repr=False)


_UNKNOWN = "CASE WHEN sealed IS NULL THEN 'unconfirmed' ELSE 'unknown' END"


@dataclass(frozen=True, slots=True)
class NumberLimit:
    """At most so many messages of a type to one number within a time."""

    within_s: int
    at_most: int


def add_intent(connection: Connection, notice: Notice) -> None:
    """Record that a message is about to leave."""
    connection.execute(
        text("INSERT INTO notice (notice_id, token, channel, message_type, template, parts, state, code, sealed, "
             "intent_us, outcome_us) VALUES (:notice_id, :token, :channel, :message_type, :template, :parts, 'intent', "
             "'', :sealed, :intent_us, NULL)"),
        asdict(notice),
    )  # fmt: skip


def settle_notice(connection: Connection, notice_id: str, state: str, code: str, now_us: int) -> None:
    """Record what became of a message; nothing replaces a certainty, and a certain one keeps no number.

    An unknown one of somebody erased meanwhile cannot be asked about any more: it is unconfirmed for good.
    """
    settled, purge = (_UNKNOWN, "") if state == "unknown" else (":state", ", sealed = NULL")
    connection.execute(
        text(f"UPDATE notice SET state = {settled}, code = :code, outcome_us = :us{purge} "
             "WHERE notice_id = :id AND state IN ('intent', 'unknown')"),
        {"state": state, "code": code, "us": now_us, "id": notice_id},
    )  # fmt: skip


def exceeded_limit(
    connection: Connection, token: str, message_type: str, limits: Sequence[NumberLimit], now_us: int
) -> tuple[NumberLimit, int] | None:
    """The limit that one more message to a number would break, and when (microseconds UTC) it no longer would.

    Providers count submissions: all count but those that provably did not leave.
    """
    longest_us = max(limit.within_s for limit in limits) * 1_000_000
    rows = connection.execute(
        text("SELECT intent_us FROM notice WHERE token = :token AND message_type = :type AND state <> 'not_sent' "
             "AND intent_us > :since ORDER BY intent_us DESC"),
        {"token": token, "type": message_type, "since": now_us - longest_us},
    )  # fmt: skip
    times = [int(row.intent_us) for row in rows]
    broken = [
        (limit, times[limit.at_most - 1] + limit.within_s * 1_000_000)
        for limit in limits
        if len(times) >= limit.at_most and times[limit.at_most - 1] > now_us - limit.within_s * 1_000_000
    ]
    return max(broken, key=lambda one: one[1], default=None)


def adopt_orphan_notices(connection: Connection, before_us: int, now_us: int) -> int:
    """Turn intents from before a moment that have no outcome into unknowns: their process died; returns how many."""
    done = connection.execute(
        text(f"UPDATE notice SET state = {_UNKNOWN}, code = 'owner_gone', outcome_us = :us "
             "WHERE state = 'intent' AND intent_us < :before"),
        {"us": now_us, "before": before_us},
    )  # fmt: skip
    return int(done.rowcount)


def unknown_notices(connection: Connection, channel: str, before_us: int) -> list[Notice]:
    """The messages of a channel from before a moment of which nobody knows what became of them, oldest first."""
    rows = connection.execute(
        text("SELECT notice_id, token, channel, message_type, template, parts, intent_us, sealed FROM notice "
             "WHERE state = 'unknown' AND channel = :channel AND intent_us < :before ORDER BY intent_us"),
        {"channel": channel, "before": before_us},
    )  # fmt: skip
    return [Notice(**{**row._mapping, "sealed": bytes(row.sealed)}) for row in rows]


def forget_notices(connection: Connection, tokens: Sequence[str]) -> None:
    """Take numbers and texts of erased people out of what is not certain yet; nobody can be asked about it any more."""
    for token in tokens:
        connection.execute(
            text("UPDATE notice SET sealed = NULL, state = CASE state WHEN 'unknown' THEN 'unconfirmed' ELSE state END "
                 "WHERE token = :token AND sealed IS NOT NULL"),
            {"token": token},
        )  # fmt: skip


def notice_counts(connection: Connection) -> dict[str, int]:
    """How many messages are in each state."""
    rows = connection.execute(text("SELECT state, count(*) AS messages FROM notice GROUP BY state ORDER BY state"))
    return {row.state: int(row.messages) for row in rows}
