"""Which days people work in mainland China: public holidays and make-up workdays, from the package `chinesecalendar`.

The State Council announces each year's days in the autumn before; for a year the installed package does not know yet,
weekdays alone decide, and `is_announced` says so.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

import chinese_calendar

DayKind = Literal["workday", "make_up_workday", "weekend", "holiday"]

_NAMES = {
    "New Year's Day": "元旦",
    "Spring Festival": "春节",
    "Tomb-sweeping Day": "清明节",
    "Labour Day": "劳动节",
    "Dragon Boat Festival": "端午节",
    "National Day": "国庆节",
    "Mid-autumn Festival": "中秋节",
}


def is_announced(day: date) -> bool:
    """Whether the holidays of that year are known."""
    try:
        chinese_calendar.is_workday(day)
    except NotImplementedError:
        return False
    return True


def kind_of_day(day: date) -> DayKind:
    """What a day is: an ordinary workday, a weekend day that is worked, a free weekend day, or a public holiday."""
    is_weekend = day.weekday() >= 5
    if not is_announced(day):
        return "weekend" if is_weekend else "workday"
    is_free, name = chinese_calendar.get_holiday_detail(day)
    if not is_free:
        return "make_up_workday" if is_weekend else "workday"
    return "holiday" if name else "weekend"


def is_workday(day: date) -> bool:
    """Whether people work on that day, make-up workdays included."""
    return kind_of_day(day) in ("workday", "make_up_workday")


def holiday_name(day: date) -> tuple[str, str] | None:
    """The holiday (Chinese, English) that makes a day free, or for which a make-up workday is worked."""
    name = chinese_calendar.get_holiday_detail(day)[1] if is_announced(day) else None
    return None if name is None else (_NAMES.get(name, name), name)
