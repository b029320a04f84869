"""The scorecard shows every vetting question, what was answered, what it is worth and what nobody asked yet."""

from __future__ import annotations

import pytest
from channel_world import FRIDAY, LINES, record

from tasks.channels.scorecard import score_channel

FULL = """
resend: {is_off: true, told_by: provider, by: 平台页面, on: 2026-11-01}
vetting:
  asked_on: 2026-08-01
  hong_kong_macau_taiwan: true
  traditional_and_english: true
  peak_per_day: 5000000
  self_service_console: true
  references:
    - {customer: 甲, verified: [contract_page, tender_site, court_and_shareholding]}
    - {customer: 乙, verified: [contract_page, tender_site, court_and_shareholding]}
  volume: {large_customers_share: 0.3}
"""


def card(text: str = FULL, **changes: object):
    return score_channel(record(text, **changes), LINES.vetting, FRIDAY.date())


def points(question: str, text: str = FULL, **changes: object) -> float:
    return next(answer.points for answer in card(text, **changes).answers if answer.question == question)


def test_a_full_and_sound_record_scores_everything():
    assert (card().score, card().missing) == (1.0, ())


def test_what_nobody_asked_is_listed_and_counts_nothing():
    found = card("")
    assert found.missing == ("overseas", "languages", "capacity", "console", "references", "distribution", "resend")
    assert found.score == pytest.approx(0.4)
    assert all(answer.advice_zh for answer in found.answers if answer.answer is None)


def test_every_question_has_its_weight():
    assert {answer.question: answer.weight for answer in card().answers} == LINES.vetting.model_dump()


@pytest.mark.parametrize(
    ("question", "old", "new", "expected"),
    [
        ("distribution", "large_customers_share: 0.3", "large_customers_share: 0.7", 0),  # an inverted pyramid
        ("references", "乙, verified: [contract_page, tender_site, court_and_shareholding]", "乙, verified: []", 7.5),
        ("resend", "is_off: true", "is_off: false", 0),
        ("resend", "told_by: provider", "told_by: declared", 2.5),
        ("console", "self_service_console: true", "self_service_console: false", 0),
    ],
)
def test_an_answer_that_speaks_against_it_costs_points(question, old, new, expected):
    assert FULL.count(old) == 1
    assert points(question, FULL.replace(old, new)) == expected


def test_a_price_far_below_normal_scores_nothing():
    from decimal import Decimal

    assert points("price", price_cny_per_part=Decimal("0.02")) == 0
