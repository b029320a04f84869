"""Windows are half-open, daily, and never wider than the law."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chuda.clock import BUSINESS_ZONE
from chuda.errors import UsageError
from chuda.message_types import rules_of
from chuda.windows import DailyWindow

MARKETING = rules_of("marketing").window
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.sampled_from([UTC, BUSINESS_ZONE]))


@pytest.mark.parametrize(
    ("clock", "is_open"), [("07:59:59", False), ("08:00:00", True), ("20:59:59", True), ("21:00:00", False)]
)
def test_the_edges_of_the_legal_window(clock, is_open):
    assert MARKETING.contains(datetime.fromisoformat(f"2026-11-20T{clock}+08:00")) is is_open


@given(MOMENTS)
def test_the_next_opening_is_open_and_nothing_before_it_is(moment):
    opening = MARKETING.next_opening(moment)
    assert MARKETING.contains(opening)
    assert opening >= moment
    if opening > moment:
        assert not MARKETING.contains(opening - timedelta(microseconds=1))
        assert opening - moment <= timedelta(hours=11)


@given(st.integers(0, 1439), st.integers(1, 1440), MOMENTS)
def test_an_intersection_is_open_exactly_when_both_are(start, end, moment):
    if start >= end:
        with pytest.raises(UsageError):
            DailyWindow(start, end)
        return
    own = DailyWindow(start, end)
    try:
        both = own.intersect(MARKETING)
    except UsageError:
        assert not (own.contains(moment) and MARKETING.contains(moment))
        return
    assert both.contains(moment) == (own.contains(moment) and MARKETING.contains(moment))
