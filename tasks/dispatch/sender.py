"""The sender: takes sealed batches from the ledger, makes one request each, records what came of it.

It needs the ledger and the keys, nothing else, and imports neither Prefect nor Polars nor Great Expectations, so that a
killed one is back in a fraction of a second. Only `chuda.stores.ledger.dispatching.claim` decides what may start.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from chuda.clock import Clock, from_us, to_us
from chuda.errors import ChannelStopped, ChudaError
from chuda.keys import Keys
from chuda.providers.leaving import leaving_if
from chuda.providers.protocol import MessageResult, OutgoingMessage, Provider, SendResult
from chuda.sealing import unseal_messages
from chuda.stores.ledger import Connection, Ledger
from chuda.stores.ledger.dispatching import Claim, Claims, Moment, claim, may_leave, slow_down
from chuda.stores.ledger.leases import HeldElsewhere, Lease, acquire, give_back, still_held
from chuda.stores.ledger.recording import OpenQuestion, RequestOutcome, adopt_orphans, open_questions, record
from chuda.stores.ledger.releases import Release
from chuda.stores.ledger.throttle import RateLimits, refund
from tasks.dispatch.health import HealthLines, pause_if_sick
from tasks.dispatch.outcomes import message_id, settle_answer, settle_question
from tasks.dispatch.sender_flight import RECORD_WITHIN_S, Flight, Gate, GivenBack, Pace, unused_parts

LONGEST_WAIT_S = 0.5  # a pause or cancellation by another process acts within this time
LONGEST_RETRY_AFTER_S = 3600.0
REQUEST_DEADLINE_S = 20.0  # a request ends within this time, well before its lease does
_RENEW_EVERY = timedelta(seconds=5)
# Nothing more will be sent: what is unknown is waited for. Otherwise only what can be asked now is asked.
_FINAL_STOPS = ("done", "expired", "cancelled")


@dataclass(frozen=True, slots=True)
class ChannelLimits:
    """How a channel may be used: its account's rates, requests in flight, and how far its query can be trusted."""

    parts_per_second: float
    parts_per_minute: float | None = None
    parts_per_day: int | None = None
    account: str = ""
    max_in_flight: int = 32
    is_query_definitive: bool = False
    query_grace_s: float = 30.0
    give_up_after: int = 8
    request_deadline_s: float = REQUEST_DEADLINE_S
    health: HealthLines = field(default_factory=HealthLines)

    def rates(self, channel: str) -> RateLimits:
        """The limits the throttle keeps; a channel without an account has its own."""
        return RateLimits(self.account or channel, self.parts_per_second, self.parts_per_minute, self.parts_per_day)


