"""Health and guardrails: what makes a test invalid, what stops it, and what is never called simply OK."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tasks.experiments.decision import ArmStats, Registration, decide
from tasks.experiments.guardrails import check_guardrails, find_harm
from tasks.experiments.health import check_health
from tasks.experiments.registration import GuardrailLimits

Register = Callable[..., Registration]
Observe = Callable[..., ArmStats]
LIMITS = GuardrailLimits()


def _codes(*arms: ArmStats) -> set[tuple[str, str | None]]:
    return {(finding.code, finding.arm) for finding in check_health(arms)}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"planned": 1001}, "assigned_differs"),
        ({"receipts_missing": 3, "delivered": 987}, "receipts_missing"),
        ({"delivered": 0, "undelivered": 0, "receipts_missing": 1000}, "arm_without_receipts"),
        ({"delivered": 0, "undelivered": 0}, "arm_without_receipts"),
        ({"cross_exposed": 10}, "cross_exposure"),
        ({"sent": 0, "clicked": 0}, "arm_not_sent"),
        ({"sent": 480, "clicked": 100}, "arm_stopped_early"),
    ],
)
def test_each_fault_invalidates_under_its_own_name(
    changes: dict[str, Any], code: str, register: Register, observe: Observe
) -> None:
    arms = (observe("A"), observe("B", **changes))
    assert (code, "B") in _codes(*arms)
    decision = decide(register(), arms)
    assert (decision.verdict, decision.roll_out.arm) == ("INVALID", None)
    assert "版本 B" in decision.explanation.zh
    assert "arm B" in decision.explanation.en


def test_small_faults_stay_below_the_limit(observe: Observe) -> None:
    assert _codes(observe("A"), observe("B", cross_exposed=9)) == set()
    assert _codes(observe("A"), observe("B", sent=985)) == set()


@pytest.mark.parametrize(
    ("sent_b", "code", "is_invalidating"),
    [(930, None, None), (885, "sample_ratio_sent", False), (850, "sample_ratio_sent", True)],
)
def test_a_sample_ratio_mismatch_warns_first_and_invalidates_below_one_in_a_thousand(
    sent_b: int, code: str | None, is_invalidating: bool | None, observe: Observe
) -> None:
    arms = (observe("A", assigned=1000), observe("B", sent=sent_b, assigned=sent_b))
    found = {f.code: f.is_invalidating for f in check_health(arms) if f.code == "sample_ratio_sent"}
    assert found == ({} if code is None else {code: is_invalidating})


def test_a_warning_does_not_invalidate(register: Register, observe: Observe) -> None:
    decision = decide(register(), [observe("A", 220), observe("B", 270, delivered=870)])
    assert [(f.code, f.is_invalidating) for f in decision.health] == [("sample_ratio_delivered", False)]
    assert decision.verdict == "WINNER"


def test_a_mismatch_of_delivered_alone_is_found(observe: Observe) -> None:
    arms = (observe("A"), observe("B", delivered=800, undelivered=200))
    assert _codes(*arms) == {("sample_ratio_delivered", None)}


def test_a_small_arm_one_message_short_is_not_called_stopped(observe: Observe) -> None:
    size = {"planned": 8, "assigned": 8, "undelivered": 0}
    arms = (observe("A", 1, sent=8, delivered=8, **size), observe("B", 1, sent=7, delivered=7, **size))
    assert _codes(*arms) == set()


# experiments.md: of 1,000 sent, 11 opt-outs, 6 complaints, 30 undelivered are breaches.
@pytest.mark.parametrize(
    ("metric", "first_breach"),
    [("opted_out", 11), ("complained", 6), ("undelivered", 30)],
)
def test_a_breach_begins_at_the_published_count(metric: str, first_breach: int, observe: Observe) -> None:
    for count, is_harm in ((first_breach - 1, False), (first_breach, True)):
        changes = {"undelivered": 0, "delivered": 950, metric: count}
        guardrails = check_guardrails((observe("A", **changes),), "A", LIMITS)
        assert [g.metric for g in find_harm(guardrails)] == ([metric] if is_harm else [])


def test_no_harm_seen_is_proven_only_with_enough_messages(observe: Observe) -> None:
    def verdict(sent: int) -> str:
        arm = observe("A", 0, sent=sent, planned=sent, assigned=sent, undelivered=0, delivered=sent)
        return next(g.verdict for g in check_guardrails((arm,), "A", LIMITS) if g.metric == "opted_out")

    # (1 - .005)^n < .025 from n = 736 on.
    assert (verdict(735), verdict(736), verdict(0)) == ("NOT_PROVEN", "PROVEN_OK", "NOT_PROVEN")


def test_a_challenger_worse_than_the_fallback_stops_and_the_fallback_goes_on(
    register: Register, observe: Observe
) -> None:
    decision = decide(register(), [observe("A", 250, opted_out=1), observe("B", 300, opted_out=8)])
    assert decision.verdict == "STOP"
    assert [g.breaches for g in find_harm(decision.guardrails)] == [("worse_than_fallback",)]
    assert (decision.roll_out.arm, decision.roll_out.reason) == ("A", "fallback_after_harm")
    assert "高于后备版本 A" in decision.explanation.zh


def test_a_fallback_worse_than_the_challenger_does_not_stop(register: Register, observe: Observe) -> None:
    assert decide(register(), [observe("A", 250, opted_out=8), observe("B", 300, opted_out=1)]).verdict == "WINNER"


def test_a_harmful_fallback_stops_everything(register: Register, observe: Observe) -> None:
    decision = decide(register(), [observe("A", 250, complained=6), observe("B", 300)])
    assert (decision.verdict, decision.roll_out.arm, decision.roll_out.reason) == ("STOP", None, "harm_nothing_sent")


def test_invalid_comes_before_stop_and_the_harm_is_still_recorded(register: Register, observe: Observe) -> None:
    decision = decide(register(), [observe("A"), observe("B", opted_out=30, receipts_missing=1, delivered=989)])
    assert decision.verdict == "INVALID"
    assert find_harm(decision.guardrails)


def test_several_looks_share_one_alpha(observe: Observe) -> None:
    arm = observe("A", opted_out=11)
    assert find_harm(check_guardrails((arm,), None, LIMITS, looks=1))
    assert not find_harm(check_guardrails((arm,), None, LIMITS, looks=10))
    assert find_harm(check_guardrails((observe("A", opted_out=20),), None, LIMITS, looks=10))
