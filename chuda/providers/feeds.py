"""Reading what a provider reports, item by item: pulled and pushed feeds of every protocol are read with these.

Providers send what they like. Whatever is wrong with one item is that item's trouble; a field that is not needed to
know who and what (a time, a number of parts) never costs the item.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from chuda.clock import BUSINESS_ZONE
from chuda.phones import mask_phones
from chuda.providers.protocol import UnreadableItem

Event = TypeVar("Event")
_LONGEST_TEXT = 2000
_LONGEST_SHOWN = 300
_YEARS = range(2000, 2100)
_MOST_PARTS = 100


class Unreadable(ValueError):
    """An item is no event; the message is the reason, a few words that hold nothing of the item."""


def read_items(
    items: Iterable[object], read: Callable[[Mapping[str, Any]], Event]
) -> tuple[list[Event], list[UnreadableItem]]:
    """Every item read by itself: the events in their order, and what could not be read with its reason."""
    events, unreadable = [], []
    for item in items:
        try:
            if not isinstance(item, Mapping):
                raise Unreadable("not_an_object")
            events.append(read(item))
        except Unreadable as error:
            unreadable.append(UnreadableItem(str(error), show_item(item)))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError) as error:
            # A reader that takes the documented form for granted; what it says may quote the item.
            reason = f"{error.args[0]}_missing" if isinstance(error, KeyError) else f"not_as_documented_{_name(error)}"
            unreadable.append(UnreadableItem(reason, show_item(item)))
    return events, unreadable


def _name(error: Exception) -> str:
    return type(error).__name__


def text_field(item: Mapping[str, Any], name: str, *, is_needed: bool = True) -> str:
    """A text or whole number as text that any store takes: no NUL, no lone surrogate, at most 2,000 characters.

    Raises:
        Unreadable: it is needed and absent, null, empty, or neither text nor number.
    """
    value = item.get(name)
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        text = clean_text(str(value))
        if text or not is_needed:
            return text
    elif value is None and not is_needed:
        return ""
    raise Unreadable(f"{name}_missing" if value in (None, "") else f"{name}_unreadable")


def time_field(item: Mapping[str, Any], name: str) -> datetime | None:
    """A time as ISO or `2026-11-20 10:00:00`; without a zone it is Asia/Shanghai. None if it cannot be read."""
    value = item.get(name)
    try:
        moment = datetime.fromisoformat(value.strip()) if isinstance(value, str) else None
    except ValueError:
        return None
    if moment is None or moment.year not in _YEARS:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=BUSINESS_ZONE)


def epoch_field(item: Mapping[str, Any], name: str) -> datetime | None:
    """A time as seconds since 1970; None if it cannot be read."""
    value = str(item.get(name, "")).strip()
    if not (value.isascii() and value.isdigit() and len(value) < 12):
        return None
    moment = datetime.fromtimestamp(int(value), BUSINESS_ZONE)
    return moment if moment.year in _YEARS else None


def parts_field(item: Mapping[str, Any], name: str) -> int:
    """A number of message parts; 0 where it is absent or cannot be one."""
    value = str(item.get(name, "")).strip()
    return int(value) if value.isascii() and value.isdigit() and len(value) < 4 and int(value) <= _MOST_PARTS else 0


def clean_text(text: str) -> str:
    """The text without what a store refuses (NUL, lone surrogates), at most 2,000 characters."""
    return text[:_LONGEST_TEXT].replace("\0", "").encode("utf-8", "replace").decode()


def show_item(item: object) -> str:
    """An item as a person may see it: at most 300 characters, numbers masked."""
    shown = json.dumps(item, ensure_ascii=False, default=str)[: _LONGEST_TEXT * 2]
    return clean_text(mask_phones(shown))[:_LONGEST_SHOWN]
