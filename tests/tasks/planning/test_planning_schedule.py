"""When a campaign opens: hard windows, a trade's advice, the segments' own history, and when it can be done."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chuda.campaign import Campaign, load_slots
from chuda.clock import BUSINESS_ZONE
from chuda.errors import Refused, UsageError
from chuda.files.reader import parse_yaml
from chuda.records.business import BusinessRecord
from chuda.records.channel import ChannelRecord
from chuda.windows import DailyWindow
from tasks.planning.schedule import Opening, finish_times, plan_timing, space_releases
from tasks.planning.slot_history import SlotHistory

ROOT = Path(__file__).parents[3]
SLOTS = load_slots(ROOT / "data/reference/slots.yaml")
CHANNEL_TEXT = (ROOT / "data/campaigns/channels/demo.yaml").read_text(encoding="utf-8")
CHANNEL = parse_yaml(CHANNEL_TEXT, "demo.yaml", ChannelRecord).value
BUSINESS = BusinessRecord.model_validate({"name": "shop", "licence_name": "橙柚生活", "signatures": ["橙柚生活"]})
FRIDAY = "2026-11-20"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BUSINESS_ZONE)


def campaign(
    trade: str = "retail", schedule: str = "{date: auto, slot: auto}", segments: str = "[a, b]", more: str = ""
):
    return parse_yaml(
        f"id: c\nname: c\ntype: marketing\ntrade: {trade}\nsender: shop\nchannels: [demo]\n"
        "audience: {segments: [a, b]}\ntemplate: {text: 【橙柚生活】您好，拒收请回复R}\n"
        f"schedule: {schedule}\n{more}",
        "campaign.yaml",
        Campaign,
    ).value


def timing(now: str, wanted: Campaign | None = None, history: SlotHistory | None = None, **changes: object):
    channel = CHANNEL.model_copy(update=changes)
    return plan_timing(wanted or campaign(), channel, BUSINESS, SLOTS, at(now), history)


def opening(found) -> str:
    return f"{found.openings[None].opens_at:%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("trade", "now", "opens"),
    [
        ("retail", "2026-11-18T09:00", "11-20 15:00"),
        ("retail", "2026-11-20T15:30", "11-20 15:30"),
        ("retail", "2026-11-20T17:00", "11-27 15:00"),
        ("restaurant", "2026-11-20T11:30", "11-20 16:30"),
        ("education", "2026-11-20T09:00", "11-20 19:00"),
        ("mother_baby", "2026-11-20T09:00", "11-20 15:00"),
        ("other", "2026-11-20T12:00", "11-21 10:00"),
    ],
)
def test_auto_takes_the_next_slot_of_the_trade(trade, now, opens):
    assert opening(timing(now, campaign(trade))) == opens


def test_a_window_is_what_law_provider_account_and_campaign_all_allow():
    found = timing(f"{FRIDAY}T09:00", campaign(more='working_hours: "09:00-18:00"\n'), window=DailyWindow(600, 1320))
    assert str(found.window) == "10:00-18:00"


def test_hours_that_never_meet_are_refused():
    with pytest.raises(UsageError, match="no minute in common"):
        timing(f"{FRIDAY}T09:00", campaign(more='working_hours: "08:00-09:00"\n'), window=DailyWindow(600, 1320))


def test_a_slot_outside_the_provider_s_hours_is_refused_and_not_moved():
    wanted = campaign("education", f'{{date: {FRIDAY}, slot: "19:00-20:00"}}')
    with pytest.raises(Refused, match="not inside the allowed hours"):
        timing(f"{FRIDAY}T09:00", wanted, window=DailyWindow(480, 1080))


@pytest.mark.parametrize(
    ("trade", "schedule", "said"),
    [
        ("ecommerce", f'{{date: {FRIDAY}, slot: "12:30-13:00"}}', "blind time"),
        ("finance", f'{{date: {FRIDAY}, slot: "09:30-10:30"}}', "blind time"),
        ("finance", '{date: 2026-10-01, slot: "09:30-10:30"}', "public holiday"),
        ("retail", f'{{date: {FRIDAY}, slot: "09:00-10:00"}}', "usual"),
        ("restaurant", '{date: 2026-10-10, slot: "10:30-11:30"}', "make-up workday"),
        ("restaurant", '{date: 2027-01-01, slot: "10:30-11:30"}', "holidays of 2027"),
    ],
)
def test_what_speaks_against_a_day_or_a_slot_warns(trade, schedule, said):
    day = schedule[7:17]
    warnings = timing(f"{day}T08:00", campaign(trade, schedule)).warnings
    assert any(said in warning for warning in warnings), warnings


def test_markets_are_closed_on_holidays_so_their_mornings_are_not_blind():
    assert SLOTS.blind_on("finance", date(2026, 10, 1)) == ()
    assert SLOTS.blind_on("finance", date(2026, 10, 10)) == ()
    assert [str(slot) for slot in SLOTS.blind_on("finance", date(2026, 10, 9))] == ["09:30-11:30"]


def test_an_ordinary_day_in_a_usual_slot_warns_of_nothing():
    assert timing(f"{FRIDAY}T09:00").warnings == ()


HISTORY = SlotHistory({"a": {10: (600, 60), 14: (900, 270), 16: (499, 400), 21: (9000, 9000)}, "b": {10: (600, 90)}})


def test_auto_follows_the_history_of_a_segment_that_has_enough():
    found = timing(f"{FRIDAY}T09:00", campaign("mother_baby"), HISTORY)
    hours = {segment: f"{o.opens_at:%H:%M}" for segment, o in found.by_segment.items()}
    assert hours == {"a": "14:00", "b": "15:00"}
    assert any("14:00-15:00" in said and "30.0%" in said for said in found.warnings)


def test_history_decides_the_hour_and_the_trade_the_day():
    found = timing("2026-11-18T09:00", campaign(), HISTORY)
    assert {f"{o.opens_at:%m-%d %H:%M}" for o in found.by_segment.values()} == {"11-20 14:00", "11-20 15:00"}


@pytest.mark.parametrize("known", [{}, {"a": {10: (600, 60)}}, {"c": {10: (600, 60), 14: (900, 270)}}])
def test_without_enough_history_the_table_decides(known):
    assert timing(f"{FRIDAY}T09:00", campaign("mother_baby"), SlotHistory(known)).by_segment == {}


def test_history_outside_the_hours_that_are_allowed_does_not_count():
    found = timing(f"{FRIDAY}T09:00", campaign("other"), HISTORY, window=DailyWindow(480, 870))
    assert found.by_segment == {}


def test_a_slot_that_was_asked_for_is_not_second_guessed():
    wanted = campaign(schedule=f'{{date: {FRIDAY}, slot: "10:00-11:00"}}')
    assert timing(f"{FRIDAY}T09:00", wanted, HISTORY).by_segment == {}


def test_releases_follow_each_other_with_the_gap_and_stay_in_the_window():
    first = Opening(at(f"{FRIDAY}T20:45"), at(f"{FRIDAY}T20:45") + timedelta(hours=24))
    spaced = space_releases(first, 4, DailyWindow(480, 1260))
    assert [f"{o.opens_at:%d %H:%M}" for o in spaced] == ["20 20:45", "20 20:55", "21 08:00", "21 08:10"]
    assert all(o.expires_at - o.opens_at == timedelta(hours=24) for o in spaced)


def test_a_slow_channel_goes_on_in_the_next_window():
    window = DailyWindow(480, 1260)
    [done] = finish_times([(at(f"{FRIDAY}T20:00"), 7200)], 1, window)
    assert f"{done:%d %H:%M}" == "21 09:05"
    second = finish_times([(at(f"{FRIDAY}T10:00"), 600), (at(f"{FRIDAY}T10:05"), 600)], 1, window)
    assert [f"{moment:%H:%M}" for moment in second] == ["10:10", "10:20"]


@settings(max_examples=50)
@given(st.integers(0, 1439), st.integers(1, 40), st.integers(0, 1380), st.integers(1, 60))
def test_no_release_opens_outside_the_window_or_before_the_one_ahead(minute, count, start, length):
    window = DailyWindow(start, start + length)
    first = window.next_opening(at("2026-11-20T00:00") + timedelta(minutes=minute))
    spaced = space_releases(Opening(first, first + timedelta(hours=24)), count, window)
    assert len(spaced) == count
    assert all(window.contains(each.opens_at) for each in spaced)
    gaps = [later.opens_at - earlier.opens_at for earlier, later in pairwise(spaced)]
    assert all(gap >= timedelta(minutes=10) for gap in gaps)
