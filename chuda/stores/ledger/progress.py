"""How far sending has come, read from the ledger: per release what is open and done, and how fast it goes now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, text

_RATE_WINDOW_US = 60 * 1_000_000


@dataclass(frozen=True, slots=True)
class ReleaseProgress:
    """Messages of a sealed release by what became of their requests, and parts that are still to leave."""

    release_id: str
    size: int
    open: int
    open_parts: int
    accepted: int
    last_us: int | None


def release_progress(connection: Connection, plan_ids: Sequence[str]) -> dict[str, ReleaseProgress]:
    """The sealed releases of these plans by id; `accepted` counts whole requests, with the exceptions in them."""
    statement = text(_PROGRESS).bindparams(bindparam("plans", expanding=True))
    rows = connection.execute(statement, {"plans": list(plan_ids)})
    return {
        # PostgreSQL sums bigints into its decimal type.
        row[0]: ReleaseProgress(row[0], int(row[1]), int(row[2]), int(row[3]), int(row[4]), row[5])
        for row in rows
    }


_PROGRESS = """
SELECT b.release_id, sum(b.size),
       sum(CASE WHEN b.state IN ('planned', 'not_sent', 'intent') THEN b.size ELSE 0 END),
       sum(CASE WHEN b.state IN ('planned', 'not_sent', 'intent') THEN b.parts ELSE 0 END),
       sum(CASE WHEN b.state = 'accepted' THEN b.size ELSE 0 END),
       (SELECT max(a.intent_us) FROM attempt a WHERE a.release_id = b.release_id)
FROM batch b WHERE b.plan_id IN :plans GROUP BY b.release_id
"""


def sending_rate(connection: Connection, plan_id: str) -> float | None:
    """Messages per second over the last minute in which the plan sent; None if it sent in less than two moments."""
    last_us = connection.execute(
        text("SELECT max(a.intent_us) FROM attempt a JOIN release r ON r.release_id = a.release_id "
             "WHERE r.plan_id = :plan"),
        {"plan": plan_id},
    ).scalar()  # fmt: skip
    if last_us is None:
        return None
    first_us, messages = connection.execute(
        text("SELECT min(a.intent_us), sum(a.size) FROM attempt a JOIN release r ON r.release_id = a.release_id "
             "WHERE r.plan_id = :plan AND a.intent_us > :since"),
        {"plan": plan_id, "since": last_us - _RATE_WINDOW_US},
    ).one()  # fmt: skip
    return float(messages) * 1e6 / (last_us - first_us) if last_us > first_us else None
