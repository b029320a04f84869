"""Recording what came of requests: one answer a request, late ones too, and what is still in question."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Connection, text

from chuda.stores.ledger.leases import Lease
from chuda.stores.ledger.lists import each_of
from chuda.stores.ledger.releases import except_messages
from chuda.stores.ledger.states import before

Outcome = Literal["accepted", "rejected", "not_sent", "unknown"]
OWNER_GONE = "owner_gone"


@dataclass(frozen=True, slots=True)
class RequestOutcome:
    """What became of a request: one state for its batch, and the members that differ with (state, code)."""

    batch_id: str
    number: int
    outcome: Outcome
    code: str = ""
    exceptions: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    retry_us: int = 0


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A batch of which nobody knows whether the provider took it.

    `tried_us` is when it left, `since_us` when its request had surely ended. `sealed` is kept until the question is
    settled: some providers can be asked by phone number only.
    """

    batch_id: str
    number: int
    positions: tuple[int, ...]
    tried_us: int
    since_us: int
    sealed: bytes = field(default=b"", repr=False)


def record(connection: Connection, outcomes: Sequence[RequestOutcome], now_us: int) -> int:
    """Write what became of requests; a late certainty replaces "unknown", nothing replaces a certainty.

    "Not sent" because the provider's query did not know the batch is a conclusion: the provider's own late word on the
    request replaces it, and counts for the batch as long as that was not tried again.

    Returns:
        How many were written: not the answers to questions that are settled.
    """
    written = 0
    known = _known_outcomes(connection, outcomes)
    exceptions: list[dict[str, object]] = []
    settling: list[tuple[RequestOutcome, bool]] = []
    for outcome in outcomes:
        key = (outcome.batch_id, outcome.number)
        was = known.get(key, "no such request")
        is_answer = outcome.outcome in ("accepted", "rejected")
        is_late_word = was == "not_sent" and (is_answer or bool(outcome.exceptions))
        if not (was in (None, "unknown") or is_late_word):
            continue
        written += 1
        exceptions += [
            {"batch_id": outcome.batch_id, "position": position, "state": state, "code": code, "at_us": now_us}
            for position, (state, code) in outcome.exceptions.items()
        ]
        if is_answer or not is_late_word:
            known[key] = outcome.outcome
            settling.append((outcome, was == outcome.outcome))
    except_messages(connection, exceptions)
    _settle(connection, settling, now_us)
    return written


def _known_outcomes(connection: Connection, outcomes: Sequence[RequestOutcome]) -> dict[tuple[str, int], str | None]:
    rows = connection.execute(
        text(f"SELECT batch_id, number, outcome FROM {each_of(connection)} JOIN attempt ON batch_id = t.value"),
        {"values": json.dumps(sorted({one.batch_id for one in outcomes}))},
    )
    return {(row.batch_id, row.number): row.outcome for row in rows}


def _settle(connection: Connection, settling: Sequence[tuple[RequestOutcome, bool]], now_us: int) -> None:
    for is_still_unknown in (False, True):
        # Since when it is unknown, not when it was last asked about.
        us = "" if is_still_unknown else ", outcome_us = :us"
        _execute_all(
            connection,
            f"UPDATE attempt SET outcome = :outcome, code = :code{us} WHERE batch_id = :id AND number = :number",
            [{"id": one.batch_id, "number": one.number, "outcome": one.outcome, "code": one.code, "us": now_us}
             for one, still in settling if still == is_still_unknown],
        )  # fmt: skip
    for state in ("accepted", "rejected", "not_sent", "unknown"):
        purge = "" if state in ("not_sent", "unknown") else ", sealed = NULL"
        _execute_all(
            connection,
            f"UPDATE batch SET state = '{state}', ready_us = :ready{purge} "
            f"WHERE batch_id = :id AND attempts = :number AND state IN ({before(state)})",
            [{"id": one.batch_id, "number": one.number, "ready": now_us + one.retry_us}
             for one, _ in settling if one.outcome == state],
        )  # fmt: skip


def _execute_all(connection: Connection, statement: str, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection.execute(text(statement), rows)


def adopt_orphans(connection: Connection, lease: Lease, release_id: str, now_us: int) -> int:
    """Turn the intents that earlier owners left without an outcome into unknowns; returns how many."""
    rows = connection.execute(
        text("SELECT batch_id, number FROM attempt WHERE release_id = :id AND outcome IS NULL AND epoch < :epoch"),
        {"id": release_id, "epoch": lease.epoch},
    ).all()
    record(connection, [RequestOutcome(row.batch_id, row.number, "unknown", OWNER_GONE) for row in rows], now_us)
    return len(rows)


def last_request_us(connection: Connection, channel: str) -> int:
    """When the latest request ever made through a channel left; 0 if none was."""
    found = connection.execute(
        text("SELECT max(a.intent_us) FROM release r JOIN attempt a ON a.release_id = r.release_id "
             "WHERE r.channel = :channel"),
        {"channel": channel},
    ).scalar()  # fmt: skip
    return int(found or 0)


def open_questions(connection: Connection, release_id: str) -> list[OpenQuestion]:
    """The unknown batches of a release with the members still in question, longest waiting first."""
    rows = connection.execute(
        text("SELECT b.batch_id, b.size, b.sealed, a.number, a.intent_us, a.outcome_us FROM batch b JOIN attempt a "
             "ON a.batch_id = b.batch_id AND a.number = b.attempts WHERE b.release_id = :id AND b.state = 'unknown' "
             "ORDER BY a.outcome_us, b.batch_id"),
        {"id": release_id},
    ).all()  # fmt: skip
    return [
        OpenQuestion(
            row.batch_id,
            row.number,
            _unsettled(connection, row.batch_id, row.size),
            row.intent_us,
            max(row.intent_us, row.outcome_us or 0),
            bytes(row.sealed),
        )
        for row in rows
    ]


def _unsettled(connection: Connection, batch_id: str, size: int) -> tuple[int, ...]:
    rows = connection.execute(text("SELECT position FROM message_exception WHERE batch_id = :id"), {"id": batch_id})
    settled = {row.position for row in rows}
    return tuple(position for position in range(size) if position not in settled)


def tally(connection: Connection, release_id: str, since_us: int) -> Counter[str]:
    """Messages of a release by what came of their newest requests, of those made at `since_us` or later.

    What a dead sender left behind says nothing about the provider and is not counted.
    """
    key = {"id": release_id, "since": since_us, "gone": OWNER_GONE}
    made = "a.release_id = :id AND a.intent_us >= :since AND coalesce(a.code, '') <> :gone"
    rows = connection.execute(
        text("SELECT b.state, sum(a.size) AS messages FROM attempt a JOIN batch b ON b.batch_id = a.batch_id "
             f"AND b.attempts = a.number WHERE {made} GROUP BY b.state"),
        key,
    )  # fmt: skip
    counts = Counter({row.state: int(row.messages) for row in rows})
    rows = connection.execute(
        text("SELECT b.state AS was, e.state AS really, count(*) AS messages FROM attempt a "
             "JOIN batch b ON b.batch_id = a.batch_id AND b.attempts = a.number "
             "JOIN message_exception e ON e.batch_id = b.batch_id AND e.at_us >= a.intent_us "
             f"WHERE {made} GROUP BY b.state, e.state"),
        key,
    )  # fmt: skip
    for row in rows:
        counts[row.really] += int(row.messages)
        counts[row.was] -= int(row.messages)
    return counts
