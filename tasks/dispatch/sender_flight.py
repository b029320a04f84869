"""Requests under way: how many may be claimed ahead, when each leaves, and what has come back.

A transaction of the ledger costs as much as a few requests, so one claims what will leave until the next one: all that
fits on the wire, and as many again as the provider took in the last tenth of a second. That is the horizon of an
intent (`chuda.stores.ledger.dispatching.HORIZON_US`): what waits here is at most so old when it leaves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import datetime, timedelta

from chuda.clock import Clock
from chuda.stores.ledger.dispatching import HORIZON_US, Claim
from chuda.stores.ledger.recording import RequestOutcome

STALE_AFTER = timedelta(seconds=0.5)
RECORD_WITHIN_S = 0.1  # an answer waits at most so long for its transaction
_MOST_AHEAD = 1000
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

    @property
    def most(self) -> int:
        """How many requests may be claimed without an answer, on the wire or about to leave."""
        return self._on_wire + self._ahead

    @property
    def few(self) -> int:
        """So many are left under way when more should be claimed: they last while that is done."""
        return self._on_wire - 1 + self._ahead // 2

    def count(self, answers: int) -> None:
        """Take note of answers; a simulated clock stands still meanwhile, and nothing is claimed ahead by it."""
        if self._clock.kind == "simulated":
            return
        self._answers += answers
        seconds = (self._clock.now() - self._since).total_seconds()
        if seconds >= RECORD_WITHIN_S:
            self._ahead = min(_MOST_AHEAD, int(self._answers / seconds * HORIZON_US / 1e6))
            self._since, self._answers = self._clock.now(), 0


class Gate:
    """Lets requests pass one by one at the rate: after a hold-up the late ones do not leave all at once."""

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
            if now - one.leaves_at > STALE_AFTER:
                return None
            share = timedelta(seconds=one.parts / self._parts_per_second)
            self._opens_at = max(self._opens_at, now - share * _CATCHES_UP) + share
            return now


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
