"""When a campaign may start and must be over: slots are advice, windows are law."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from chuda.campaign.model import Campaign
from chuda.campaign.slot import Slot, overlap, slot_on
from chuda.campaign.trade_slots import SlotTable
from chuda.errors import Refused
from chuda.message_types import rules_of
from chuda.records.business import BusinessRecord
from chuda.records.channel import ChannelRecord
from chuda.windows import DailyWindow

_SEARCH_DAYS = 60


@dataclass(frozen=True, slots=True)
class Opening:
    """When one group of messages may start, and when what has not started is void."""

    opens_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Timing:
    """The lawful window of a plan, when each variant opens, and what a person should know about it."""

    window: DailyWindow
    openings: dict[str | None, Opening]
    warnings: tuple[str, ...]


def lawful_window(campaign: Campaign, channel: ChannelRecord, business: BusinessRecord) -> DailyWindow:
    """The intersection of law, provider, account and campaign.

    Raises:
        UsageError: they have no minute in common.
    """
    window = rules_of(campaign.type).window.intersect(channel.window).intersect(business.working_hours)
    return window.intersect(campaign.working_hours) if campaign.working_hours else window


def plan_timing(
    campaign: Campaign, channel: ChannelRecord, business: BusinessRecord, slots: SlotTable, now: datetime
) -> Timing:
    """When each variant of a campaign opens (key None without variants by slot).

    Raises:
        Refused: a slot that was asked for lies outside what is allowed, or no slot comes within 60 days.
    """
    window = lawful_window(campaign, channel, business)
    by_variant: dict[str | None, Slot | Literal["auto"]]
    by_variant = {arm.name: campaign.slot_of(arm) for arm in campaign.arms() if arm.slot}
    by_variant = by_variant or {None: campaign.slot_of(None)}
    openings: dict[str | None, Opening] = {}
    warnings: list[str] = []
    for variant, slot in by_variant.items():
        opens_at, chosen = _opening(campaign, slot, window, slots, now)
        warnings += [
            f"时段 {chosen} 与{campaign.trade}行业的低效时段 {blind} 重叠 / the slot meets a blind time of the trade"
            for blind in slots.blind_on(campaign.trade, opens_at.date())
            if overlap(chosen, blind)
        ]
        openings[variant] = Opening(opens_at, opens_at + timedelta(hours=campaign.expire_after_hours))
    return Timing(window, openings, tuple(warnings))


def _opening(
    campaign: Campaign, slot: Slot | str, window: DailyWindow, slots: SlotTable, now: datetime
) -> tuple[datetime, Slot]:
    asked = campaign.schedule.date if campaign.schedule else "auto"
    days = [asked] if isinstance(asked, date) else [now.date() + timedelta(days=n) for n in range(_SEARCH_DAYS)]
    for day in days:
        for one in _slots_on(campaign, slot, slots, day):
            start, end = slot_on(day, one)
            if end <= now:
                continue
            opens_at = max(start, now)
            if window.contains(opens_at):
                return opens_at, one
            if not isinstance(slot, str):
                raise Refused(
                    f"{campaign.id}: 时段 {one} 不在允许的时间 {window} 内（法定、渠道、账号时间的交集）/ "
                    f"the slot {one} is not inside the allowed hours {window}; choose another slot"
                )
    raise Refused(f"{campaign.id}: no slot within {window} can still be reached; choose another date or slot")


def _slots_on(campaign: Campaign, slot: Slot | str, slots: SlotTable, day: date) -> tuple[Slot, ...]:
    if not isinstance(slot, str):
        return (slot,)
    own = slots.slots_on(campaign.trade, day)
    # `auto` with an automatic date waits for a day the trade has as its own.
    is_free = campaign.schedule is None or campaign.schedule.date in (None, "auto")
    if is_free and own == slots.slots_on("other", day) and any(
        slots.slots_on(campaign.trade, day + timedelta(days=n)) != own for n in range(1, 8)
    ):  # fmt: skip
        return ()
    return own


def finish_time(opens_at: datetime, parts: int, parts_per_second: float, window: DailyWindow) -> datetime:
    """When the last part leaves at the channel's rate, going on in the next day's window where one is too short."""
    moment, left = window.next_opening(opens_at), timedelta(seconds=parts / parts_per_second)
    while left > (room := window.closing(moment) - moment):
        left -= room
        moment = window.next_opening(window.closing(moment))
    return moment + left
