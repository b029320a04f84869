"""Whether the days a campaign names still lie ahead; the only check of a campaign file that depends on the clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from chuda.campaign.campaign_checks import Parts, written_slots
from chuda.campaign.model import Campaign
from chuda.campaign.schedule import Schedule
from chuda.campaign.slot import slot_on
from chuda.clock import BUSINESS_ZONE
from chuda.files import Finding, Problem, Source

_FAR_AHEAD = timedelta(days=366)


def check_dates(campaign: Campaign, now: datetime, source: Source) -> list[Problem]:
    """Return what is already over at `now` (aware), with its place in the file (`source` comes from `read_yaml`)."""
    return source.problems(find_past_dates(dict(campaign), now))


def find_past_dates(parts: Parts, now: datetime) -> Iterator[Finding]:
    """Yield the days and slots that are over, and days so far ahead that the year looks mistyped."""
    schedule: Schedule | None = parts.get("schedule")
    if schedule is None:
        return
    today = now.astimezone(BUSINESS_ZONE).date()
    if isinstance(schedule.date, date):
        yield from _check_day(parts, schedule.date, now, today)
    until = schedule.recurring.until if schedule.recurring else None
    if until is not None and until < today:
        yield Finding(("schedule", "recurring", "until"), "until_past", {"day": str(until), "today": str(today)})


def _check_day(parts: Parts, day: date, now: datetime, today: date) -> Iterator[Finding]:
    context = {"day": str(day), "today": str(today)}
    if day < today:
        yield Finding(("schedule", "date"), "date_past", context)
    elif day - today > _FAR_AHEAD:
        yield Finding(("schedule", "date"), "date_far", context, severity="warning")
    for loc, slot in written_slots(parts):
        if day == today and slot_on(day, slot)[1] <= now:
            yield Finding(loc, "slot_over", {"slot": str(slot)})
