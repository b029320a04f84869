"""When a campaign may start and must be over: slots are advice, windows are law."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Literal

from chuda import mainland_calendar
from chuda.campaign.model import Campaign
from chuda.campaign.slot import Slot, overlap, slot_on
from chuda.campaign.trade_slots import SlotTable
from chuda.errors import Refused
from chuda.message_types import rules_of
from chuda.records.business import BusinessRecord
from chuda.records.channel import ChannelRecord
from chuda.windows import QUEUE_MARGIN_MINUTES, DailyWindow
from tasks.planning.slot_history import SlotHistory

_SEARCH_DAYS = 60
RELEASE_GAP = timedelta(seconds=600)


class SlotsOver(Refused):
    """Today's slots of a recurring campaign have passed: nothing is wrong, the next night plans the next occurrence."""


@dataclass(frozen=True, slots=True)
class Opening:
    """When one group of messages may start, and when what has not started is void."""

    opens_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Timing:
    """The lawful window of a plan, when each variant opens, and what a person should know about it.

    `by_segment` holds an opening for every segment where `auto` follows the segments' own history, else nothing.
    """

    window: DailyWindow
    openings: dict[str | None, Opening]
    warnings: tuple[str, ...]
    by_segment: dict[str, Opening] = field(default_factory=dict)

    @property
    def all_openings(self) -> tuple[Opening, ...]:
        """The openings messages really have."""
        return tuple((self.by_segment or self.openings).values())

    @property
    def first_opening(self) -> datetime:
        """The earliest moment at which a message may leave."""
        return min(opening.opens_at for opening in self.all_openings)

    @property
    def last_expiry(self) -> datetime:
        """When the last message that has not left is void."""
        return max(opening.expires_at for opening in self.all_openings)


def warn(timing: Timing, warnings: Sequence[str]) -> Timing:
    """The timing with further warnings."""
    return replace(timing, warnings=(*timing.warnings, *warnings))


def lawful_window(campaign: Campaign, channel: ChannelRecord, business: BusinessRecord) -> DailyWindow:
    """The intersection of law, provider, account and campaign.

    Raises:
        UsageError: they have no minute in common.
    """
    window = rules_of(campaign.type).window.intersect(channel.window).intersect(business.working_hours)
    return window.intersect(campaign.working_hours) if campaign.working_hours else window


def plan_timing(
    campaign: Campaign,
    channel: ChannelRecord,
    business: BusinessRecord,
    slots: SlotTable,
    now: datetime,
    history: SlotHistory | None = None,
) -> Timing:
    """When each variant of a campaign opens (key None without variants by slot).

    A slot of `auto` is the best hour of each segment's own history where there is enough, else the trade's.

    Raises:
        Refused: a slot that was asked for lies outside what is allowed, or none can be reached any more.
    """
    search = _Search(campaign, lawful_window(campaign, channel, business), slots, now)
    by_variant: dict[str | None, Slot | Literal["auto"]]
    by_variant = {arm.name: campaign.slot_of(arm) for arm in campaign.arms() if arm.slot}
    by_variant = by_variant or {None: campaign.slot_of(None)}
    found = {variant: search.find(slot) for variant, slot in by_variant.items()}
    warnings = [warning for opening, slot in found.values() for warning in search.warn(opening, slot)]
    by_segment: dict[str, Opening] = {}
    if by_variant == {None: "auto"} and history is not None:
        by_segment, notes = _follow_history(search, history, found[None][0])
        warnings = notes or warnings
    openings = {variant: opening for variant, (opening, _) in found.items()}
    return Timing(search.window, openings, tuple(dict.fromkeys(warnings)), by_segment)


