"""The sender: takes sealed batches from the ledger, makes one request each, records what came of it.

It needs the ledger and the keys, nothing else, and imports neither Prefect nor Polars nor Great Expectations, so that a
killed one is back in a fraction of a second. Only `chuda.stores.ledger.dispatching.claim` decides what may start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chuda.clock import Clock, from_us, to_us
from chuda.errors import ProviderTrouble
from chuda.keys import Keys
from chuda.providers.protocol import OutgoingMessage, Provider
from chuda.sealing import unseal_messages
from chuda.stores.ledger import Connection, Ledger
from chuda.stores.ledger.dispatching import (
    Claim,
    Claims,
    Moment,
    OpenQuestion,
    RequestOutcome,
    adopt_orphans,
    claim,
    open_questions,
    record,
    slow_down,
)
from chuda.stores.ledger.leases import HeldElsewhere, Lease, acquire, give_back
from chuda.stores.ledger.releases import Release
from tasks.dispatch.outcomes import message_id, settle_answer, settle_question

STALE_AFTER = timedelta(seconds=2)
LONGEST_WAIT_S = 0.5  # a pause or cancellation by another process acts within this time


@dataclass(frozen=True, slots=True)
class ChannelLimits:
    """How a channel may be used: parts per second, requests in flight, and how far its query can be trusted."""

    parts_per_second: float
    max_in_flight: int = 32
    is_query_definitive: bool = False
    query_grace_s: float = 30.0
    give_up_after: int = 8


@dataclass(frozen=True, slots=True)
class SendReport:
    """How a sender's turn ended: `stop` is done, paused, cancelled, expired, window_closed, busy, unknown_open …"""

    stop: str
    resume_at: datetime | None = None
    requests: int = 0
    adopted: int = 0


