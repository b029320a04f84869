"""A test that nobody won says why, also where the rates in the table look different."""

from __future__ import annotations

import pytest
from kpi_world import DEFAULTS

from tasks.experiments.decision import Decision
from tasks.reports.experiment_section import explain_no_winner
from tasks.reports.wording import Words

WON = Decision.from_json(DEFAULTS["experiment_decision"]["record"])
"""An offer test: A 30% against 25%, proven."""


def undecided(reason: str) -> Decision:
    kept = WON.roll_out.model_copy(update={"arm": "B", "reason": "fallback"})
    changed = {"verdict": "INCONCLUSIVE", "reason": reason, "winner": None, "roll_out": kept}
    return WON.model_copy(update=changed)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("margin_not_higher", "A earned CNY 1.00 per message, B CNY 0.50, a difference of +0.50 (95% interval +0.42"),
        ("margin_not_higher", "the others get B"),
        ("margin_not_measured", "was not measured"),
        ("not_significant", "the measure registered beforehand, the click rate"),
    ],
)
def test_a_test_without_a_winner_says_which_measure_decides(reason: str, said: str) -> None:
    assert said in explain_no_winner(undecided(reason), Words("en"))
    assert explain_no_winner(undecided(reason), Words("zh"))


def test_a_learning_test_promises_nothing_to_the_others() -> None:
    later = undecided("margin_not_higher")
    later = later.model_copy(update={"roll_out": later.roll_out.model_copy(update={"scope": "next_time"})})
    assert "the others get" not in explain_no_winner(later, Words("en"))


def test_a_winner_needs_no_excuse() -> None:
    assert explain_no_winner(WON, Words("zh")) == ""
