"""The exact throttle: GCRA, one row per account and limit, advanced in the transaction that commits the intent.

Its time is the store's (or the simulated clock's), so that several machines share one rate. A request of n parts is n
at once: in any second at most the rate plus one request leaves. A provider's "slow down" halves the rate; it comes back
by itself, step by step, and both are on disk. The limit of a day is a count per calendar day in Asia/Shanghai.

A booking is kept only by who leaves near its moment: what leaves late comes on top of what others booked since. So each
has a latest moment (`lateness_us`): 0.8 of what the "plus one request" leaves of its share of the rate. Where that is
too short for a busy machine it is 4 ms, and requests are booked 0.8% slower, which covers them. Where more than 10,000
requests a second are agreed, the rate hardly binds: they are booked 5% slower, and 4% of the rate may be later (in a
row of their own: senders share that too).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, text

_MICROSECONDS = 1_000_000
LOWEST_PERCENT = 5
_STEP_PERCENT, _STEP_US = 5, 5 * _MICROSECONDS  # the way back from a slow-down: 5% of the rate every 5 s
_SAME_INCIDENT_US = _MICROSECONDS  # several requests in flight that were refused together slow down once

STALE_AFTER_US = 500_000  # nothing leaves so late, whatever the rate
_LATE_SHARE = 0.8
_LEAST_LATE_US, _SLOWER = 4_000, 1.008
# One second sees late at most what half a second booked as lenient, and a burst of another half: 4% of the rate.
_LENIENT_SHARE_US, _LENIENT_RATE, _LENIENT_BURST_US, _MUCH_SLOWER = 100, 0.04, 500_000, 1.05


@dataclass(frozen=True, slots=True)
class RateLimits:
    """What one account may take: parts per second, and where agreed per minute and per calendar day."""

    account: str
    per_second: float
    per_minute: float | None = None
    per_day: int | None = None

    def rates(self) -> dict[str, float]:
        """Parts per second by the name of the limit, for the limits that are rates."""
        minute = {} if self.per_minute is None else {f"{self.account}:minute": self.per_minute / 60}
        return {f"{self.account}:second": self.per_second} | minute


class Throttle:
    """All limits of one account inside one transaction: `book` takes, `save` writes what was taken."""

    def __init__(self, connection: Connection, limits: RateLimits, now_us: int, day: date) -> None:
        self._connection = connection
        self._limits = limits
        self._rows = [_Rate(connection, name, rate, now_us) for name, rate in limits.rates().items()]
        is_fast = _MICROSECONDS / limits.per_second <= _LENIENT_SHARE_US
        self._lenient = (
            _Rate(connection, f"{limits.account}:lenient", limits.per_second * _LENIENT_RATE, now_us)
            if is_fast
            else None
        )
        self._day = day.isoformat()
        self._used_today = _used(connection, limits.account, self._day) if limits.per_day else 0
        self._booked = 0

    def next_departure(self, now_us: int) -> int:
        """When the next request may leave, in microseconds of the store's time."""
        return max(now_us, *(row.tat_us for row in self._rows))

    def has_room_today(self, parts: int) -> bool:
        """Whether the day's count still has room for `parts`."""
        return self._limits.per_day is None or self._used_today + self._booked + parts <= self._limits.per_day

    def book(self, now_us: int, parts: int) -> int:
        """Take `parts` at the next departure, which is returned."""
        departure = self.next_departure(now_us)
        slower = _SLOWER if self._spare_us(parts) < _LEAST_LATE_US else 1.0
        slower = _MUCH_SLOWER if self._may_be_lenient(parts) else slower
        for row in self._rows:
            row.tat_us = max(row.tat_us, departure) + round(parts * row.us_per_part * slower)
        self._booked += parts
        return departure

    def lateness_us(self, departure_us: int, parts: int) -> int:
        """How much later than its departure a request just booked may leave; takes from what may be lenient."""
        lenient = self._lenient
        if lenient and self._may_be_lenient(parts):
            tat_us = max(lenient.tat_us, departure_us)
            if tat_us <= departure_us + _LENIENT_BURST_US:
                lenient.tat_us = tat_us + round(parts * lenient.us_per_part)
                return STALE_AFTER_US
        return min(STALE_AFTER_US, max(_LEAST_LATE_US, round(self._spare_us(parts))))

    def _may_be_lenient(self, parts: int) -> bool:
        return parts * _MICROSECONDS / self._limits.per_second <= _LENIENT_SHARE_US

    def _spare_us(self, parts: int) -> float:
        """A second holds a whole number of requests and one more: what that leaves, as time at the rate."""
        requests = self._limits.per_second / parts
        return (1 - requests % 1) / requests * _MICROSECONDS * _LATE_SHARE

    def slow_down(self, until_us: int, now_us: int) -> None:
        """Let nothing leave before `until_us` (a provider's Retry-After) and go on at half the rate."""
        for row in self._rows:
            row.tat_us = max(row.tat_us, until_us)
            row.halve(now_us)

    def save(self) -> None:
        """Write what was booked."""
        for row in (*self._rows, self._lenient) if self._lenient else self._rows:
            row.save(self._connection)
        if self._booked and self._limits.per_day:
            self._connection.execute(
                text("INSERT INTO day_quota (account, day, parts) VALUES (:account, :day, :parts) "
                     "ON CONFLICT (account, day) DO UPDATE SET parts = day_quota.parts + excluded.parts"),
                {"account": self._limits.account, "day": self._day, "parts": self._booked},
            )  # fmt: skip


