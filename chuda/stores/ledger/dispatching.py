"""Starting requests: the statements behind "at most one acceptance" and "nobody after an opt-out".

`claim` is the one place where a message starts. In one transaction it checks owner, control, approval, window, expiry,
suppression and throttle, and appends the intent; only after its commit may the request leave.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row, text

from chuda.clock import from_us, to_us
from chuda.message_types import rules_of
from chuda.stores.ledger.approvals import find_hold
from chuda.stores.ledger.leases import Lease, still_held
from chuda.stores.ledger.lists import each_of
from chuda.stores.ledger.releases import (
    Release,
    close_release,
    except_messages,
    find_binding_control,
    split_tokens,
)
from chuda.stores.ledger.states import OPEN, before, quoted
from chuda.stores.ledger.suppression import suppressed_among
from chuda.stores.ledger.throttle import STALE_AFTER_US, RateLimits, Throttle
from chuda.windows import QUEUE_MARGIN_MINUTES, DailyWindow, at_minute

HORIZON_US = 100_000  # intents are committed at most this long before they leave


@dataclass(frozen=True, slots=True)
class Moment:
    """The present on the three clocks that matter: business time for the rules, the store's time for leases (a
    simulated hour must not make a living owner look dead), and the throttle's (the store's, or the simulated one).

    `lead_us` is how long this sender takes from here to the gate: nothing is booked to leave sooner.
    """

    now: datetime
    store_us: int
    throttle_us: int
    lead_us: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """One request that may leave at `leaves_at`, or at most `late_us` later: which members of which batch."""

    batch_id: str
    number: int
    positions: tuple[int, ...]
    parts: int
    sealed: bytes = field(repr=False)
    leaves_at: datetime
    late_us: int = STALE_AFTER_US


@dataclass(frozen=True, slots=True)
class Claims:
    """What a transaction started; `stop` says why nothing more may, `wait_us` when to ask again."""

    started: tuple[Claim, ...] = ()
    stop: str | None = None
    wait_us: int | None = None


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
    wait_us = throttle.next_departure(store_now_us + moment.lead_us) - store_now_us
    if wait_us > HORIZON_US + moment.lead_us:
        return Claims(wait_us=wait_us - moment.lead_us - HORIZON_US // 2)
    if not may_leave(release, now + timedelta(microseconds=wait_us)):
        return Claims(wait_us=HORIZON_US)  # it would leave after the window has closed
    ready, next_us = _ready_batches(connection, release, to_us(now), limit)
    if not ready:
        return Claims(stop="done") if next_us is None else Claims(wait_us=next_us - to_us(now))
    if not throttle.has_room_today(ready[0].parts):
        midnight = at_minute(now, 0) + timedelta(days=1)
        return Claims(stop="daily_limit", wait_us=to_us(midnight) - to_us(now))
    started = _start(connection, lease, release, ready, throttle, moment)
    throttle.save()
    wait_us = throttle.next_departure(store_now_us) - store_now_us - moment.lead_us
    return Claims(tuple(started), wait_us=wait_us - HORIZON_US // 2 if wait_us > HORIZON_US else None)


def _start(
    connection: Connection, lease: Lease, release: Release, ready: Sequence[Row[tuple[object, ...]]],
    throttle: Throttle, moment: Moment,
) -> list[Claim]:  # fmt: skip
    now, soonest_us = moment.now, moment.throttle_us + moment.lead_us
    stopped = suppressed_among(connection, _members(ready), release.message_type)
    settled = _settled_positions(connection, ready, to_us(now))
    started: list[Claim] = []
    lost: list[dict[str, object]] = []
    empty: list[str] = []
    for row in ready:
        delay_us = throttle.next_departure(soonest_us) - moment.throttle_us
        leaves_at = now + timedelta(microseconds=delay_us)
        if (
            delay_us > HORIZON_US + moment.lead_us
            or not may_leave(release, leaves_at)
            or not throttle.has_room_today(row.parts)
        ):
            break
        positions, lost_here = _remaining(row, settled.get(row.batch_id, set()), stopped)
        lost += [{"batch_id": row.batch_id, "position": position, "state": "suppressed", "code": "suppressed",
                  "at_us": to_us(now)} for position in lost_here]  # fmt: skip
        if positions:
            late_us = throttle.lateness_us(throttle.book(soonest_us, row.parts), row.parts)
            started.append(
                Claim(row.batch_id, row.attempts + 1, positions, row.parts, bytes(row.sealed), leaves_at, late_us)
            )
        else:
            empty.append(row.batch_id)
    except_messages(connection, lost)
    _close_empty(connection, empty)
    _append_intents(connection, lease, release, started)
    return started


def _members(ready: Sequence[Row[tuple[object, ...]]]) -> list[str]:
    return [token for row in ready for token in split_tokens(row.tokens)]


def may_leave(release: Release, moment: datetime) -> bool:
    """Whether a message of this release may start at `moment`: inside the lawful window, before it expires."""
    return to_us(moment) < release.not_after_us and _window(release).contains(moment)


def _why_not(connection: Connection, lease: Lease, release: Release, now: datetime, store_now_us: int) -> Claims | None:
    if not still_held(connection, lease, store_now_us):
        return Claims(stop="lease_lost")
    if to_us(now) >= release.not_after_us:
        close_release(connection, release.release_id, "expired")
        return Claims(stop="expired")
    control = find_binding_control(connection, release)
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
    return _window_of(release.window_start_minute, release.window_end_minute, release.message_type)


@lru_cache(maxsize=64)
def _window_of(start_minute: int, end_minute: int, message_type: str) -> DailyWindow:
    # The legal window is applied again here, whatever the release says: no row can widen it.
    legal = rules_of(message_type).window
    return DailyWindow(start_minute, end_minute).intersect(legal).without_margin(QUEUE_MARGIN_MINUTES)


def _ready_batches(
    connection: Connection, release: Release, now_us: int, limit: int
) -> tuple[Sequence[Row[tuple[object, ...]]], int | None]:
    rows = connection.execute(
        text("SELECT batch_id, release_id, size, parts, tokens, sealed, attempts FROM batch WHERE release_id = :id "
             f"AND state IN ({quoted(OPEN)}) AND ready_us <= :now ORDER BY seq LIMIT :limit"),
        {"id": release.release_id, "now": now_us, "limit": limit},
    ).all()  # fmt: skip
    if rows:
        return rows, None
    next_us = connection.execute(
        text(f"SELECT min(ready_us) FROM batch WHERE release_id = :id AND state IN ({quoted(OPEN)})"),
        {"id": release.release_id},
    ).scalar()
    return rows, next_us


def _remaining(row: Any, settled: set[int], stopped: set[str]) -> tuple[tuple[int, ...], list[int]]:
    """The members that may still be messaged, and those lost now."""
    tokens = split_tokens(row.tokens)
    open_positions = [position for position in range(row.size) if position not in settled]
    lost = [position for position in open_positions if tokens[position] in stopped]
    return tuple(position for position in open_positions if tokens[position] not in stopped), lost


def _settled_positions(connection: Connection, ready: Sequence[Any], now_us: int) -> dict[str, set[int]]:
    """The members of each batch that have a state of their own; a receipt gives one, whatever a query said before."""
    tried = [row.batch_id for row in ready if row.attempts]
    if tried:
        connection.execute(
            text("INSERT INTO message_exception (batch_id, position, state, code, at_us) "
                 "SELECT DISTINCT batch_id, position, 'accepted', 'receipt', CAST(:now AS BIGINT) "
                 f"FROM {each_of(connection)} JOIN receipt ON batch_id = t.value WHERE true "
                 "ON CONFLICT (batch_id, position) DO NOTHING"),
            {"values": json.dumps(tried), "now": now_us},
        )  # fmt: skip
    rows = connection.execute(
        text(f"SELECT batch_id, position FROM {each_of(connection)} JOIN message_exception ON batch_id = t.value"),
        {"values": json.dumps([row.batch_id for row in ready])},
    )
    settled: dict[str, set[int]] = {}
    for row in rows:
        settled.setdefault(row.batch_id, set()).add(row.position)
    return settled


def _close_empty(connection: Connection, batch_ids: Sequence[str]) -> None:
    if batch_ids:
        connection.execute(
            text(f"UPDATE batch SET state = 'suppressed', sealed = NULL WHERE batch_id = :id "
                 f"AND state IN ({before('suppressed')})"),
            [{"id": batch_id} for batch_id in batch_ids],
        )  # fmt: skip


def _append_intents(connection: Connection, lease: Lease, release: Release, claims: Sequence[Claim]) -> None:
    if not claims:
        return
    taken = connection.execute(
        text("UPDATE batch SET state = 'intent', attempts = :number WHERE batch_id = :id AND attempts = :number - 1 "
             f"AND state IN ({before('intent')})"),
        [{"number": one.number, "id": one.batch_id} for one in claims],
    )  # fmt: skip
    if taken.rowcount != len(claims):
        raise RuntimeError(f"batches of {release.release_id} changed under the transaction that read them")
    connection.execute(
        text("INSERT INTO attempt (batch_id, number, release_id, owner, epoch, size, parts, intent_us) "
             "VALUES (:batch_id, :number, :release_id, :owner, :epoch, :size, :parts, :intent_us)"),
        [{"batch_id": one.batch_id, "number": one.number, "release_id": release.release_id, "owner": lease.owner,
          "epoch": lease.epoch, "size": len(one.positions), "parts": one.parts, "intent_us": to_us(one.leaves_at)}
         for one in claims],
    )  # fmt: skip


def slow_down(connection: Connection, limits: RateLimits, seconds: float, moment: Moment) -> None:
    """Let nothing leave through the account for `seconds`, and go on at half the rate."""
    throttle = Throttle(connection, limits, moment.throttle_us, moment.now.date())
    throttle.slow_down(moment.throttle_us + round(seconds * 1e6), moment.throttle_us)
    throttle.save()
