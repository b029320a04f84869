"""Slots: how they are written, and what the shipped table advises per trade."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from chuda.campaign import (
    LEGAL_WINDOW,
    Slot,
    SlotTable,
    covers,
    load_campaign,
    load_slots,
    overlap,
    parse_slot,
    slot_on,
)
from chuda.clock import BUSINESS_ZONE
from chuda.files import BadFile, parse_yaml
from tests.chuda.campaign.campaign_cases import SOUND

TABLE = Path(__file__).resolve().parents[3] / "data/reference/slots.yaml"
MONDAY, FRIDAY, SATURDAY = date(2026, 11, 23), date(2026, 11, 27), date(2026, 11, 28)
slots = st.tuples(st.integers(0, 1439), st.integers(1, 1440)).filter(lambda pair: pair[0] < pair[1])


@pytest.fixture(scope="module")
def table() -> SlotTable:
    return load_slots(TABLE)


@pytest.mark.parametrize(
    ("trade", "day", "expected"),
    [
        ("restaurant", MONDAY, ["10:30-11:30", "16:30-17:30"]),
        ("education", MONDAY, ["19:00-20:30"]),
        ("retail", FRIDAY, ["15:00-17:00"]),
        ("retail", MONDAY, ["10:00-11:30"]),
        ("mother_baby", MONDAY, ["15:00-16:00"]),
        ("other", MONDAY, ["10:00-11:30"]),
        ("circus", MONDAY, ["10:00-11:30"]),
    ],
)
def test_each_trade_has_the_slots_the_business_asked_for(
    table: SlotTable, trade: str, day: date, expected: list[str]
) -> None:
    assert [str(slot) for slot in table.slots_on(trade, day)] == expected


def test_blind_times_follow_trade_and_weekday(table: SlotTable) -> None:
    assert [str(slot) for slot in table.blind_on("ecommerce", SATURDAY)] == ["12:00-13:30"]
    assert [str(slot) for slot in table.blind_on("finance", FRIDAY)] == ["09:30-11:30"]
    assert table.blind_on("finance", SATURDAY) == ()
    assert table.blind_on("retail", FRIDAY) == ()


def test_every_default_is_lawful_and_outside_blind_times(table: SlotTable) -> None:
    for trade in table.names():
        for slot in table.slots_on(trade, FRIDAY):
            assert covers(LEGAL_WINDOW, slot)
            assert not any(overlap(slot, blind) for blind in table.blind_on(trade, FRIDAY))


def test_a_table_that_contradicts_itself_is_refused() -> None:
    text = """
trades:
  - {trade: shop, label: 店, slots: [{slot: "12:00-13:00"}], blind: [{slot: "12:30-13:30"}]}
  - {trade: club, label: 店, slots: [{slot: "20:30-21:30"}]}
  - {trade: club, label: 店, slots: [{slot: "10:00-11:00"}]}
"""
    with pytest.raises(BadFile) as caught:
        parse_yaml(text, "slots.yaml", SlotTable)
    assert [problem.code for problem in caught.value.problems] == ["slot_in_blind_time", "slot_at_night"]
    with pytest.raises(BadFile) as caught:
        parse_yaml(text.replace("21:30", "21:00").replace("12:30-", "13:00-"), "slots.yaml", SlotTable)
    assert [problem.code for problem in caught.value.problems] == ["no_other_trade", "listed_twice"]


@settings(max_examples=100)
@given(slots)
def test_a_slot_is_read_as_it_is_written(pair: tuple[int, int]) -> None:
    slot = Slot(*pair)
    assert parse_slot(str(slot)) == slot


@pytest.mark.parametrize("text", ["8:00-9:00", "08:00-09:00"])
def test_the_hour_may_have_one_digit(text: str) -> None:
    assert parse_slot(text) == Slot(480, 540)


@pytest.mark.parametrize(
    "text", ["24:00-24:30", "10:00-24:01", "10:60-11:00", "11:00-11:00", "10-11", "", "10:00–11:00"]
)
def test_what_is_no_slot_is_refused(text: str) -> None:
    with pytest.raises(PydanticCustomError):
        parse_slot(text)


@settings(max_examples=100)
@given(slots, slots, st.integers(0, 1439))
def test_cover_and_overlap_agree_with_minutes(one: tuple[int, int], other: tuple[int, int], minute: int) -> None:
    a, b = Slot(*one), Slot(*other)
    inside = [a.start_minute <= minute < a.end_minute, b.start_minute <= minute < b.end_minute]
    if covers(a, b) and inside[1]:
        assert inside[0]
    if all(inside):
        assert overlap(a, b)
    assert overlap(a, b) == bool(range(max(one[0], other[0]), min(one[1], other[1])))


def test_a_slot_on_a_day_is_two_moments() -> None:
    begin, end = slot_on(FRIDAY, parse_slot("20:00-24:00"))
    assert begin == datetime(2026, 11, 27, 20, 0, tzinfo=BUSINESS_ZONE)
    assert end == datetime(2026, 11, 28, 0, 0, tzinfo=BUSINESS_ZONE)


@pytest.mark.parametrize(
    ("day", "slot", "warned"),
    [
        ("2026-11-27", "09:00-09:30", False),
        ("2026-11-27", "09:00-09:31", True),
        ("2026-11-27", "11:30-12:00", False),
        ("2026-11-28", "10:00-11:00", False),
        ("auto", "10:00-11:00", True),
        ("auto", "auto", False),
    ],
)
def test_a_slot_in_a_blind_time_is_warned_about_and_not_refused(
    table: SlotTable, tmp_path: Path, day: str, slot: str, warned: bool
) -> None:
    path = tmp_path / "finance.yaml"
    text = SOUND.replace("trade: retail", "trade: finance").replace("2026-11-28", day).replace("10:30-11:30", slot)
    path.write_text(text, encoding="utf-8")
    problems = load_campaign(path, slots=table).warnings
    assert [(problem.code, problem.severity) for problem in problems] == [("slot_is_blind", "warning")] * warned
