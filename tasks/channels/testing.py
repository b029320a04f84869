"""The three-stage test as a list of sends: what is due when, through which channel; pure, so that any process can
take it up where another stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from chuda.errors import Refused
from chuda.mainland_calendar import is_workday
from chuda.records.channel import ChannelRecord, MessageType
from chuda.stores.ledger.channels import TestStep
from chuda.windows import DailyWindow, at_minute
from tasks.channels.lines import ChannelLines

MARGIN = timedelta(seconds=60)
TYPES: tuple[MessageType, ...] = ("marketing", "notification", "otp")
_DAYS_AHEAD = 20


@dataclass(frozen=True, slots=True)
class Send:
    """One send of a test, and when it is judged."""

    stage: str
    round: int
    number: int
    tested_type: MessageType
    channel: str
    opens_at: datetime
    judge_at: datetime


def main_type(record: ChannelRecord) -> MessageType:
    """The type a channel is tested as: the first it carries."""
    return record.message_types[0]


def channels_by_type(record: ChannelRecord, others: Mapping[str, ChannelRecord]) -> dict[MessageType, ChannelRecord]:
    """Through which of the provider's channels each type of message goes; types it has none for are missing."""
    same = [other for other in others.values() if other.provider is not None and other.provider == record.provider]
    found: dict[MessageType, ChannelRecord] = {}
    for kind in TYPES:
        able = [each for each in (record, *same) if kind in each.message_types]
        if able:
            found[kind] = able[0]
    return found


def schedule_test(
    record: ChannelRecord, by_type: Mapping[MessageType, ChannelRecord], window: DailyWindow, now: datetime,
    lines: ChannelLines,
) -> list[Send]:  # fmt: skip
    """All sends of a test begun now: basic at once, stress on the next workday morning, scenario right after it.

    Raises:
        Refused: the hours in which the channel may be used do not hold the stress test's.
    """
    after = timedelta(seconds=lines.basic.within_seconds) + MARGIN
    opens_at = window.next_opening(now)
    if window.closing(opens_at) - opens_at <= after:
        opens_at = window.next_opening(window.closing(opens_at))
    basic = Send("basic", 1, 1, main_type(record), record.name, opens_at, opens_at + after)
    stress = schedule_stress(record, window, basic.judge_at, lines, 1)
    scenario_at = stress[-1].opens_at + timedelta(minutes=lines.stress.apart_minutes)
    scenario = [
        Send("scenario", 1, number, kind, channel.name, scenario_at, scenario_at + after)
        for number, (kind, channel) in enumerate(by_type.items(), start=1)
    ]
    return [basic, *stress, *scenario]


def schedule_stress(
    record: ChannelRecord, window: DailyWindow, after: datetime, lines: ChannelLines, round_number: int
) -> list[Send]:
    """The sends of one round, on the first workday whose morning lies after a moment.

    Raises:
        Refused: the hours in which the channel may be used do not hold them.
    """
    start = lines.stress.within.start_minute
    days = (after.date() + timedelta(days=n) for n in range(_DAYS_AHEAD))
    day = next(day for day in days if is_workday(day) and _morning(day, start, after) > after)
    return stress_on(record, window, _morning(day, start, after), lines, round_number, "stress")


def stress_on(
    record: ChannelRecord, window: DailyWindow, first: datetime, lines: ChannelLines, round_number: int, stage: str
) -> list[Send]:
    """The sends of one morning that begins at `first`.

    Raises:
        Refused: the hours in which the channel may be used do not hold them.
    """
    apart = timedelta(minutes=lines.stress.apart_minutes)
    times = [first + number * apart for number in range(lines.stress.sends)]
    if not all(window.contains(moment) for moment in times):
        raise Refused(
            f"渠道“{record.name}”只能在 {window} 用，压力测试要 {first:%H:%M}–{times[-1]:%H:%M} / channel "
            f"'{record.name}' may be used within {window} only, and the stress test takes {first:%H:%M} to "
            f"{times[-1]:%H:%M}; widen `window` or the account's `working_hours`"
        )
    judge_at = times[-1] + timedelta(seconds=lines.basic.within_seconds) + MARGIN
    return [
        Send(stage, round_number, number, main_type(record), record.name, moment, judge_at)
        for number, moment in enumerate(times, start=1)
    ]


def _morning(day: date, minute: int, like: datetime) -> datetime:
    return at_minute(like.replace(year=day.year, month=day.month, day=day.day), minute)


def ripe_stages(steps: Sequence[TestStep], now_us: int) -> list[str]:
    """The stages whose open sends can all be judged now, in order."""
    stages = list(dict.fromkeys(step.stage for step in steps if step.state == "open"))
    return [
        stage
        for stage in stages
        if all(step.judge_us <= now_us for step in steps if step.stage == stage and step.state == "open")
    ]


def next_moment(steps: Sequence[TestStep], now_us: int) -> int | None:
    """When there is something to do again, in microseconds UTC; None if the test is over."""
    times = [moment for step in steps if step.state == "open" for moment in (step.due_us, step.judge_us)]
    later = [moment for moment in times if moment > now_us]
    return min(later) if later else (now_us if times else None)
