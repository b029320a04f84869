"""Complaints with their 24-hour clock, and what a person did about each: cause, action taken, closed by whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from chuda.errors import Refused, UsageError
from chuda.stores.ledger.alternates import suppress_people
from chuda.stores.ledger.suppression import Suppression

CLOCK_US = 24 * 3600 * 1_000_000
"""Within so long the person has to be out of every campaign (domain.md §5)."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """One complaint as it came in; numbers in its text are masked, times in microseconds UTC."""

    token: str
    shown: str
    channel: str
    source: str
    text: str
    complained_us: int
    received_us: int


@dataclass(frozen=True, slots=True)
class ComplaintCase:
    """A complaint on record with its clock; `done_us` is when the person was suppressed everywhere."""

    id: int
    token: str
    shown: str
    channel: str
    source: str
    text: str
    complained_us: int
    deadline_us: int
    done_us: int | None
    cause: str | None
    action: str | None
    closed_us: int | None
    closed_by: str | None

    def is_overdue(self, now_us: int) -> bool:
        """Whether the opt-out was, or still is, later than the 24 hours."""
        return (self.done_us if self.done_us is not None else now_us) > self.deadline_us


def add_complaints(connection: Connection, complaints: Sequence[Complaint]) -> list[int]:
    """Record complaints and suppress their people from everything, in one transaction; returns the ids."""
    suppress_people(
        connection,
        [Suppression(c.token, "all", "complaint", _source_of(c), c.complained_us, c.received_us) for c in complaints],
    )
    return [_insert(connection, complaint) for complaint in complaints]


def _source_of(complaint: Complaint) -> str:
    return f"{complaint.source}:{complaint.channel}" if complaint.channel else complaint.source


def _insert(connection: Connection, complaint: Complaint) -> int:
    row = connection.execute(
        text("INSERT INTO complaint (token, shown, channel, source, text, complained_us, received_us, deadline_us, "
             "done_us) VALUES (:token, :shown, :channel, :source, :text, :at, :received, :deadline, :received) "
             "RETURNING id"),
        {"token": complaint.token, "shown": complaint.shown, "channel": complaint.channel,
         "source": complaint.source, "text": complaint.text, "at": complaint.complained_us,
         "received": complaint.received_us, "deadline": complaint.complained_us + CLOCK_US},
    )  # fmt: skip
    return int(row.scalar_one())


def list_complaints(connection: Connection, *, with_closed: bool = False) -> list[ComplaintCase]:
    """The complaints on record, oldest first; closed ones only if asked for."""
    where = "" if with_closed else "WHERE closed_us IS NULL"
    return [ComplaintCase(*row) for row in connection.execute(text(f"{_CASES} {where} ORDER BY complained_us, id"))]


def find_complaint(connection: Connection, complaint_id: int) -> ComplaintCase:
    """One complaint.

    Raises:
        UsageError: there is none with this number.
    """
    row = connection.execute(text(f"{_CASES} WHERE id = :id"), {"id": complaint_id}).one_or_none()
    if row is None:
        raise UsageError(f"there is no complaint {complaint_id}; `chuda complaint list` shows their numbers")
    return ComplaintCase(*row)


_CASES = """
SELECT id, token, shown, channel, source, text, complained_us, deadline_us, done_us, cause, action, closed_us, closed_by
FROM complaint
"""


def close_complaint(
    connection: Connection, complaint_id: int, *, cause: str, action: str, by: str, now_us: int
) -> ComplaintCase:
    """Close a complaint: a person states its cause and what was done.

    Raises:
        UsageError: there is none with this number, or one of the three is empty.
        Refused: it is closed already; what was stated then stays.
    """
    case = find_complaint(connection, complaint_id)
    if case.closed_us is not None:
        raise Refused(f"complaint {complaint_id} was closed by {case.closed_by}; what was stated stays")
    if not (cause.strip() and action.strip() and by.strip()):
        raise UsageError("a complaint is closed with its cause, the action taken and the name of who closes it")
    connection.execute(
        text("UPDATE complaint SET cause = :cause, action = :action, closed_by = :by, closed_us = :now WHERE id = :id"),
        {"cause": cause.strip(), "action": action.strip(), "by": by.strip(), "now": now_us, "id": complaint_id},
    )
    return find_complaint(connection, complaint_id)
