"""A reader sees which check decided: what passed, the one that failed, and what was not asked any more."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tasks.experiments.decision import ArmStats, Decision, Registration, decide
from tasks.experiments.reasons import describe_reach, list_reasons

Register = Callable[..., Registration]
Observe = Callable[..., ArmStats]


def marks(decision: Decision) -> str:
    return "".join(reason.mark for reason in list_reasons(decision))


def money(per_message: float, spread: float = 4.0) -> dict[str, str]:
    squares = 1000 * (per_message**2 + spread**2)
    return {"margin_sum": f"{1000 * per_message:.4f}", "margin_sum_squares": f"{squares:.4f}"}


@pytest.mark.parametrize(
    ("clicked", "changes", "shown", "last"),
    [
        ((250, 300), {}, "✓✓✓✓", "the difference is more than chance (p=0.012, below 0.05)"),
        ((250, 255), {}, "✓✓✓✗", "the difference is within what chance can do (p=0.8, not below 0.05)"),
        ((100, 140), {}, "✓✓✗–", "so it was not asked any more which variant is better"),
        ((250, 300), {"opted_out": 20}, "✓✗–", "so it was not asked any more which variant is better"),
        ((250, 300), {"cross_exposed": 20}, "✗–", "so it was not asked any more which variant is better"),
    ],
)
def test_the_check_that_failed_is_the_last_that_was_asked(
    clicked: tuple[int, int], changes: dict[str, int], shown: str, last: str, register: Register, observe: Observe
) -> None:
    decision = decide(register(), [observe("A", clicked[0]), observe("B", clicked[1], **changes)])
    assert marks(decision) == shown
    assert list_reasons(decision)[-1].text.en.endswith(last)


@pytest.mark.parametrize(
    ("margins", "shown", "verdict"),
    [
        ((1.0, 2.0), "✓✓✓✓✓", "WINNER"),
        ((1.0, 1.1), "✓✓✓✓✗", "INCONCLUSIVE"),
        (None, "✓✓✓✓✗", "INCONCLUSIVE"),
    ],
)
def test_an_offer_is_asked_about_its_margin_too(
    margins: tuple[float, float] | None, shown: str, verdict: str, register: Register, observe: Observe
) -> None:
    of_a, of_b = (money(m) for m in margins) if margins else ({}, {})
    decision = decide(register(variable="offer"), [observe("A", 250, **of_a), observe("B", 300, **of_b)])
    assert (marks(decision), decision.verdict) == (shown, verdict)
    for text in (decision.explanation.en, decision.explanation.zh):
        assert "30%" in text and "25%" in text


def test_the_sentence_of_an_offer_says_that_both_are_required(register: Register, observe: Observe) -> None:
    arms = [observe("A", 250, **money(1.0)), observe("B", 300, **money(1.1))]
    decision = decide(register(variable="offer"), arms)
    assert decision.explanation.en == (
        "No winner: B has the higher click rate (30% against 25% of A; 5 points more, 95% interval 1.09 to 8.89), but "
        "is not proven to earn more per message (+¥0.10, interval -¥0.25 to +¥0.45); an offer wins only with both."
    )
    # Welch's standard error is .17897; (1.96 + .84) of it can be found.
    reach = describe_reach(decision)
    assert reach is not None and "¥0.50 of margin per message" in reach.en


def test_of_several_offers_only_the_one_in_doubt_is_told(register: Register, observe: Observe) -> None:
    arms = [observe("A", 250, **money(2.0)), observe("B", 150, **money(0.5)), observe("C", 255, **money(2.0))]
    decision = decide(register("ABC", variable="offer"), arms)
    assert (decision.verdict, decision.reason) == ("INCONCLUSIVE", "not_significant")
    assert marks(decision) == "✓✓✓✓✓✗"


def test_what_could_have_been_found_is_the_mde_of_the_sample(register: Register, observe: Observe) -> None:
    decision = decide(register(), [observe("A", 250), observe("B", 255)])
    reach = describe_reach(decision)
    # Equal to power.prop.test(n = 1000, p1 = .25, power = .8) in R: p2 = .3061
    assert reach is not None and "finds differences of 5.61 points or more" in reach.en
    assert describe_reach(decide(register(), [observe("A", 250), observe("B", 300)])) is None