@dataclass(frozen=True, slots=True)
class _Search:
    """The search for a day and a slot in which a campaign may start."""

    campaign: Campaign
    window: DailyWindow
    slots: SlotTable
    now: datetime

    def find(self, slot: Slot | Literal["auto"], best: Slot | None = None) -> tuple[Opening, Slot]:
        """The first slot that can still be reached; `best` goes before the trade's own on the days the trade has."""
        for day in self._days():
            for one in self._slots_on(slot, best, day):
                start, end = slot_on(day, one)
                if end <= self.now:
                    continue
                opens_at = max(start, self.now)
                if self.window.contains(opens_at):
                    return self._opening(opens_at), one
                if not isinstance(slot, str):
                    raise Refused(
                        f"{self.campaign.id}: 时段 {one} 不在允许的时间 {self.window} 内（法定、渠道、账号时间的交集） "
                        f"/ the slot {one} is not inside the allowed hours {self.window}; choose another slot"
                    )
        refusal = SlotsOver if self._is_recurring else Refused
        raise refusal(f"{self.campaign.id}: no slot within {self.window} can still be reached; {self._advice()}")

    def warn(self, opening: Opening, slot: Slot) -> Iterator[str]:
        """What speaks against a day and a slot without forbidding them."""
        day, trade = opening.opens_at.date(), self.campaign.trade
        for blind in self.slots.blind_on(trade, day):
            if overlap(slot, blind):
                yield f"时段 {slot} 与{trade}行业的低效时段 {blind} 重叠 / the slot meets a blind time of the trade"
        own = self.slots.slots_on(trade, day)
        if self.campaign.type == "marketing" and not any(overlap(slot, each) for each in own):
            usual = "、".join(map(str, own))
            yield f"时段 {slot} 不是{trade}行业的常用时段 {usual} / the slot is none of the trade's usual ones"
        yield from _warn_of_day(day)

    def _opening(self, opens_at: datetime) -> Opening:
        expires_at = opens_at + timedelta(hours=self.campaign.expire_after_hours)
        if self._is_recurring:
            # An occurrence belongs to its day: the next night chooses anew and catches up what still makes sense.
            expires_at = min(expires_at, self.window.closing(opens_at))
        return Opening(opens_at, expires_at)

    @property
    def _is_recurring(self) -> bool:
        return self.campaign.schedule is not None and self.campaign.schedule.recurring is not None

    @property
    def _asked(self) -> date | Literal["auto"]:
        return (self.campaign.schedule.date if self.campaign.schedule else None) or "auto"

    def _days(self) -> list[date]:
        if self._is_recurring:
            return [self.now.date()]
        if isinstance(self._asked, date):
            return [self._asked]
        return [self.now.date() + timedelta(days=n) for n in range(_SEARCH_DAYS)]

    def _advice(self) -> str:
        if self._is_recurring:
            return "today's slots are over; the night plans the next occurrence"
        return "choose another date or slot"

    def _slots_on(self, slot: Slot | Literal["auto"], best: Slot | None, day: date) -> tuple[Slot, ...]:
        if not isinstance(slot, str):
            return (slot,)
        own = self.slots.slots_on(self.campaign.trade, day)
        is_free = self._asked == "auto" and not self._is_recurring
        # `auto` with an automatic date waits for a day the trade has as its own.
        if is_free and own == self.slots.slots_on("other", day) and self._has_days_of_its_own(own, day):
            return ()
        if best is None:
            return own
        return (best,) if is_free else (best, *own)

    def _has_days_of_its_own(self, own: tuple[Slot, ...], day: date) -> bool:
        return any(self.slots.slots_on(self.campaign.trade, day + timedelta(days=n)) != own for n in range(1, 8))


def _follow_history(search: _Search, history: SlotHistory, otherwise: Opening) -> tuple[dict[str, Opening], list[str]]:
    audience = search.campaign.audience
    segments = (audience.segments if audience else ()) or ("all",)
    openings, notes, is_known = {}, [], False
    for segment in segments:
        best = history.best(segment, search.window)
        if best is None:
            openings[segment] = otherwise
            continue
        is_known = True
        openings[segment], slot = search.find("auto", best.slot)
        rate = f"{best.opened / best.delivered:.1%}"
        notes.append(
            f"{segment} 按自身历史选 {slot}（送达 {best.delivered:,}，打开 {rate}）/ "
            f"{segment}: {slot} from its own history ({best.delivered:,} delivered, {rate} opened)"
        )
        notes += [w for w in search.warn(openings[segment], slot) if "usual" not in w]
    return (openings, notes) if is_known else ({}, [])


def _warn_of_day(day: date) -> Iterator[str]:
    if not mainland_calendar.is_announced(day):
        yield f"{day.year} 年的放假安排还不知道，请自行确认 / the holidays of {day.year} are not known yet"
        return
    kind, name = mainland_calendar.kind_of_day(day), mainland_calendar.holiday_name(day)
    if name is None:
        return
    if kind == "holiday":
        yield f"{day} 是{name[0]}假期 / is a public holiday ({name[1]})"
    elif kind == "make_up_workday":
        yield f"{day} 是{name[0]}调休上班日 / is a make-up workday ({name[1]})"


def finish_time(opens_at: datetime, parts: int, parts_per_second: float, window: DailyWindow) -> datetime:
    """When the last part leaves at the channel's rate, going on in the next day's window where one is too short.

    Nothing starts in the last minutes of a window, which are the provider's queue's.
    """
    window = window.without_margin(QUEUE_MARGIN_MINUTES)
    moment, left = window.next_opening(opens_at), timedelta(seconds=parts / parts_per_second)
    while left > (room := window.closing(moment) - moment):
        left -= room
        moment = window.next_opening(window.closing(moment))
    return moment + left


def finish_times(
    releases: Sequence[tuple[datetime, int]], parts_per_second: float, window: DailyWindow
) -> list[datetime]:
    """When each release (opens_at, parts), in order, is done: one after another, none before it opens."""
    done: list[datetime] = []
    for opens_at, parts in releases:
        done.append(finish_time(max([opens_at, *done[-1:]]), parts, parts_per_second, window))
    return done


def space_releases(opening: Opening, count: int, window: DailyWindow) -> list[Opening]:
    """The openings of `count` releases that follow each other with the minimum gap, inside the daily window."""
    length, spaced = opening.expires_at - opening.opens_at, [opening]
    for _ in range(count - 1):
        opens_at = window.next_opening(spaced[-1].opens_at + RELEASE_GAP)
        spaced.append(Opening(opens_at, opens_at + length))
    return spaced
