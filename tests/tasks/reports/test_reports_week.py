"""The weekly page: one week over all campaigns, every figure reproduced by the SQL beside it."""

from __future__ import annotations

import html
import re
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest
from kpi_world import NOW, World

from chuda.clock import BUSINESS_ZONE
from chuda.errors import UsageError
from tasks.kpi.refresh import refresh_marts
from tasks.reports.week import last_full_week, monday_of, render_week

MONDAY = date(2026, 11, 16)


@pytest.fixture(scope="module")
def two_weeks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    world = World()
    world.put(
        "plan_made",
        {"campaign_name": "<i>唤醒</i>"},
        {"plan_id": "p2", "campaign_id": "c2", "channel": "quiet", "click_tracking": "none"},
        {"plan_id": "p3", "campaign_id": "c3"},
    )
    world.put("batch_state", {"batch_id": "late", "plan_id": "p3", "sent_at": "2026-11-15 23:59:59+08"})
    world.put_messages(500, delivered=460, clicked=130, segment="lost_customers")
    world.put_messages(100, delivered=99, plan="p2")
    world.put_messages(7, delivered=7, clicked=1, plan="p3", batch="late", send_at="2026-11-15 23:59:59+08")
    token = world.warehouse.execute("select token from plan_message where plan_id = 'p1' limit 1").fetchall()[0][0]
    world.put("reply_received", {"token": token, "kind": "complaint", "text": "别再发 13800138000"})
    path = tmp_path_factory.mktemp("marts") / "marts.duckdb"
    refresh_marts(world.warehouse, path, NOW)
    return path


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_figure_is_reproduced_by_the_sql_beside_it(two_weeks: Path, language: str) -> None:
    page = render_week(two_weeks, MONDAY, language)  # type: ignore[arg-type]
    blocks = [html.unescape(text) for text in re.findall(r"<pre>(.*?)</pre>", page, re.S)]
    assert len(blocks) == 10
    with duckdb.connect(str(two_weeks), read_only=True) as analyst:
        analyst.execute("SET TimeZone = 'America/New_York'")  # the queries name their own zone
        for statement in (each for block in blocks for each in analyst.extract_statements(block)):
            assert analyst.execute(statement).fetchall(), statement.query
    assert not re.search(r"<(script|link|img|iframe)\b", page)
    assert "13800138000" not in page and "&lt;i&gt;唤醒" in page


def test_a_week_holds_what_was_sent_in_it_in_shanghai(two_weeks: Path) -> None:
    page = render_week(two_weeks, MONDAY, "en")
    assert "2 campaigns" in page
    assert ">600</td><td>7</td>" in page.replace("\n", "")  # submitted, this week and the one before
    before = render_week(two_weeks, date(2026, 11, 9), "en")
    assert "1 campaigns" in before and "small sample" in before


def test_opens_count_over_what_could_be_tracked(two_weeks: Path) -> None:
    assert "130 / 460" in render_week(two_weeks, MONDAY, "zh")


def test_the_verdict_names_what_missed_and_the_campaign_is_marked(two_weeks: Path) -> None:
    page = render_week(two_weeks, MONDAY, "zh")
    assert "未达标：送达率" in page
    assert "✗ 92.0%" in page
    assert "收到投诉 1 起" in page and "别再发" in page


def test_a_week_without_anything_names_the_newest_that_has_something(two_weeks: Path) -> None:
    with pytest.raises(UsageError, match="newest week with something is 2026-11-16"):
        render_week(two_weeks, date(2026, 11, 23), "zh")


def test_days_are_found_in_their_weeks() -> None:
    assert monday_of("2026-11-22") == MONDAY
    assert last_full_week(datetime(2026, 11, 23, 0, 0, tzinfo=BUSINESS_ZONE)) == MONDAY
    assert last_full_week(datetime(2026, 11, 22, 23, 59, tzinfo=BUSINESS_ZONE)) == date(2026, 11, 9)
    with pytest.raises(UsageError, match="YYYY-MM-DD"):
        monday_of("22.11.2026")
