"""What a trade's table has to say about the slots a campaign chose: warnings, never refusals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from chuda.campaign.campaign_checks import Parts, written_slots
from chuda.campaign.schedule import Schedule
from chuda.campaign.slot import overlap
from chuda.campaign.trade_slots import SlotTable
from chuda.files import Finding

_ANY_WEEK = tuple(date(2026, 11, 2) + timedelta(days=day) for day in range(7))


def find_blind_slots(parts: Parts, table: SlotTable) -> Iterator[Finding]:
    """Yield the slots in a blind time of the trade, on the campaign's day or, where it has none, on any weekday."""
    if "trade" not in parts:
        return
    schedule: Schedule | None = parts.get("schedule")
    day = schedule.date if schedule else None
    days = (day,) if isinstance(day, date) else _ANY_WEEK
    for loc, slot in written_slots(parts):
        blind = {time for each in days for time in table.blind_on(parts["trade"], each) if overlap(time, slot)}
        if blind:
            context = {"slot": str(slot), "trade": parts["trade"], "blind": ", ".join(sorted(map(str, blind)))}
            yield Finding(loc, "slot_is_blind", context, severity="warning")
