"""The one clock seam: nothing else in the program asks what time it is.

Three clocks: the real one; the real one started at `CHUDA_NOW` and running on; and the simulated one, which
stands still until somebody waits and then jumps. With several processes the last two must agree, so their
anchor (or their time) lives in the ledger, behind `TimeStore`.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

BUSINESS_ZONE = ZoneInfo("Asia/Shanghai")
ClockKind = Literal["real", "shifted", "simulated"]


class Clock(Protocol):
    """What time it is, and waiting. Times are aware datetimes in Asia/Shanghai."""

    @property
    def kind(self) -> ClockKind:
        """Which of the three clocks this is; only `real` may send through a real channel."""

    def now(self) -> datetime:
        """The present moment."""

    async def sleep_until(self, moment: datetime) -> None:
        """Return when `now() >= moment`; at once if that has passed."""


class TimeStore(Protocol):
    """Where the shared part of a clock lives (the ledger)."""

    def simulated_now(self) -> datetime:
        """The simulated time all processes share."""

    def advance_to(self, moment: datetime) -> None:
        """Move the simulated time forward to `moment`; never back."""


def to_us(moment: datetime) -> int:
    """Microseconds since 1970 UTC of an aware datetime: the form in which the ledger keeps time."""
    return (moment - _EPOCH) // _MICROSECOND


def from_us(value: int) -> datetime:
    """The aware datetime (Asia/Shanghai) of microseconds since 1970 UTC."""
    return (_EPOCH + value * _MICROSECOND).astimezone(BUSINESS_ZONE)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = datetime.resolution


class RealClock:
    """The machine's clock."""

    kind: ClockKind = "real"

    def now(self) -> datetime:
        """The machine's time."""
        return datetime.now(BUSINESS_ZONE)

    async def sleep_until(self, moment: datetime) -> None:
        """Wait in real time."""
        seconds = (moment - self.now()).total_seconds()
        if seconds > 0:
            await asyncio.sleep(seconds)


class ShiftedClock:
    """The real clock started at another moment and running on; the anchor is shared by all processes."""

    kind: ClockKind = "shifted"

    def __init__(self, anchor_real_us: int, anchor_shifted_us: int) -> None:
        self._offset_us = anchor_shifted_us - anchor_real_us

    def now(self) -> datetime:
        """The machine's time plus the shared offset."""
        return from_us(time.time_ns() // 1000 + self._offset_us)

    async def sleep_until(self, moment: datetime) -> None:
        """Wait in real time."""
        seconds = (moment - self.now()).total_seconds()
        if seconds > 0:
            await asyncio.sleep(seconds)


class SimulatedClock:
    """Time that stands still while work is done and jumps over every wait; shared through the ledger."""

    kind: ClockKind = "simulated"

    def __init__(self, store: TimeStore) -> None:
        self._store = store

    def now(self) -> datetime:
        """The simulated time all processes share."""
        return self._store.simulated_now()

    async def sleep_until(self, moment: datetime) -> None:
        """Jump: nobody waits in simulated time."""
        self._store.advance_to(moment)
        await asyncio.sleep(0)


class FixedClock:
    """A clock of one process, set by hand: for pure work with a given `now`, and for tests."""

    kind: ClockKind = "simulated"

    def __init__(self, moment: datetime) -> None:
        self._moment = moment.astimezone(BUSINESS_ZONE)

    def now(self) -> datetime:
        """The moment it was set to."""
        return self._moment

    async def sleep_until(self, moment: datetime) -> None:
        """Jump forward to `moment`; never back."""
        self._moment = max(self._moment, moment.astimezone(BUSINESS_ZONE))
        await asyncio.sleep(0)
