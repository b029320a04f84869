"""A stretch of the day as people write it: `10:30-11:30` begins at 10:30 and is over at 11:30, Asia/Shanghai."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from typing import Annotated, Any, Literal

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from chuda.clock import BUSINESS_ZONE
from chuda.files.types import wrong
from chuda.message_types import rules_of
from chuda.windows import DailyWindow, at_minute

Slot = DailyWindow
"""A slot is a daily window that somebody chose."""

LEGAL_WINDOW = rules_of("marketing").window
SERVICE_WINDOW = rules_of("notification").window

_MINUTES_OF_DAY = 24 * 60
_SLOT = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")
_LOOKS_LIKE_SLOT = re.compile(r"\s*[“”‘’\"']?\d{1,2}\s*([:：.点]|\s*[-–—~～至到]).*")
_PATTERN = r"^([01]?\d|2[0-3]):[0-5]\d-(([01]?\d|2[0-3]):[0-5]\d|24:00)$"


def parse_slot(text: str) -> Slot:
    """Read `10:30-11:30` (`24:00` may end it); raises a validation error that names the mistake."""
    found = _SLOT.fullmatch(text)
    if found is None:
        raise wrong("slot_malformed" if _LOOKS_LIKE_SLOT.fullmatch(text) else "not_a_slot")
    start_hour, start_minute, end_hour, end_minute = map(int, found.groups())
    start, end = start_hour * 60 + start_minute, end_hour * 60 + end_minute
    if max(start_minute, end_minute) > 59 or max(start, end) > _MINUTES_OF_DAY:
        raise wrong("no_such_time")
    if start >= end:
        raise wrong("slot_backwards")
    return Slot(start, end)


def covers(outer: Slot, inner: Slot) -> bool:
    """Whether `inner` lies wholly inside `outer`."""
    return outer.start_minute <= inner.start_minute and inner.end_minute <= outer.end_minute


def overlap(one: Slot, other: Slot) -> bool:
    """Whether two slots have a minute in common."""
    return one.start_minute < other.end_minute and other.start_minute < one.end_minute


def slot_on(day: date, slot: Slot) -> tuple[datetime, datetime]:
    """Begin and end of a slot on a day, as aware datetimes in Asia/Shanghai."""
    midnight = datetime.combine(day, time(), BUSINESS_ZONE)
    return at_minute(midnight, slot.start_minute), at_minute(midnight, slot.end_minute)


def _read_slot(value: Any) -> Slot:
    if isinstance(value, Slot):
        return value
    if not isinstance(value, str):
        raise wrong("not_a_slot")
    return parse_slot(value)


def _read_slot_or_auto(value: Any) -> Slot | Literal["auto"]:
    return "auto" if value == "auto" else _read_slot(value)


SlotText = Annotated[
    Slot,
    PlainValidator(_read_slot),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": _PATTERN}),
]
SlotOrAuto = Annotated[
    Slot | Literal["auto"],
    PlainValidator(_read_slot_or_auto),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"anyOf": [{"const": "auto"}, {"type": "string", "pattern": _PATTERN}]}),
]
