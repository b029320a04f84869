"""Requests under way: how many may be claimed ahead, when each leaves, and what has come back.

A transaction of the ledger costs as much as a few requests, so one claims what will leave until the next one: all that
fits on the wire, and as many again as the provider took in the last tenth of a second. That is the horizon of an
intent (`chuda.stores.ledger.dispatching.HORIZON_US`): what waits here is at most so old when it leaves.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Self

from chuda.clock import Clock
from chuda.stores.ledger.dispatching import HORIZON_US, Claim
from chuda.stores.ledger.recording import RequestOutcome
from chuda.stores.ledger.throttle import STALE_AFTER_US

STALE_AFTER = timedelta(microseconds=STALE_AFTER_US)
RECORD_WITHIN_S = 0.1  # an answer waits at most so long for its transaction
_MOST_AHEAD = 1000
_FIRST_LEAD_US, _LONGEST_LEAD_US, _LEAD_KEPT = 5_000, 400_000, 0.98
_CAREFUL = timedelta(seconds=1)  # so long nothing more is claimed ahead
# Late by less than a request's share of the rate: the next one need not be late as well.
_CATCHES_UP = 0.9


class Pace:
    """How many requests come back per second, and so how many may be claimed ahead."""

    def __init__(self, clock: Clock, on_wire: int) -> None:
        self._clock = clock
        self._on_wire = on_wire
        self._since = clock.now()
        self._answers = 0
        self._ahead = 0
        self.lead_us = 0  # how long before its moment a request must be booked, learnt from those that came too late

    @property
    def most(self) -> int:
        """How many requests may be claimed without an answer, on the wire or about to leave."""
        return self._on_wire + self._ahead

    @property
    def few(self) -> int:
        """So many are left under way when more should be claimed: they last while that is done."""
        return self._on_wire - 1 + self._ahead // 2

    def count(self, answers: int, stale: int = 0) -> None:
        """Take note of answers, and of claims that came too late to leave: those waited too long for the wire.

        A simulated clock stands still meanwhile, and nothing is claimed ahead by it.
        """
        if self._clock.kind == "simulated":
            return
        self._answers += answers
        if stale:
            self._learn(self._clock.now())
        else:
            self.lead_us = int(self.lead_us * _LEAD_KEPT)
        seconds = (self._clock.now() - self._since).total_seconds()
        if seconds >= RECORD_WITHIN_S:
            self._ahead = min(_MOST_AHEAD, int(self._answers / seconds * HORIZON_US / 1e6))
            self._since, self._answers = self._clock.now(), 0

    def _learn(self, now: datetime) -> None:
        # Late for want of a free place on the wire if more was claimed than fits on it, else for want of time.
        if self._ahead == 0:
            self.lead_us = min(_LONGEST_LEAD_US, max(_FIRST_LEAD_US, self.lead_us * 2))
        self._ahead, self._answers, self._since = 0, 0, now + _CAREFUL


class Gate:
    """Lets requests pass one by one at the rate, each near its own moment only.

    What is later than its claim allows has lost its place: others may have booked since, in this process or another,
    and to catch up beside them would exceed the account's rate. It is given back and booked anew.
    """

    def __init__(self, clock: Clock, parts_per_second: float) -> None:
        self._clock = clock
        self._parts_per_second = parts_per_second
        self._lock = asyncio.Lock()
        self._opens_at = clock.now()

    async def pass_at(self, one: Claim) -> datetime | None:
        """Wait for the moment of a request; returns it, or None if the process was held up beyond it."""
        async with self._lock:
            await self._clock.sleep_until(max(one.leaves_at, self._opens_at))
            now = self._clock.now()
            if not self.is_in_time(one, now):
                return None
            share = timedelta(seconds=one.parts / self._parts_per_second)
            self._opens_at = max(self._opens_at, now - share * _CATCHES_UP) + share
            return now

    def is_in_time(self, one: Claim, now: datetime) -> bool:
        """Whether a request may still use its booking; work takes no simulated time, only jumps count there."""
        late_us = STALE_AFTER_US if self._clock.kind == "simulated" else one.late_us
        return now - one.leaves_at <= timedelta(microseconds=late_us)


@dataclass(frozen=True, slots=True)
class GivenBack(RequestOutcome):
    """A claim that was not in time and did not leave; its batch is claimed anew."""

    parts: int = 0
    booked_on: date | None = None

    @classmethod
    def of(cls, one: Claim) -> Self:
        """What a claim gives back; whether it counted for the day before is not known around midnight: then nothing."""
        day = one.leaves_at.date()
        is_sure = (one.leaves_at - timedelta(microseconds=HORIZON_US + _LONGEST_LEAD_US)).date() == day
        return cls(
            one.batch_id, one.number, "not_sent", "stale_intent", parts=one.parts, booked_on=day if is_sure else None
        )


def unused_parts(outcomes: Iterable[RequestOutcome]) -> Counter[date]:
    """The parts given back, by the day whose limit they were counted for."""
    unused: Counter[date] = Counter()
    for one in outcomes:
        if isinstance(one, GivenBack) and one.booked_on is not None:
            unused[one.booked_on] += one.parts
    return unused


class Flight:
    """The requests under way and their outcomes; what broke one is kept in `error`."""

    def __init__(self) -> None:
        self.outcomes: list[RequestOutcome] = []
        self.error: Exception | None = None
        self._claims: dict[asyncio.Task[RequestOutcome], Claim] = {}
        self._ended: list[asyncio.Task[RequestOutcome]] = []
        self._wakes_at = 0
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        return len(self._claims)

    def launch(self, one: Claim, request: Coroutine[object, object, RequestOutcome]) -> None:
        """Set a request on its way."""
        task = asyncio.create_task(request)
        self._claims[task] = one
        task.add_done_callback(self._note_end)

    def _note_end(self, task: asyncio.Task[RequestOutcome]) -> None:
        self._ended.append(task)
        if len(self._claims) - len(self._ended) <= self._wakes_at:
            self._wake.set()

    async def wait(self, until_left: int, at_most_s: float | None = None) -> None:
        """Take answers into `outcomes` until so few requests are left under way, or for so long."""
        self._wakes_at = until_left
        self._wake.clear()
        if len(self._claims) - len(self._ended) > until_left:
            try:
                async with asyncio.timeout(at_most_s):
                    await self._wake.wait()
            except TimeoutError:
                pass
        self._collect()

    def _collect(self) -> None:
        """Take every answer; a request that broke is unknown, and the first thing that broke one is told later."""
        ended, self._ended = self._ended, []
        for task in ended:
            one = self._claims.pop(task)
            error = None if task.cancelled() else task.exception()
            if error is not None and not isinstance(error, Exception):
                raise error
            if error is not None or task.cancelled():
                self.error = self.error or error
                code = type(error).__name__ if error else "cancelled"
                self.outcomes.append(RequestOutcome(one.batch_id, one.number, "unknown", code))
            else:
                self.outcomes.append(task.result())
