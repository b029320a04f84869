"""Recurring campaigns night after night: once per person and event for ever, through the same rules and approvals."""

from __future__ import annotations

import pytest
from planning_world import REMINDER

from chuda.errors import Refused
from chuda.files import BadFile
from chuda.stores.ledger.releases import state_counts
from chuda.workspace import open_workspace


def reminder_of(at: str) -> str:
    return f"【橙柚生活】王先生，您预约了{at}到店，如需改期请致电400-820-0000"


def states(plan_id: str) -> dict[str, int]:
    with open_workspace() as workspace, workspace.ledger.read() as ledger:
        return state_counts(ledger, plan_id)


@pytest.fixture
def reminder(world) -> str:
    return world.campaign(REMINDER)


def test_the_day_before_an_appointment_it_is_reminded_of_once(world, reminder):
    world.add_event(1, "appointment", "2026-11-21 14:30:00+08:00")
    world.add_event(2, "appointment", "2026-11-22 09:00:00+08:00")
    first = world.plan(reminder)
    assert world.texts(first) == [reminder_of("11月21日14:30")]
    assert world.rows("SELECT occurrence FROM plan_made WHERE plan_id = ?", first) == [("2026-11-20",)]
    world.approve(first)
    second = world.at("2026-11-21T02:00:00").plan(reminder)
    assert world.texts(second) == [reminder_of("11月22日09:00")]
    assert world.reasons(second) == {"event_done": 1}


def test_a_missed_night_is_caught_up_while_the_appointment_lies_ahead(world, reminder):
    for number, at in ((1, "21 18:00"), (2, "21 09:30"), (3, "20 18:00")):
        world.add_event(number, "appointment", f"2026-11-{at}:00+08:00")
    plan = world.at("2026-11-21T02:00:00").plan(reminder)
    assert world.texts(plan) == [reminder_of("11月21日18:00")]
    assert world.reasons(plan) == {"event_over": 1}
    [(expires,)] = world.rows("SELECT expires_at FROM plan_release WHERE plan_id = ?", plan)
    assert f"{expires:%H:%M}" == "18:00"


def test_an_unapproved_night_does_not_use_up_the_event(world, reminder):
    world.add_event(1, "appointment", "2026-11-21 18:00:00+08:00")
    forgotten = world.plan(reminder)
    caught_up = world.at("2026-11-21T02:00:00").plan(reminder)
    world.approve(caught_up)
    assert states(caught_up) == {"planned": 1}
    world.at("2026-11-20T10:00:00").approve(forgotten)
    assert states(forgotten) == {"suppressed": 1}


def test_two_plans_of_one_night_cannot_both_be_released(world, reminder):
    world.add_event(1, "appointment", "2026-11-21 18:00:00+08:00")
    first = world.plan(reminder)
    world.add_event(2, "appointment", "2026-11-21 19:00:00+08:00")
    second = world.plan(reminder)
    assert first != second
    world.approve(first)
    with pytest.raises(Refused, match="already released"):
        world.approve(second)


def test_a_night_on_which_nobody_is_due_plans_nothing(world, reminder):
    world.add_event(1, "appointment", "2026-12-01 18:00:00+08:00")
    assert world.plan(reminder) is None


def test_the_night_has_a_limit_and_the_earliest_appointments_go_first(world):
    for number in (1, 2, 3):
        world.add_event(number, "appointment", f"2026-11-21 {20 - number}:00:00+08:00")
    plan = world.plan(world.campaign(REMINDER.replace("catch_up_days: 1", "max_per_night: 2")))
    assert world.texts(plan) == [reminder_of("11月21日17:00"), reminder_of("11月21日18:00")]
    assert world.reasons(plan) == {"over_nightly_limit": 1}


def test_a_recurring_campaign_ends_and_says_so_by_name(world):
    reminder = world.campaign(REMINDER.replace("catch_up_days: 1", "until: 2026-11-19"))
    with pytest.raises(BadFile, match="2026-11-19"):
        world.plan(reminder)


def test_an_event_variable_needs_its_event(world):
    birthday = REMINDER.replace("event: appointment, offset_days: -1", "event: birthday, offset_days: 0")
    with pytest.raises(Refused, match="appointment_at"):
        world.plan(world.campaign(birthday))


def test_too_late_in_the_day_it_says_that_the_night_plans_the_next(world, reminder):
    with pytest.raises(Refused, match="the night plans the next occurrence"):
        world.at("2026-11-20T12:00:00").plan(reminder)
