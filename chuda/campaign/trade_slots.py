"""The send slots and blind times of each trade: advice that gives the default and warns, never a lawful limit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from chuda.campaign.slot import LEGAL_WINDOW, Slot, SlotText, covers, overlap
from chuda.files import Finding, Lang, load_yaml
from chuda.files.model import FileModel
from chuda.files.types import Items, Slug, Text
from chuda.mainland_calendar import is_workday

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
OTHER_TRADES = "other"


class DaySlot(FileModel):
    """A slot, on some weekdays or on all."""

    slot: SlotText = Field(description='如 "10:30-11:30"')
    weekdays: Items[Weekday] = Field((), description="只在这几天；不写为每天 / only on these days; every day if absent")
    days: Items[Literal["workday", "rest_day"]] = Field(
        (),
        description="只在工作日（含调休）或休息日（含假日） / only on workdays or days off",
    )
    why: Text | None = Field(None, description="理由 / the reason")

    def applies_on(self, day: date) -> bool:
        """Whether it counts on this day."""
        kind = "workday" if is_workday(day) else "rest_day"
        on_weekday = not self.weekdays or WEEKDAYS[day.weekday()] in self.weekdays
        return on_weekday and (not self.days or kind in self.days)


class TradeSlots(FileModel):
    """One trade: its best slots, best first, and the times when its messages are not read."""

    trade: Slug
    label: Text
    slots: Items[DaySlot]
    blind: Items[DaySlot] = ()

    @classmethod
    def cross_check(cls, parts: Mapping[str, Any]) -> Iterable[Finding]:
        """A default has to be lawful by itself and outside the trade's own blind times."""
        blind = parts.get("blind", ())
        for place, each in enumerate(parts.get("slots", ())):
            loc = ("slots", place, "slot")
            if not covers(LEGAL_WINDOW, each.slot):
                yield Finding(loc, "slot_at_night", {"slot": str(each.slot), "window": str(LEGAL_WINDOW)})
            if any(overlap(each.slot, other.slot) for other in blind):
                yield Finding(loc, "slot_in_blind_time", {"slot": str(each.slot)})

    def slots_on(self, day: date) -> tuple[Slot, ...]:
        """Its slots on a day, best first; empty on a day that is none of its own."""
        return tuple(each.slot for each in self.slots if each.applies_on(day))

    def blind_on(self, day: date) -> tuple[Slot, ...]:
        """Its blind times on a day."""
        return tuple(each.slot for each in self.blind if each.applies_on(day))


class SlotTable(FileModel):
    """The slots of all trades; a trade without an entry takes those of `other`."""

    trades: Items[TradeSlots]

    @classmethod
    def cross_check(cls, parts: Mapping[str, Any]) -> Iterable[Finding]:
        """Each trade once, and always one for all the others."""
        seen: set[str] = set()
        for place, entry in enumerate(parts.get("trades", ())):
            if entry.trade in seen:
                yield Finding(("trades", place, "trade"), "listed_twice", {"raw": entry.trade})
            seen.add(entry.trade)
        if "trades" in parts and OTHER_TRADES not in seen:
            yield Finding(("trades",), "no_other_trade")

    def names(self) -> frozenset[str]:
        """The trades it knows."""
        return frozenset(entry.trade for entry in self.trades)

    def slots_on(self, trade: str, day: date) -> tuple[Slot, ...]:
        """The slots of a trade on a day, best first; on a day that is none of its own, those of all other trades."""
        return self._of(trade).slots_on(day) or self._of(OTHER_TRADES).slots_on(day)

    def blind_on(self, trade: str, day: date) -> tuple[Slot, ...]:
        """The blind times of a trade on a day."""
        return self._of(trade).blind_on(day)

    def _of(self, trade: str) -> TradeSlots:
        by_name = {entry.trade: entry for entry in self.trades}
        return by_name.get(trade, by_name[OTHER_TRADES])


def load_slots(path: Path, *, lang: Lang = "zh") -> SlotTable:
    """Read the table of slots and blind times; raises `BadFile` with every problem."""
    return load_yaml(path, SlotTable, lang=lang)