class Sender:
    """Dispatches one release through one provider; one at a time per release, guarded by a lease."""

    def __init__(
        self, ledger: Ledger, keys: Keys, clock: Clock, provider: Provider, limits: ChannelLimits, owner: str,
        on_progress: Callable[[int], None] | None = None,
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._keys = keys
        self._clock = clock
        self._provider = provider
        self._limits = limits
        self._owner = owner
        self._on_progress = on_progress
        self._in_flight: set[asyncio.Task[RequestOutcome]] = set()
        self._finished: list[RequestOutcome] = []
        self._failures = 0
        self._halt: str | None = None
        self._requests = 0

    async def send(self, release: Release) -> SendReport:
        """Dispatch a release until nothing more may leave now; safe to repeat after any crash.

        Raises:
            ProviderTrouble: the provider cannot be reached or refuses the account; all that is open stays open.
        """
        with self._ledger.write() as connection:
            lease = acquire(
                connection, f"release:{release.release_id}", self._owner, self._ledger.store_now_us(connection)
            )
            if isinstance(lease, HeldElsewhere):
                return SendReport("busy")
            adopted = adopt_orphans(connection, lease, release.release_id, to_us(self._clock.now()))
        try:
            claims = await self._dispatch(lease, release)
        finally:
            await self._drain()
            with self._ledger.write() as connection:
                give_back(connection, lease)
        resume_at = self._clock.now() + timedelta(microseconds=claims.wait_us) if claims.wait_us else None
        return SendReport(claims.stop or "done", resume_at, self._requests, adopted)

    async def _dispatch(self, lease: Lease, release: Release) -> Claims:
        """Send all that is ready; then settle what is unknown, which may make more ready."""
        while True:
            claims = await self._send_ready(lease, release)
            if claims.stop != "done":
                return claims
            unknown, reopened = await self._ask_about_unknowns(release)
            if not reopened:
                return replace(claims, stop="unknown_open") if unknown else claims

    async def _send_ready(self, lease: Lease, release: Release) -> Claims:
        while True:
            room = self._limits.max_in_flight - len(self._in_flight)
            if room == 0:
                await self._next_answer()
                continue
            claims = await asyncio.to_thread(self._turn, lease, release, room)
            self._in_flight.update(asyncio.create_task(self._request(release, one)) for one in claims.started)
            self._raise_trouble()
            if claims.stop is not None and not (self._in_flight or self._finished):
                return claims
            if claims.stop is not None:
                await self._next_answer()  # it may make a batch ready again
            elif claims.wait_us is not None:
                await self._wait(claims.wait_us)

    def _turn(self, lease: Lease, release: Release, room: int) -> Claims:
        """One transaction: what came back is recorded, what may leave is claimed."""
        finished, self._finished = self._finished, []
        with self._ledger.write() as connection:
            moment = self._moment(connection)
            self._record(connection, finished, moment.now)
            claims = claim(connection, lease, release, self._limits.parts_per_second, moment, room)
        self._tell_progress(finished)
        return claims

    def _moment(self, connection: Connection) -> Moment:
        # Read inside the transaction: waiting for the lock must not carry a stale time past 21:00.
        now = self._clock.now()
        store_us = self._ledger.store_now_us(connection)
        return Moment(now, store_us, to_us(now) if self._clock.kind == "simulated" else store_us)

    async def _request(self, release: Release, one: Claim) -> RequestOutcome:
        await self._clock.sleep_until(one.leaves_at)
        if self._clock.now() - one.leaves_at > STALE_AFTER:
            # The process was held up: what was true at the claim may not be now, so it starts nothing.
            return RequestOutcome(one.batch_id, one.number, "not_sent", "stale_intent")
        answer = await self._provider.send(one.batch_id, self._open(one, release))
        self._requests += 1
        self._halt = answer.stop or self._halt
        if answer.retry_after_s:
            await asyncio.to_thread(self._slow_down, release, answer.retry_after_s)
        outcome = settle_answer(one, answer)
        is_failure = outcome.outcome in ("not_sent", "unknown") and not answer.is_limited
        self._failures = self._failures + 1 if is_failure else 0
        return outcome

    def _open(self, sealed: Claim | OpenQuestion, release: Release) -> list[OutgoingMessage]:
        batch_id = sealed.batch_id
        phones, texts = unseal_messages(self._keys, batch_id, sealed.sealed)
        return [
            OutgoingMessage(message_id(batch_id, p), phones[p], texts[p], release.message_type)
            for p in sealed.positions
        ]

    def _slow_down(self, release: Release, seconds: float) -> None:
        with self._ledger.write() as connection:
            until_us = self._moment(connection).throttle_us + round(seconds * 1e6)
            slow_down(connection, release.channel, self._limits.parts_per_second, until_us)

    async def _ask_about_unknowns(self, release: Release) -> tuple[int, int]:
        """Ask the provider about every unknown batch after its grace; returns (still unknown, ready again)."""
        with self._ledger.read() as connection:
            questions = open_questions(connection, release.release_id)
        unknown = reopened = 0
        for question in questions:
            grace = timedelta(seconds=self._limits.query_grace_s)
            await self._clock.sleep_until(from_us(question.since_us) + grace)
            since = from_us(question.since_us)
            found = await self._provider.find(question.batch_id, self._open(question, release), since)
            outcome = settle_question(question, found, self._limits.is_query_definitive)
            unknown += outcome.outcome == "unknown"
            reopened += outcome.outcome == "not_sent"
            with self._ledger.write() as connection:
                self._record(connection, [outcome], self._clock.now())
            self._tell_progress([outcome])
        return unknown, reopened

    async def _next_answer(self) -> None:
        if self._in_flight:
            done, self._in_flight = await asyncio.wait(self._in_flight, return_when=asyncio.FIRST_COMPLETED)
            self._finished.extend(task.result() for task in done)

    async def _drain(self) -> None:
        """Wait for every request in flight and record what came of it."""
        while self._in_flight:
            await self._next_answer()
        finished, self._finished = self._finished, []
        with self._ledger.write() as connection:
            self._record(connection, finished, self._clock.now())
        self._tell_progress(finished)

    async def _wait(self, wait_us: int) -> None:
        if self._clock.kind == "simulated":
            # Answers first, then the jump: simulated requests take no simulated time.
            await self._drain()
            await self._clock.sleep_until(self._clock.now() + timedelta(microseconds=wait_us))
            return
        pause_s = min(wait_us / 1e6, LONGEST_WAIT_S)
        if not self._in_flight:
            await asyncio.sleep(pause_s)
            return
        done, self._in_flight = await asyncio.wait(
            self._in_flight, timeout=pause_s, return_when=asyncio.FIRST_COMPLETED
        )
        self._finished.extend(task.result() for task in done)

    def _record(self, connection: Connection, outcomes: Sequence[RequestOutcome], now: datetime) -> None:
        for outcome in outcomes:
            record(connection, outcome, to_us(now))

    def _tell_progress(self, outcomes: Sequence[RequestOutcome]) -> None:
        if self._on_progress and outcomes:
            self._on_progress(len(outcomes))

    def _raise_trouble(self) -> None:
        if self._halt:
            raise ProviderTrouble(f"{self._halt}; what was not sent stays open, repeat `chuda send` when it is mended")
        if self._failures >= self._limits.give_up_after:
            raise ProviderTrouble(
                f"the provider failed {self._failures} requests in a row; what was not sent stays open, "
                "repeat `chuda send` later"
            )
