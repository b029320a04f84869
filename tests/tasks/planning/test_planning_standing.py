"""Occurrences approved beforehand: up to stated counts, for stated days, of exactly this campaign."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from planning_world import REMINDER

from chuda.errors import Refused, UsageError
from chuda.stores.ledger.releases import state_counts
from chuda.workspace import open_workspace
from tasks.dispatch.approving import SecondFactor
from tasks.planning.standing import Allowance, allow_occurrences, cover_plan

FRIDAY, SUNDAY = date(2026, 11, 20), date(2026, 11, 22)
NOBODY = SecondFactor("tester", "")


def allow(campaign: str, messages: int, first: date = FRIDAY, last: date = FRIDAY, factor=NOBODY) -> None:
    with open_workspace() as workspace:
        allow_occurrences(workspace, Path(campaign), Allowance(first, last, messages, messages), factor)


def cover(campaign: str, plan_id: str) -> str:
    with open_workspace() as workspace:
        return cover_plan(workspace, Path(campaign), plan_id)


def test_an_occurrence_is_covered_up_to_its_counts_on_its_days_and_as_long_as_nothing_changes(world):
    reminder = world.campaign(REMINDER)
    world.add_event(1, "appointment", "2026-11-21 14:30:00+08:00")
    world.add_event(2, "appointment", "2026-11-21 15:30:00+08:00")
    plan = world.plan(reminder)
    assert cover(reminder, plan) == "no standing approval"
    allow(reminder, 1)
    assert cover(reminder, plan) == "2 messages, 1 were approved"
    allow(reminder, 2, date(2026, 11, 21), SUNDAY)
    assert cover(reminder, plan) == "2 messages, 1 were approved"
    allow(reminder, 2)
    world.campaign(REMINDER.replace("如需改期请致电", "改期请致电"))
    assert "changed after the approval" in cover(reminder, plan)
    world.campaign(REMINDER)
    assert cover(reminder, plan) == ""
    assert cover(reminder, plan) == ""
    with open_workspace() as workspace, workspace.ledger.read() as ledger:
        assert state_counts(ledger, plan) == {"planned": 2}


def test_what_makes_no_sense_is_refused_by_name(world):
    reminder = world.campaign(REMINDER)
    with pytest.raises(UsageError, match="1 to 50,000"):
        allow(reminder, 50_001)
    with pytest.raises(UsageError, match="lies before"):
        allow(reminder, 5, SUNDAY, FRIDAY)
    dated = REMINDER[: REMINDER.index("schedule:")].replace("{appointment_at}", "今天") + (
        'schedule: {date: 2026-11-21, slot: "10:00-11:30"}\n'
    )
    with pytest.raises(UsageError, match="not a recurring campaign"):
        allow(world.campaign(dated), 5)


def test_on_a_real_channel_a_code_covers_one_day(world):
    reminder = world.campaign(REMINDER)
    channel = world.folder / "campaigns" / "channels" / "demo_notice.yaml"
    real = channel.read_text(encoding="utf-8").replace("simulator: true", "simulator: false")
    channel.write_text(real, encoding="utf-8")
    with pytest.raises(Refused, match="one code covers one occurrence"):
        allow(reminder, 5, FRIDAY, SUNDAY)
    with pytest.raises((Refused, UsageError)):
        allow(reminder, 5, factor=SecondFactor("tester", "123456"))
