"""What the business's own sends say about the best hour of a segment."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from chuda.campaign.slot import Slot
from chuda.stores.marts import open_marts
from chuda.windows import DailyWindow
from tasks.experiments.intervals import wilson_interval

HISTORY_DAYS = 365
# Two hours have to be compared, each on so many delivered messages that a rate of 20% is known to within 3.5 points.
ENOUGH_DELIVERED = 500
ENOUGH_HOURS = 2
_HOURS = """
SELECT segment, hour(sent_hour)::INTEGER, count(*) FILTER (is_delivered), count(*) FILTER (is_delivered AND is_clicked)
FROM message_fact
WHERE message_type = 'marketing' AND is_clicked IS NOT NULL AND sent_hour >= $since AND segment IS NOT NULL
GROUP BY ALL
"""


@dataclass(frozen=True, slots=True)
class BestHour:
    """The hour with the best open rate a segment has surely reached: the lower end of its 95% interval is highest."""

    slot: Slot
    delivered: int
    opened: int


@dataclass(frozen=True, slots=True)
class SlotHistory:
    """(delivered, opened) by segment and hour of the day; empty where nothing is known."""

    by_segment: Mapping[str, Mapping[int, tuple[int, int]]] = field(default_factory=lambda: MappingProxyType({}))

    def best(self, segment: str, window: DailyWindow) -> BestHour | None:
        """The best whole hour of a segment inside the window; None without enough history."""
        hours = {
            hour: counts
            for hour, counts in self.by_segment.get(segment, {}).items()
            if counts[0] >= ENOUGH_DELIVERED
            and window.start_minute <= hour * 60
            and (hour + 1) * 60 <= window.end_minute
        }
        if len(hours) < ENOUGH_HOURS:
            return None
        best = max(sorted(hours), key=lambda hour: wilson_interval(hours[hour][1], hours[hour][0]).low)
        return BestHour(Slot(best * 60, (best + 1) * 60), *hours[best])


def read_slot_history(marts_file: Path, now: datetime) -> SlotHistory:
    """The history of the last year from the marts; empty where there are none yet."""
    if not marts_file.exists():
        return SlotHistory()
    found: dict[str, dict[int, tuple[int, int]]] = {}
    with closing(open_marts(marts_file)) as marts:
        rows: list[Any] = marts.execute(_HOURS, {"since": now - timedelta(days=HISTORY_DAYS)}).fetchall()
    for segment, hour, delivered, opened in rows:
        found.setdefault(segment, {})[hour] = (delivered, opened)
    return SlotHistory(found)