class _Rate:
    """One row: the theoretical arrival time of the next part, and the share of the rate in use."""

    def __init__(self, connection: Connection, name: str, parts_per_second: float, now_us: int) -> None:
        self.name = name
        lock = "" if connection.dialect.name == "sqlite" else " FOR UPDATE"
        connection.execute(
            text("INSERT INTO throttle (name, tat_us, percent, changed_us) VALUES (:name, 0, 100, 0) "
                 "ON CONFLICT (name) DO NOTHING"),
            {"name": name},
        )  # fmt: skip
        row = connection.execute(
            text(f"SELECT tat_us, percent, changed_us FROM throttle WHERE name = :name{lock}"), {"name": name}
        ).one()
        self.tat_us: int = row.tat_us
        self._stored, self._changed_us = int(row.percent), int(row.changed_us)
        steps = max(0, now_us - self._changed_us) // _STEP_US
        self._percent = min(100, self._stored + _STEP_PERCENT * steps)
        self._full_us_per_part = _MICROSECONDS / parts_per_second

    @property
    def us_per_part(self) -> float:
        return self._full_us_per_part * 100 / self._percent

    def halve(self, now_us: int) -> None:
        if now_us - self._changed_us >= _SAME_INCIDENT_US or self._stored == 100:
            self._stored = self._percent = max(LOWEST_PERCENT, self._percent // 2)
            self._changed_us = now_us

    def save(self, connection: Connection) -> None:
        connection.execute(
            text("UPDATE throttle SET tat_us = :tat, percent = :percent, changed_us = :changed WHERE name = :name"),
            {"tat": self.tat_us, "percent": self._stored, "changed": self._changed_us, "name": self.name},
        )


def refund(connection: Connection, limits: RateLimits, parts_by_day: Mapping[date, int]) -> None:
    """Give parts that were booked and did not leave back to their days; the rate's moments have passed unused."""
    if limits.per_day and parts_by_day:
        connection.execute(
            text("UPDATE day_quota SET parts = parts - :parts WHERE account = :account AND day = :day"),
            [{"account": limits.account, "day": day.isoformat(), "parts": n} for day, n in parts_by_day.items()],
        )


def _used(connection: Connection, account: str, day: str) -> int:
    used = connection.execute(
        text("SELECT parts FROM day_quota WHERE account = :account AND day = :day"), {"account": account, "day": day}
    ).scalar()
    return int(used or 0)
