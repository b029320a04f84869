"""When a message may leave: daily windows, half-open, in Asia/Shanghai; the law's are in `message_types`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from chuda.clock import BUSINESS_ZONE
from chuda.errors import UsageError


@dataclass(frozen=True, slots=True)
class DailyWindow:
    """Minutes of the day [start, end) during which something is allowed, the same every day."""

    start_minute: int
    end_minute: int

    def __post_init__(self) -> None:
        if not 0 <= self.start_minute < self.end_minute <= 24 * 60:
            raise UsageError(f"a window must start before it ends within one day, not {self}")

    def __str__(self) -> str:
        return f"{_clock_text(self.start_minute)}-{_clock_text(self.end_minute)}"

    def contains(self, moment: datetime) -> bool:
        """Whether `moment` lies in the window; its end does not."""
        local = moment.astimezone(BUSINESS_ZONE)
        minutes = local.hour * 60 + local.minute
        return self.start_minute <= minutes < self.end_minute

    def next_opening(self, moment: datetime) -> datetime:
        """`moment` itself inside the window, else the next start."""
        local = moment.astimezone(BUSINESS_ZONE)
        if self.contains(local):
            return local
        opening = at_minute(local, self.start_minute)
        return opening if opening > local else opening + timedelta(days=1)

    def closing(self, moment: datetime) -> datetime:
        """The end of the window on the day of `moment`."""
        return at_minute(moment.astimezone(BUSINESS_ZONE), self.end_minute)

    def without_margin(self, minutes: int) -> DailyWindow:
        """The window ending `minutes` earlier, but never empty; midnight is no end."""
        if self.end_minute == 24 * 60:
            return self
        return DailyWindow(self.start_minute, max(self.start_minute + 1, self.end_minute - minutes))

    def intersect(self, other: DailyWindow) -> DailyWindow:
        """The minutes allowed by both.

        Raises:
            UsageError: there are none.
        """
        start, end = max(self.start_minute, other.start_minute), min(self.end_minute, other.end_minute)
        if start >= end:
            raise UsageError(f"the windows {self} and {other} have no minute in common: nothing could ever be sent")
        return DailyWindow(start, end)


# What has left us may wait in the provider's queue: nothing starts this close to a window's end.
QUEUE_MARGIN_MINUTES = 5


def window_between(start: time, end: time) -> DailyWindow:
    """The window between two times of day; an `end` of 00:00 means midnight at the day's end."""
    return DailyWindow(start.hour * 60 + start.minute, (end.hour * 60 + end.minute) or 24 * 60)


def at_minute(day: datetime, minute: int) -> datetime:
    """The moment `minute` minutes after the start of that day in Asia/Shanghai."""
    local = day.astimezone(BUSINESS_ZONE)
    return local.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(minutes=minute)


def _clock_text(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
