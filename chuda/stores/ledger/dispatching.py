"""Starting requests and recording what came of them: the statements behind "at most one acceptance".

`claim` is the one place where a message starts. In one transaction it checks owner, control, approval, window, expiry,
suppression and throttle, and appends the intent; only after its commit may the request leave.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, Row, text

from chuda.clock import from_us, to_us
from chuda.message_types import rules_of
from chuda.stores.ledger.approvals import find_hold
from chuda.stores.ledger.leases import Lease, still_held
from chuda.stores.ledger.releases import (
    Release,
    close_release,
    except_messages,
    find_control,
    split_tokens,
)
from chuda.stores.ledger.suppression import suppressed_among
from chuda.stores.ledger.throttle import RateLimits, Throttle
from chuda.windows import QUEUE_MARGIN_MINUTES, DailyWindow, at_minute

Outcome = Literal["accepted", "rejected", "not_sent", "unknown", "unconfirmed", "suppressed"]
CLOSED = ("accepted", "rejected", "unconfirmed", "suppressed")
OWNER_GONE = "owner_gone"
HORIZON_US = 100_000  # intents are committed at most this long before they leave


@dataclass(frozen=True, slots=True)
class Moment:
    """The present on the three clocks that matter: business time for the rules, the store's time for leases (a
    simulated hour must not make a living owner look dead), and the throttle's (the store's, or the simulated one)."""

    now: datetime
    store_us: int
    throttle_us: int


@dataclass(frozen=True, slots=True)
class Claim:
    """One request that may leave at `leaves_at`: which members of which batch."""

    batch_id: str
    number: int
    positions: tuple[int, ...]
    parts: int
    sealed: bytes = field(repr=False)
    leaves_at: datetime


@dataclass(frozen=True, slots=True)
class Claims:
    """What a transaction started; `stop` says why nothing more may, `wait_us` when to ask again."""

    started: tuple[Claim, ...] = ()
    stop: str | None = None
    wait_us: int | None = None


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


def claim(
    connection: Connection, lease: Lease, release: Release, limits: RateLimits, moment: Moment, limit: int
) -> Claims:
    """Start up to `limit` requests of a release, as far as every rule allows at this moment.

    Args:
        connection: a writing transaction of the ledger.
        lease: the release's lease; a lost one starts nothing.
        release: what to send.
        limits: what the channel's account may take.
        moment: the present, read after the transaction began.
        limit: how many requests at most.
    """
    now, store_now_us = moment.now, moment.throttle_us
    refusal = _why_not(connection, lease, release, now, moment.store_us)
    if refusal is not None:
        return refusal
    throttle = Throttle(connection, limits, store_now_us, now.date())
    if not throttle.has_room_today(1):
        midnight = at_minute(now, 0) + timedelta(days=1)
        return Claims(stop="daily_limit", wait_us=to_us(midnight) - to_us(now))
    wait_us = throttle.next_departure(store_now_us) - store_now_us
    if wait_us > HORIZON_US:
        return Claims(wait_us=wait_us - HORIZON_US // 2)
    if not may_leave(release, now + timedelta(microseconds=wait_us)):
        return Claims(wait_us=HORIZON_US)  # it would leave after the window has closed
    ready, next_us = _ready_batches(connection, release, to_us(now), limit)
    if not ready:
        return Claims(stop="done") if next_us is None else Claims(wait_us=next_us - to_us(now))
    started = _start(connection, lease, release, ready, throttle, now, store_now_us)
    throttle.save()
    return Claims(started=tuple(started))


def _start(
    connection: Connection, lease: Lease, release: Release, ready: Sequence[Row[tuple[object, ...]]],
    throttle: Throttle, now: datetime, store_now_us: int,
) -> list[Claim]:  # fmt: skip
    members = (token for row in ready for token in split_tokens(row.tokens))
    stopped = suppressed_among(connection, members, release.message_type)
    started: list[Claim] = []
    for row in ready:
        delay_us = throttle.next_departure(store_now_us) - store_now_us
        if delay_us > HORIZON_US or not may_leave(release, now + timedelta(microseconds=delay_us)):
            break
        positions = _remaining(connection, row, stopped, to_us(now))
        if positions and throttle.has_room_today(row.parts):
            throttle.book(store_now_us, row.parts)
            started.append(_append_intent(connection, lease, row, positions, to_us(now) + delay_us))
    return started


def may_leave(release: Release, moment: datetime) -> bool:
    """Whether a message of this release may start at `moment`: inside the lawful window, before it expires."""
    return to_us(moment) < release.not_after_us and _window(release).contains(moment)


def _why_not(connection: Connection, lease: Lease, release: Release, now: datetime, store_now_us: int) -> Claims | None:
    if not still_held(connection, lease, store_now_us):
        return Claims(stop="lease_lost")
    if to_us(now) >= release.not_after_us:
        close_release(connection, release.release_id, "expired")
        return Claims(stop="expired")
    control = find_control(connection, release.plan_id)
    if control is None or control.state != "running":
        if control is not None and control.state == "cancelled":
            close_release(connection, release.release_id, "cancelled")  # what came back unsent since
        return Claims(stop="not_released" if control is None else control.state)
    hold = find_hold(connection, release, to_us(now))
    if hold is not None:
        return Claims(stop=hold.stop, wait_us=hold.wait_us)
    window = _window(release)
    earliest = max(now, from_us(release.not_before_us))
    opening = window.next_opening(earliest)
    if opening > now:
        return Claims(stop="window_closed", wait_us=to_us(opening) - to_us(now))
    return None


def _window(release: Release) -> DailyWindow:
    # The legal window is applied again here, whatever the release says: no row can widen it.
    own = DailyWindow(release.window_start_minute, release.window_end_minute)
    return own.intersect(rules_of(release.message_type).window).without_margin(QUEUE_MARGIN_MINUTES)


def _ready_batches(
    connection: Connection, release: Release, now_us: int, limit: int
) -> tuple[Sequence[Row[tuple[object, ...]]], int | None]:
    rows = connection.execute(
        text("SELECT batch_id, release_id, size, parts, tokens, sealed, attempts FROM batch WHERE release_id = :id "
             "AND state IN ('planned', 'not_sent') AND ready_us <= :now ORDER BY seq LIMIT :limit"),
        {"id": release.release_id, "now": now_us, "limit": limit},
    ).all()  # fmt: skip
    if rows:
        return rows, None
    next_us = connection.execute(
        text("SELECT min(ready_us) FROM batch WHERE release_id = :id AND state IN ('planned', 'not_sent')"),
        {"id": release.release_id},
    ).scalar()
    return rows, next_us


def _remaining(connection: Connection, row: Row[tuple[object, ...]], stopped: set[str], now_us: int) -> tuple[int, ...]:
    """The members that may still be messaged; those lost now are recorded, a batch that loses all is closed."""
    settled = _settled_positions(connection, row.batch_id, retried=row.attempts > 0, now_us=now_us)
    tokens = split_tokens(row.tokens)
    open_positions = [position for position in range(row.size) if position not in settled]
    lost = [position for position in open_positions if tokens[position] in stopped]
    except_messages(
        connection,
        [{"batch_id": row.batch_id, "position": p, "state": "suppressed", "code": "suppressed", "at_us": now_us}
         for p in lost],
    )  # fmt: skip
    remaining = tuple(position for position in open_positions if tokens[position] not in stopped)
    if not remaining:
        connection.execute(
            text("UPDATE batch SET state = 'suppressed', sealed = NULL WHERE batch_id = :id"), {"id": row.batch_id}
        )
    return remaining


def _settled_positions(connection: Connection, batch_id: str, retried: bool, now_us: int) -> set[int]:
    if retried:
        # A receipt proves acceptance, whatever the provider's query said before.
        connection.execute(
            text("INSERT INTO message_exception (batch_id, position, state, code, at_us) "
                 "SELECT DISTINCT batch_id, position, 'accepted', 'receipt', CAST(:now AS BIGINT) FROM receipt "
                 "WHERE batch_id = :id ON CONFLICT (batch_id, position) DO NOTHING"),
            {"id": batch_id, "now": now_us},
        )  # fmt: skip
    rows = connection.execute(text("SELECT position FROM message_exception WHERE batch_id = :id"), {"id": batch_id})
    return {row.position for row in rows}


def _append_intent(
    connection: Connection, lease: Lease, row: Row[tuple[object, ...]], positions: tuple[int, ...], leaves_us: int
) -> Claim:
    number = row.attempts + 1
    taken = connection.execute(
        text("UPDATE batch SET state = 'intent', attempts = :number WHERE batch_id = :id AND attempts = :number - 1 "
             "AND state IN ('planned', 'not_sent')"),
        {"number": number, "id": row.batch_id},
    )  # fmt: skip
    if taken.rowcount != 1:
        raise RuntimeError(f"batch {row.batch_id} changed under the transaction that read it")
    connection.execute(
        text("INSERT INTO attempt (batch_id, number, release_id, owner, epoch, size, parts, intent_us) "
             "VALUES (:batch_id, :number, :release_id, :owner, :epoch, :size, :parts, :intent_us)"),
        {"batch_id": row.batch_id, "number": number, "release_id": row.release_id, "owner": lease.owner,
         "epoch": lease.epoch, "size": len(positions), "parts": row.parts, "intent_us": leaves_us},
    )  # fmt: skip
    return Claim(row.batch_id, number, positions, row.parts, bytes(row.sealed), from_us(leaves_us))


def record(connection: Connection, outcome: RequestOutcome, now_us: int) -> bool:
    """Write what became of a request; a late certainty replaces "unknown", nothing replaces a certainty.

    "Not sent" because the provider's query did not know the batch is a conclusion: the provider's own late word on the
    request replaces it, and counts for the batch as long as that was not tried again.

    Returns:
        Whether it was written: False for an answer to a question that is settled.
    """
    key = {"id": outcome.batch_id, "number": outcome.number}
    before = connection.execute(
        text("SELECT a.outcome, b.attempts FROM attempt a JOIN batch b ON b.batch_id = a.batch_id "
             "WHERE a.batch_id = :id AND a.number = :number"),
        key,
    ).one_or_none()  # fmt: skip
    is_answer = outcome.outcome in ("accepted", "rejected")
    is_late_word = before is not None and before.outcome == "not_sent" and (is_answer or bool(outcome.exceptions))
    if before is None or not (before.outcome in (None, "unknown") or is_late_word):
        return False
    except_messages(
        connection,
        [{"batch_id": outcome.batch_id, "position": position, "state": state, "code": code, "at_us": now_us}
         for position, (state, code) in outcome.exceptions.items()],
    )  # fmt: skip
    if is_answer or not is_late_word:
        _settle(connection, outcome, now_us, is_still_unknown=before.outcome == outcome.outcome)
    return True


def _settle(connection: Connection, outcome: RequestOutcome, now_us: int, is_still_unknown: bool) -> None:
    key = {"id": outcome.batch_id, "number": outcome.number}
    us = "" if is_still_unknown else ", outcome_us = :us"  # since when it is unknown, not when it was last asked about
    connection.execute(
        text(f"UPDATE attempt SET outcome = :outcome, code = :code{us} WHERE batch_id = :id AND number = :number"),
        {**key, "outcome": outcome.outcome, "code": outcome.code, "us": now_us},
    )
    is_closed = outcome.outcome in CLOSED
    purge = ", sealed = NULL" if is_closed else ""
    late = ", 'not_sent', 'cancelled', 'expired'" if is_closed else ""
    connection.execute(
        text(f"UPDATE batch SET state = :state, ready_us = :ready{purge} "
             f"WHERE batch_id = :id AND attempts = :number AND state IN ('intent', 'unknown'{late})"),
        {**key, "state": outcome.outcome, "ready": now_us + outcome.retry_us},
    )  # fmt: skip


def adopt_orphans(connection: Connection, lease: Lease, release_id: str, now_us: int) -> int:
    """Turn the intents that earlier owners left without an outcome into unknowns; returns how many."""
    rows = connection.execute(
        text("SELECT batch_id, number FROM attempt WHERE release_id = :id AND outcome IS NULL AND epoch < :epoch"),
        {"id": release_id, "epoch": lease.epoch},
    ).all()
    for row in rows:
        record(connection, RequestOutcome(row.batch_id, row.number, "unknown", OWNER_GONE), now_us)
    return len(rows)


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


def slow_down(connection: Connection, limits: RateLimits, seconds: float, moment: Moment) -> None:
    """Let nothing leave through the account for `seconds`, and go on at half the rate."""
    throttle = Throttle(connection, limits, moment.throttle_us, moment.now.date())
    throttle.slow_down(moment.throttle_us + round(seconds * 1e6), moment.throttle_us)
    throttle.save()
