"""Which campaign files the night plans."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from planning_world import REMINDER

from chuda.clock import BUSINESS_ZONE
from chuda.settings import Settings
from tasks.planning.due import NobodyDue, find_due_campaigns

DATED = REMINDER[: REMINDER.index("schedule:")].replace("{appointment_at}", "今天") + "schedule: {date: %s}\n"


@pytest.mark.parametrize(
    ("text", "day", "is_due"),
    [
        (REMINDER, 20, True),
        (REMINDER.replace("catch_up_days: 1", "until: 2026-11-20"), 20, True),
        (REMINDER.replace("catch_up_days: 1", "until: 2026-11-20"), 21, False),
        (DATED % "2026-11-21", 19, False),
        (DATED % "2026-11-21", 20, True),
        (DATED % "2026-11-21", 21, True),
        (DATED % "2026-11-21", 22, False),
        (DATED % "auto", 20, False),
    ],
)
def test_the_night_plans_recurring_campaigns_until_they_end_and_dated_ones_the_day_before(tmp_path, text, day, is_due):
    (tmp_path / "one.yaml").write_text(text, encoding="utf-8")
    for other in ("business.yaml", "segments.yaml", "lexicon.yaml"):
        (tmp_path / other).write_text("not: a campaign\n", encoding="utf-8")
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE plan_made (campaign_id VARCHAR, occurrence VARCHAR)")
        settings = Settings(campaigns=tmp_path, reference=Path(__file__).parents[3] / "data" / "reference")
        due = find_due_campaigns(connection, settings, datetime(2026, 11, day, 2, tzinfo=BUSINESS_ZONE))
        assert [path.name for path in due] == (["one.yaml"] if is_due else [])


def test_a_night_with_nobody_says_who_was_left_out():
    assert "event_done 3" in str(NobodyDue("reminder", "2026-11-20", {"event_done": 3}))