@dataclass(frozen=True, slots=True)
class SendReport:
    """How a sender's turn ended: `stop` is done, paused, cancelled, expired, window_closed, busy, unknown_open …"""

    stop: str
    resume_at: datetime | None = None
    requests: int = 0
    adopted: int = 0
    note: str = ""  # what a person should know though it went on


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
        self._flight = Flight()
        self._pace = Pace(clock, limits.max_in_flight)
        self._wire = asyncio.Semaphore(limits.max_in_flight)
        self._gate = Gate(clock, limits.parts_per_second)
        self._held_until = clock.now()
        self._health_due_us = 0
        self._failures = 0
        self._last_failure = ""
        self._channel = ""
        self._halt: str | None = None
        self._requests = 0

    async def send(self, release: Release) -> SendReport:
        """Dispatch a release until nothing more may leave now; safe to repeat after any crash.

        Raises:
            ChannelStopped: the provider cannot be reached or refuses the account; all that is open stays open.
            ProviderTrouble: the ledger, or the provider's query, gave no answer.
        """
        return await self._hold_and(self._dispatch, release)

    async def settle(self, release: Release) -> SendReport:
        """Start nothing, only ask about what is unknown and ripe; a provider that does not answer leaves it so."""
        return await self._hold_and(self._settle, release)

    async def _hold_and(self, work: Callable[[Lease, Release], Awaitable[Claims]], release: Release) -> SendReport:
        self._channel = release.channel
        with self._ledger.write() as connection:
            lease = acquire(
                connection, f"release:{release.release_id}", self._owner, self._ledger.store_now_us(connection)
            )
            if isinstance(lease, HeldElsewhere):
                return SendReport("busy")
            adopted = adopt_orphans(connection, lease, release.release_id, to_us(self._clock.now()))
        try:
            claims = await work(lease, release)
        finally:
            await self._drain()
            with self._ledger.write() as connection:
                give_back(connection, lease)
        resume_at = self._clock.now() + timedelta(microseconds=claims.wait_us) if claims.wait_us else None
        return SendReport(claims.stop or "done", resume_at, self._requests, adopted)

    async def _dispatch(self, lease: Lease, release: Release) -> Claims:
        """Send all that is ready; then settle what is unknown, which may make more ready or close it."""
        while True:
            claims = await self._send_ready(lease, release)
            if claims.stop == "lease_lost":
                return claims
            unknown, reopened = await self._ask_about_unknowns(lease, release, claims.stop in _FINAL_STOPS)
            if not reopened:
                return replace(claims, stop="unknown_open") if unknown and claims.stop == "done" else claims

    async def _settle(self, lease: Lease, release: Release) -> Claims:
        with contextlib.suppress(ChudaError):
            unknown, _ = await self._ask_about_unknowns(lease, release, waits=False)
            return Claims(stop="unknown_open" if unknown else "done")
        return Claims(stop="unknown_open")

    async def _send_ready(self, lease: Lease, release: Release) -> Claims:
        while True:
            if len(self._flight) > self._pace.few:
                await self._some_answers(self._pace.few)
                continue
            self._raise_trouble()
            claims = await asyncio.to_thread(self._turn, lease, release, self._pace.most - len(self._flight))
            for one in claims.started:
                self._flight.launch(one, self._request(release, one))
            if claims.stop is not None and not (self._flight or self._flight.outcomes):
                return claims
            if claims.stop is not None:
                await self._some_answers(0)  # one may make a batch ready again
            elif claims.wait_us is not None:
                await self._wait(claims.wait_us)

    def _turn(self, lease: Lease, release: Release, room: int) -> Claims:
        """One transaction: what came back is recorded, what may leave is claimed."""
        finished = tuple(self._flight.outcomes)
        with self._ledger.write() as connection:
            moment = self._moment(connection)
            self._record(connection, finished, to_us(moment.now))
            if finished and moment.store_us >= self._health_due_us:
                pause_if_sick(connection, release, self._limits.health, to_us(moment.now))
                self._health_due_us = moment.store_us + round(self._limits.health.every_s * 1e6)
            claims = claim(connection, lease, release, self._limits.rates(release.channel), moment, room)
        del self._flight.outcomes[: len(finished)]  # only now: a transaction that failed has recorded nothing
        stale = sum(isinstance(one, GivenBack) for one in finished)
        self._pace.count(len(finished) - stale, stale)
        self._tell_progress(finished)
        if claims.wait_us is None or self._clock.kind == "simulated":
            return claims
        # Counted from the moment of the transaction; its commit took a part of it.
        taken_us = to_us(self._clock.now()) - to_us(moment.now)
        return replace(claims, wait_us=max(0, claims.wait_us - taken_us))

    def _record(self, connection: Connection, finished: Sequence[RequestOutcome], now_us: int) -> None:
        record(connection, finished, now_us)
        refund(connection, self._limits.rates(self._channel), unused_parts(finished))

    def _moment(self, connection: Connection) -> Moment:
        # Read inside the transaction: waiting for the lock must not carry a stale time past 21:00.
        now = self._clock.now()
        store_us = self._ledger.store_now_us(connection)
        throttle_us = to_us(now) if self._clock.kind == "simulated" else store_us
        return Moment(now, store_us, throttle_us, self._pace.lead_us)

    async def _request(self, release: Release, one: Claim) -> RequestOutcome:
        async with self._wire:
            messages = self._open(one, release)  # before the gate: after it every moment counts
            await self._gate.pass_at(one)
            with leaving_if(lambda: self._may_leave(release, one)) as leaving:
                answer = await self._ask_to_send(one.batch_id, messages) if leaving.is_allowed() else None
        if answer is None or leaving.was_held_back:
            return GivenBack.of(one)
        self._requests += 1
        self._halt = answer.stop or self._halt
        if answer.retry_after_s:
            self._held_until = self._clock.now() + timedelta(seconds=answer.retry_after_s)
            await asyncio.to_thread(self._slow_down, release, answer.retry_after_s)
        outcome = settle_answer(one, answer)
        is_failure = outcome.outcome in ("not_sent", "unknown") and not answer.is_limited
        self._failures = self._failures + 1 if is_failure else 0
        self._last_failure = outcome.code if is_failure else self._last_failure
        return outcome

    def _may_leave(self, release: Release, one: Claim) -> bool:
        """Whether what was true at the claim is true now; asked at the gate and again right before the write.

        If not, the process or its connection was held up, the window has closed, or the provider asked for a pause,
        refused the account or failed too often since.
        """
        now = self._clock.now()
        is_well = self._halt is None and self._failures < self._limits.give_up_after
        return self._gate.is_in_time(one, now) and is_well and now >= self._held_until and may_leave(release, now)

    async def _ask_to_send(self, batch_id: str, messages: Sequence[OutgoingMessage]) -> SendResult:
        try:
            async with asyncio.timeout(self._limits.request_deadline_s):
                answer = await self._provider.send(batch_id, messages)
        except TimeoutError:
            return SendResult(MessageResult("unknown", "deadline"))
        if answer.retry_after_s == 0:
            return answer
        pause_s = answer.retry_after_s if math.isfinite(answer.retry_after_s) else LONGEST_RETRY_AFTER_S
        return replace(answer, retry_after_s=min(max(pause_s, 0.0), LONGEST_RETRY_AFTER_S))

    def _open(self, sealed: Claim | OpenQuestion, release: Release) -> list[OutgoingMessage]:
        batch_id = sealed.batch_id
        phones, texts = unseal_messages(self._keys, batch_id, sealed.sealed)
        return [
            OutgoingMessage(message_id(batch_id, p), phones[p], texts[p], release.wire_type) for p in sealed.positions
        ]

    def _slow_down(self, release: Release, seconds: float) -> None:
        with self._ledger.write() as connection:
            slow_down(connection, self._limits.rates(release.channel), seconds, self._moment(connection))

    async def _ask_about_unknowns(self, lease: Lease, release: Release, waits: bool) -> tuple[int, int]:
        """Ask the provider about the unknown batches whose grace is over, or wait for it.

        Returns:
            How many are still unknown, how many are ready again.
        """
        with self._ledger.read() as connection:
            questions = open_questions(connection, release.release_id)
        unknown = reopened = 0
        for question in questions:
            ripe_at = from_us(question.since_us) + timedelta(seconds=self._limits.query_grace_s)
            if not waits and ripe_at > self._clock.now():
                unknown += 1
                continue
            if not await self._hold_until(lease, ripe_at):
                return len(questions), 0
            outcome = await self._ask(question, release)
            unknown += outcome.outcome == "unknown"
            reopened += outcome.outcome == "not_sent"
        return unknown, reopened

    async def _ask(self, question: OpenQuestion, release: Release) -> RequestOutcome:
        messages = self._open(question, release)
        found = await self._provider.find(question.batch_id, messages, from_us(question.tried_us))
        outcome = settle_question(question, found, self._limits.is_query_definitive)
        with self._ledger.write() as connection:
            record(connection, [outcome], to_us(self._clock.now()))
        self._tell_progress([outcome])
        return outcome

    async def _hold_until(self, lease: Lease, moment: datetime) -> bool:
        """Wait, keeping the lease; False when it was lost."""
        while True:
            with self._ledger.write() as connection:
                if not still_held(connection, lease, self._ledger.store_now_us(connection)):
                    return False
            now = self._clock.now()
            if now >= moment:
                return True
            step = moment if self._clock.kind == "simulated" else min(moment, now + _RENEW_EVERY)
            await self._clock.sleep_until(step)

    async def _some_answers(self, until_left: int) -> None:
        """Take what comes back until so few are under way; simulated time stands still, so the next answer is due."""
        if self._clock.kind == "simulated":
            await self._flight.wait(len(self._flight) - 1)
        else:
            await self._flight.wait(until_left, RECORD_WITHIN_S)

    async def _drain(self) -> None:
        """Wait for every request in flight and record what came of it."""
        await self._flight.wait(0)
        finished = tuple(self._flight.outcomes)
        with self._ledger.write() as connection:
            self._record(connection, finished, to_us(self._clock.now()))
        del self._flight.outcomes[: len(finished)]
        self._tell_progress(finished)

    async def _wait(self, wait_us: int) -> None:
        if self._clock.kind == "simulated":
            # Answers first, then the jump: simulated requests take no simulated time.
            await self._drain()
            await self._clock.sleep_until(self._clock.now() + timedelta(microseconds=wait_us))
            return
        longest_s = RECORD_WITHIN_S if self._flight or self._flight.outcomes else LONGEST_WAIT_S
        await asyncio.sleep(min(wait_us / 1e6, longest_s))
        await self._flight.wait(len(self._flight))

    def _tell_progress(self, outcomes: Sequence[RequestOutcome]) -> None:
        if self._on_progress and outcomes:
            self._on_progress(len(outcomes))

    def _raise_trouble(self) -> None:
        if self._flight.error:
            raise self._flight.error
        if self._halt:
            raise ChannelStopped(
                f"渠道 {self._channel} 停了（{self._halt}），没发的都还在，修好后重复 chuda send / "
                f"channel {self._channel}: {self._halt}; what was not sent stays open, repeat `chuda send` when it is "
                "mended"
            )
        if self._failures >= self._limits.give_up_after:
            raise ChannelStopped(
                f"渠道 {self._channel} 连续 {self._failures} 个请求失败（{self._last_failure}），没发的都还在，"
                f"稍后重复 chuda send / channel {self._channel} failed {self._failures} requests in a row "
                f"(the last: {self._last_failure}); what was not sent stays open, repeat `chuda send` later"
            )
