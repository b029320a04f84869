"""Public holidays and make-up workdays of mainland China."""

from __future__ import annotations

from datetime import date

import pytest

from chuda.mainland_calendar import holiday_name, is_announced, is_workday, kind_of_day


@pytest.mark.parametrize(
    ("day", "kind", "name", "worked"),
    [
        (date(2026, 11, 20), "workday", None, True),
        (date(2026, 11, 21), "weekend", None, False),
        (date(2026, 10, 1), "holiday", "国庆节", False),
        (date(2026, 10, 10), "make_up_workday", "国庆节", True),
        (date(2026, 2, 17), "holiday", "春节", False),
    ],
)
def test_what_a_day_is(day, kind, name, worked):
    assert kind_of_day(day) == kind
    assert (holiday_name(day) or (None,))[0] == name
    assert is_workday(day) is worked


def test_a_year_nobody_has_announced_goes_by_weekdays_and_says_so():
    far = date(2190, 10, 1)
    assert not is_announced(far)
    assert (kind_of_day(far), holiday_name(far)) == ("workday", None)
    assert kind_of_day(date(2190, 10, 2)) == "weekend"
