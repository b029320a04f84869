"""When a campaign is sent: on a day in a slot, when it is best (`auto`), or every night by event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema

from chuda.campaign.slot import SlotOrAuto
from chuda.files import Finding
from chuda.files.model import FileModel
from chuda.files.types import Day, Whole, read_day

EventKind = Literal["appointment", "birthday", "points_expire", "installation", "silence_days", "life_stage"]

OFFSETS_OF_EVENTS: Mapping[str, tuple[int, int]] = {
    "appointment": (-30, 0),
    "birthday": (-30, 0),
    "points_expire": (-90, 0),
    "installation": (0, 365),
    "silence_days": (7, 730),
    "life_stage": (0, 60),
}
"""Which offsets make sense: days before (-) or after (+) the event."""


def _read_day_or_auto(value: Any) -> date | Literal["auto"]:
    return "auto" if value == "auto" else read_day(value)


DayOrAuto = Annotated[
    date | Literal["auto"],
    PlainValidator(_read_day_or_auto),
    PlainSerializer(str, return_type=str, when_used="json"),
    WithJsonSchema({"anyOf": [{"const": "auto"}, {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"}]}),
]


class Recurring(FileModel):
    """Every night the people whose event falls due, once per person and event."""

    every: Literal["night"] = Field(description="每晚挑选 / people are chosen every night")
    event: EventKind = Field(description="事件 / the event")
    offset_days: Annotated[int, Whole(-365, 730)] = Field(
        description="相对事件的天数，负数为之前；silence_days 时为沉默天数 / days after the event or of silence"
    )
    slot: SlotOrAuto = Field("auto", description="发送时段 / send slot")
    catch_up_days: Annotated[int, Whole(0, 7)] = Field(
        0, description="漏跑后最多补发几天内的 / how many missed nights to catch up"
    )
    max_per_night: Annotated[int, Whole(1, 50_000)] | None = Field(
        None, description="每晚最多多少条 / at most so many a night"
    )
    until: Day | None = Field(None, description="最后一天 / the last day")

    @classmethod
    def cross_check(cls, parts: Mapping[str, Any]) -> Iterable[Finding]:
        """The offset has to lie on the side of the event where the message makes sense."""
        if {"event", "offset_days"} <= parts.keys():
            low, high = OFFSETS_OF_EVENTS[parts["event"]]
            if not low <= parts["offset_days"] <= high:
                context = {
                    "event": parts["event"],
                    "value": str(parts["offset_days"]),
                    "low": str(low),
                    "high": str(high),
                }
                yield Finding(("offset_days",), "offset_direction", context)


class Schedule(FileModel):
    """A date with a slot, either of them `auto`, or `recurring`."""

    date: DayOrAuto | None = Field(None, description='日期，如 "2026-11-28"，或 auto / the day, or auto')
    slot: SlotOrAuto = Field("auto", description='时段，如 "10:30-11:30"，或 auto / the slot, or auto')
    recurring: Recurring | None = Field(None, description="按事件每晚触发 / every night, by event")

    @classmethod
    def cross_check(cls, parts: Mapping[str, Any]) -> Iterable[Finding]:
        """Either a day or recurring."""
        return _check_schedule(parts)


def _check_schedule(parts: Mapping[str, Any]) -> Iterator[Finding]:
    if not {"date", "slot", "recurring"} <= parts.keys():
        return
    if parts["recurring"] is None:
        if parts["date"] is None:
            yield Finding(("date",), "schedule_without_date")
        return
    if parts["date"] is not None:
        yield Finding(("date",), "date_and_recurring", on_key=True)
    if parts["slot"] != "auto":
        yield Finding(("slot",), "slot_beside_recurring", on_key=True)
