"""The words of the report: both languages, everything named, and the table of the command line."""

from __future__ import annotations

import re
import string
from pathlib import Path
from typing import get_args

import pytest
from kpi_world import World, read_yaml

from tasks.channels.record import BILL, CELL, TEST
from tasks.compliance.rules import RULES
from tasks.feedback.alarms import _ADVICE
from tasks.kpi.alerts import Kind
from tasks.kpi.catalog import published_marts
from tasks.kpi.lines import Verdict
from tasks.kpi.receipt_codes import Category
from tasks.reports import wording
from tasks.reports.kpi_table import kpi_table
from tasks.reports.wording import Words, percent, short_percent

CATALOGUE: dict[str, list[str]] = read_yaml(Path(wording.__file__).with_name("wording.yaml"))
PLANNING_REASONS = ["holdout", "missing_variable", "over_length", "text_blocked"]


def test_both_languages_fill_the_same_braces() -> None:
    for key, texts in CATALOGUE.items():
        assert len(texts) == 2, key
        braces = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in texts]
        assert braces[0] == braces[1], key


def test_every_reason_cause_and_verdict_has_a_name() -> None:
    causes = [*get_args(Category), "unlisted"]
    expected = {
        *(f"reason_{rule.reason}" for rule in RULES),
        *(f"reason_{reason}" for reason in PLANNING_REASONS),
        *(f"cause_{cause}" for cause in causes),
        *(f"advice_{cause}" for cause in causes),
        *(f"verdict_{verdict}" for verdict in get_args(Verdict)),
    }
    assert expected <= set(CATALOGUE)


def test_every_kind_of_alert_has_a_sentence() -> None:
    alert = next(mart for mart in published_marts() if mart.name == "alert")
    kinds = {*get_args(Kind), *re.findall(r"'(\w+)' as kind", alert.sql), CELL, TEST, BILL, *_ADVICE}
    assert len(kinds) >= 17
    assert {f"alert_{kind}" for kind in kinds} <= set(CATALOGUE)


def test_what_nobody_named_keeps_its_own_name() -> None:
    assert Words("zh").name("reason", "brand_new") == "brand_new"


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(0, "0.0%"), (0.0025, "0.25%"), (0.25, "25.0%"), (0.98, "98.0%"), (0.9996, "99.96%"), (1, "100.0%"), (None, "–")],
)
def test_rates_show_the_digits_that_matter(fraction: float | None, text: str) -> None:
    assert percent(fraction) == text


@pytest.mark.parametrize(("fraction", "text"), [(0.98, "98%"), (0.005, "0.5%"), (0.0025, "0.25%")])
def test_lines_read_as_people_say_them(fraction: float, text: str) -> None:
    assert short_percent(fraction) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(4, "4 s"), (119, "119 s"), (600, "10 min"), (9000, "2.5 h"), (None, "–")]
)
def test_durations_have_a_readable_unit(seconds: float | None, text: str) -> None:
    assert Words("en").duration(seconds) == text


def test_the_kpi_table_says_value_line_verdict_and_advice(world: World) -> None:
    world.put("plan_made", {})
    world.put_messages(1000, delivered=990, clicked=100)
    with world.marts() as marts:
        zh, en = kpi_table(marts, "c1", "zh"), kpi_table(marts, "c1", "en")
    assert zh[0] == ("送达率", "99.0%", "≥ 98%", "✓ 达标", "")
    assert zh[1] == ("打开率", "10.1%", "20%–35%", "✗ 未达标", "改进开头文案：前十个字写清称呼与好处")
    assert en[2][:4] == ("Conversion rate", "–", "3%–8%", "– not measured")
    assert [row[0] for row in en[3:]] == ["Opt-out rate", "Complaint rate", "ROI", "Repurchase change"]


def test_only_the_lines_of_its_message_type_are_in_the_table(world: World) -> None:
    world.put("plan_made", {"message_type": "otp"})
    world.put_messages(10, delivered=10)
    with world.marts() as marts:
        assert [row[0] for row in kpi_table(marts, "c1", "zh")] == ["送达率", "投诉率", "投入产出"]
