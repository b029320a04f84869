"""Whose event falls due on a day: every kind, its edges, and who was answered already."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest

from chuda.campaign.schedule import Recurring
from tasks.planning.events import choose_due_events

TABLES = (Path(__file__).parents[3] / "tasks/contacts/create_contact_tables.sql").read_text(encoding="utf-8")
DAY = date(2026, 11, 20)


@pytest.fixture
def warehouse():
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'Asia/Shanghai'")
        connection.execute(TABLES)
        yield connection


def add_person(connection, token="x", **columns):
    values = {"token": token, "phone_region": "CN", "number_type": "mobile", "consent": "none", "source_row": 1,
              "source_file": "f", "import_id": "i", "states_consent": False, "updated_at": "2026-01-01",
              **columns}  # fmt: skip
    marks = ", ".join("?" * len(values))
    connection.execute(f"INSERT INTO contact_clean ({', '.join(values)}) VALUES ({marks})", list(values.values()))


def add_event(connection, kind, at, event_id="e1", token="x"):
    connection.execute("INSERT INTO event_clean VALUES (?, ?, ?, ?, NULL, 'i')", [event_id, token, kind, at])


def due(connection, event, offset, day=DAY, catch_up=0, claimed=()):
    recurring = Recurring.model_validate({
        "every": "night", "event": event, "offset_days": offset, "catch_up_days": catch_up
    })  # fmt: skip
    choose_due_events(connection, recurring, day, list(claimed))
    return connection.execute("SELECT token, event_at, is_done, event_key FROM event_due ORDER BY 1").fetchall()


def texts(rows):
    return [(token, at) for token, at, _, _ in rows]


def test_an_appointment_is_due_the_days_before_that_were_asked_for(warehouse):
    add_event(warehouse, "appointment", "2026-11-22 09:00:00+08:00")
    assert texts(due(warehouse, "appointment", -2)) == [("x", "2026-11-22 09:00")]
    assert due(warehouse, "appointment", -1) == []
    assert due(warehouse, "appointment", -2, day=date(2026, 11, 21)) == []
    assert texts(due(warehouse, "appointment", -2, day=date(2026, 11, 21), catch_up=1)) == [("x", "2026-11-22 09:00")]
    assert due(warehouse, "installation", 0) == []


def test_the_day_of_an_event_is_that_of_shanghai(warehouse):
    add_event(warehouse, "installation", "2026-11-17 17:00:00+00:00")
    assert texts(due(warehouse, "installation", 2)) == [("x", "2026-11-18 01:00")]


def test_an_event_without_a_time_shows_its_day_only(warehouse):
    add_event(warehouse, "appointment", "2026-11-21 00:00:00+08:00")
    assert texts(due(warehouse, "appointment", -1)) == [("x", "2026-11-21")]


@pytest.mark.parametrize(
    ("birthday", "day", "offset", "due_on"),
    [
        ("1990-11-20", date(2026, 11, 20), 0, "2026-11-20"),
        ("1990-01-02", date(2026, 12, 31), -2, "2027-01-02"),
        ("1992-02-29", date(2026, 2, 28), 0, "2026-02-28"),
        ("1992-02-29", date(2028, 2, 29), 0, "2028-02-29"),
        ("1990-11-21", date(2026, 11, 20), 0, None),
    ],
)
def test_a_birthday_comes_round_every_year(warehouse, birthday, day, offset, due_on):
    add_person(warehouse, birthday=birthday)
    assert texts(due(warehouse, "birthday", offset, day=day)) == ([("x", due_on)] if due_on else [])


def test_each_year_is_a_birthday_of_its_own(warehouse):
    add_person(warehouse, birthday="1990-11-20")
    [(_, _, _, key)] = due(warehouse, "birthday", 0)
    [(*_, is_done, _)] = due(warehouse, "birthday", 0, claimed=[("x", key)])
    assert is_done
    [(*_, is_done, _)] = due(warehouse, "birthday", 0, day=date(2027, 11, 20), claimed=[("x", key)])
    assert not is_done


def test_points_are_due_while_there_are_any(warehouse):
    add_person(warehouse, "some", points=120, points_expire_on="2026-11-27")
    add_person(warehouse, "none", points=0, points_expire_on="2026-11-27")
    assert texts(due(warehouse, "points_expire", -7)) == [("some", "2026-11-27")]


def test_silence_counts_from_the_last_order_or_visit(warehouse):
    warehouse.execute("INSERT INTO order_clean VALUES ('o1', 'x', '2026-10-01', 9, NULL, NULL, NULL, 'i'), "
                      "('o2', 'y', '2026-10-21', 9, NULL, NULL, NULL, 'i'), "
                      "('o3', 'z', '2026-10-21', 9, NULL, NULL, NULL, 'i')")  # fmt: skip
    add_event(warehouse, "visit", "2026-11-01 10:00:00+08:00", token="z")
    assert texts(due(warehouse, "silence_days", 30)) == [("y", "2026-10-21")]
    assert texts(due(warehouse, "silence_days", 30, day=date(2026, 12, 1))) == [("z", "2026-11-01")]


@pytest.mark.parametrize(
    ("dates", "day", "stage_from"),
    [
        ({"due_date": "2026-11-20"}, DAY, "2026-11-20"),
        ({"child_birthday": "2025-11-20"}, DAY, "2026-11-20"),
        ({"child_birthday": "2023-11-20"}, DAY, "2026-11-20"),
        ({"due_date": "2027-09-16"}, DAY, "2026-11-20"),
        ({"due_date": "2027-01-01", "child_birthday": "2026-12-28"}, date(2027, 1, 1), None),
        ({}, DAY, None),
    ],
)
def test_a_life_stage_is_due_on_the_day_it_begins(warehouse, dates, day, stage_from):
    add_person(warehouse, **dates)
    assert texts(due(warehouse, "life_stage", 0, day=day)) == ([("x", stage_from)] if stage_from else [])


def test_of_two_appointments_the_earliest_unanswered_one_counts(warehouse):
    add_event(warehouse, "appointment", "2026-11-21 15:00:00+08:00", "late")
    add_event(warehouse, "appointment", "2026-11-21 09:00:00+08:00", "early")
    [(_, at, _, key)] = due(warehouse, "appointment", -1)
    assert at == "2026-11-21 09:00"
    [(_, at, is_done, _)] = due(warehouse, "appointment", -1, claimed=[("x", key)])
    assert (at, is_done) == ("2026-11-21 15:00", False)


def test_the_key_of_an_event_shows_nothing_of_it(warehouse):
    add_event(warehouse, "appointment", "2026-11-21 15:00:00+08:00", "13800000001-1")
    [(*_, key)] = due(warehouse, "appointment", -1)
    assert len(key) == 32
    assert set(key) <= set("0123456789abcdef")
