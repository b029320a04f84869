"""The decision: every verdict by its rule, in the order of the steps, recorded so that it can be decided again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chuda.errors import UsageError
from tasks.experiments.decision import ArmStats, Decision, Registration, decide, find_late_changes, replay
from tasks.experiments.verdict import find_winner

Register = Callable[..., Registration]
Observe = Callable[..., ArmStats]


def test_the_published_difference_wins(register: Register, observe: Observe) -> None:
    decision = decide(register(), [observe("A", 250), observe("B", 300)])
    comparison = decision.comparisons[0]
    assert (decision.verdict, decision.winner, decision.roll_out.arm) == ("WINNER", "B", "B")
    assert comparison.z == pytest.approx(2.503915, abs=5e-7)
    assert comparison.p_adjusted == comparison.p_value == pytest.approx(0.01228274, abs=5e-9)
    assert comparison.difference == pytest.approx(0.05)
    assert comparison.lift == pytest.approx(0.2)
    assert decision.explanation.zh.startswith("版本 B 胜出：点击率 30%，A 为 25%，高 5 个百分点")
    assert decision.explanation.en.startswith("Arm B wins: click rate 30% against 25% of A")
    assert decision.next_step.en == "the rest of the audience gets B: it won"


def test_the_fallback_can_win_too(register: Register, observe: Observe) -> None:
    decision = decide(register(), [observe("A", 300), observe("B", 250)])
    assert (decision.verdict, decision.winner) == ("WINNER", "A")
    assert "95% interval 1.09 to 8.89" in decision.explanation.en


def test_no_difference_is_inconclusive_and_the_fallback_goes_on(register: Register, observe: Observe) -> None:
    decision = decide(register(), [observe("A", 250), observe("B", 262)])
    assert (decision.verdict, decision.reason) == ("INCONCLUSIVE", "not_significant")
    assert (decision.roll_out.arm, decision.roll_out.reason) == ("A", "fallback")


def test_significance_needs_every_shown_interval_to_exclude_zero(register: Register, observe: Observe) -> None:
    registration = register(minimum_events=1)
    narrow = decide(registration, [observe("A", 2), observe("B", 9)])
    assert narrow.comparisons[0].p_value < 0.05
    assert narrow.comparisons[0].lift_interval.low < 0
    assert narrow.verdict == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("sent", "clicked", "verdict"),
    [
        (499, 200, "INCONCLUSIVE_NOT_ENOUGH_DATA"),
        (500, 200, "WINNER"),
        (500, 149, "INCONCLUSIVE_NOT_ENOUGH_DATA"),
        (500, 150, "WINNER"),
    ],
)
def test_the_minimum_is_five_hundred_sent_and_one_fifty_events(
    sent: int, clicked: int, verdict: str, register: Register, observe: Observe
) -> None:
    size = {"sent": sent, "planned": sent, "assigned": sent, "undelivered": 0, "delivered": sent}
    decision = decide(register(), [observe("A", 40, **size), observe("B", clicked, **size)])
    assert decision.verdict == verdict
    assert decision.progress.is_enough() is (verdict == "WINNER")
    assert (decision.progress.share() < 1) is (verdict != "WINNER")


def test_zero_conversions_are_not_enough_data_and_not_an_error(register: Register, observe: Observe) -> None:
    decision = decide(register(primary_metric="converted"), [observe("A", None), observe("B", None)])
    assert decision.verdict == "INCONCLUSIVE_NOT_ENOUGH_DATA"
    comparison = decision.comparisons[0]
    assert (comparison.z, comparison.p_value, comparison.lift) == (0, 1, None)
    assert comparison.chance_to_win == pytest.approx(0.5)
    assert "最多的版本有 0 次" in decision.explanation.zh


def test_a_click_test_without_measured_clicks_is_refused(register: Register, observe: Observe) -> None:
    with pytest.raises(UsageError, match="arm B: clicks were not measured"):
        decide(register(), [observe("A", 250), observe("B", None)])


def test_equivalence_needs_the_whole_interval_in_the_zone_and_sends_the_cheaper(
    register: Register, observe: Observe
) -> None:
    size = {"planned": 20_000, "assigned": 20_000, "sent": 20_000, "undelivered": 0, "delivered": 20_000}
    arms = [observe("A", 5000, **size), observe("B", 5010, **size)]
    decision = decide(register(indifference_zone=0.01, costs={"A": "0.08", "B": "0.05"}), arms)
    assert (decision.verdict, decision.roll_out.arm, decision.roll_out.reason) == (
        "INCONCLUSIVE_EQUIVALENT",
        "B",
        "cheaper",
    )
    same_cost = decide(register(indifference_zone=0.01), arms)
    assert (same_cost.roll_out.arm, same_cost.roll_out.reason) == ("A", "fallback")
    assert decide(register(indifference_zone=0.005), arms).verdict == "INCONCLUSIVE"
    assert decide(register(), arms).verdict == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("registered", "costs", "arm"),
    [(True, None, "B"), (False, None, "A"), (True, {"A": "0.05", "B": "0.06"}, "A")],
)
def test_an_unproven_leader_goes_out_only_if_registered_and_at_equal_cost(
    registered: bool, costs: dict[str, str] | None, arm: str, register: Register, observe: Observe
) -> None:
    registration = register(send_leader_unproven=registered, costs=costs)
    decision = decide(registration, [observe("A", 250), observe("B", 262)])
    assert decision.verdict == "INCONCLUSIVE"
    assert decision.roll_out.arm == arm
    assert decision.roll_out.reason == ("leader_unproven" if arm == "B" else "fallback")


def _margin(per_message: float, sent: int = 1000) -> dict[str, Any]:
    return {"margin_sum": f"{per_message * sent:.2f}", "margin_sum_squares": f"{per_message**2 * sent + sent:.2f}"}


@pytest.mark.parametrize(
    ("margin_a", "margin_b", "verdict", "reason"),
    [
        (1.0, 1.5, "WINNER", "significant"),
        (1.0, 1.01, "INCONCLUSIVE", "margin_not_higher"),
        (1.5, 1.0, "INCONCLUSIVE", "margin_not_higher"),
        (None, None, "INCONCLUSIVE", "margin_not_measured"),
    ],
)
def test_an_offer_wins_only_with_a_higher_margin_too(
    margin_a: float | None,
    margin_b: float | None,
    verdict: str,
    reason: str,
    register: Register,
    observe: Observe,
) -> None:
    a, b = ({} if m is None else _margin(m) for m in (margin_a, margin_b))
    arms = [observe("A", 250, **a), observe("B", 300, **b)]
    decision = decide(register(variable="offer"), arms)
    assert (decision.verdict, decision.reason) == (verdict, reason)
    assert decide(register(), arms).verdict == "WINNER"


@pytest.mark.parametrize(("margin_b", "winner"), [(1.0, "A"), (1.5, None), (None, None)])
def test_a_fallback_offer_too_wins_only_with_a_higher_margin(
    margin_b: float | None, winner: str | None, register: Register, observe: Observe
) -> None:
    b = {} if margin_b is None else _margin(margin_b)
    decision = decide(register(variable="offer"), [observe("A", 300, **_margin(1.5)), observe("B", 250, **b)])
    assert decision.winner == winner


def test_without_a_comparison_nobody_wins(register: Register) -> None:
    assert find_winner(register(), ()) is None


def test_an_unproven_leader_of_offers_must_not_earn_less(register: Register, observe: Observe) -> None:
    registration = register(variable="offer", send_leader_unproven=True)
    poorer = decide(registration, [observe("A", 250, **_margin(1.5)), observe("B", 262, **_margin(1.4))])
    assert poorer.roll_out.arm == "A"
    richer = decide(registration, [observe("A", 250, **_margin(1.5)), observe("B", 262, **_margin(1.52))])
    assert richer.roll_out.arm == "B"


def test_three_arms_need_holm(register: Register, observe: Observe) -> None:
    arms = [observe("A", 250), observe("B", 290), observe("C", 250)]
    pair, three = decide(register("AB"), arms[:2]), decide(register("ABC"), arms)
    assert pair.comparisons[0].p_value == pytest.approx(0.0443, abs=1e-3)
    assert pair.verdict == "WINNER"
    assert three.comparisons[0].p_adjusted == pytest.approx(2 * pair.comparisons[0].p_value)
    assert three.verdict == "INCONCLUSIVE"


def test_the_best_of_several_proven_arms_wins_and_the_tie_is_told(register: Register, observe: Observe) -> None:
    decision = decide(register("ABC"), [observe("A", 200), observe("B", 300), observe("C", 310)])
    assert (decision.winner, decision.unbeaten) == ("C", ("B",))
    assert "与 B 的差别未证实" in decision.explanation.zh
    clear = decide(register("ABC"), [observe("A", 200), observe("B", 250), observe("C", 310)])
    assert (clear.winner, clear.unbeaten) == ("C", ())


def test_the_fallback_wins_over_several_only_if_it_beats_them_all(register: Register, observe: Observe) -> None:
    assert decide(register("ABC"), [observe("A", 300), observe("B", 200), observe("C", 210)]).winner == "A"
    some = decide(register("ABC"), [observe("A", 300), observe("B", 200), observe("C", 295)])
    assert (some.verdict, some.winner, some.roll_out.arm) == ("INCONCLUSIVE", None, "A")


def test_the_full_mode_decides_for_next_time(register: Register, observe: Observe) -> None:
    registration = register(mode="full", sample_fraction=1)
    decision = decide(registration, [observe("A", 250), observe("B", 300)])
    assert decision.roll_out.scope == "next_time"
    assert decision.next_step.zh == "下次发送版本 B：它胜出"


def test_the_arms_must_be_the_registered_ones(register: Register, observe: Observe) -> None:
    for arms in ([observe("A")], [observe("A"), observe("Z")], [observe("A"), observe("A")]):
        with pytest.raises(UsageError, match="registered with arms A, B"):
            decide(register(), arms)


def test_counts_that_cannot_be_are_refused(observe: Observe) -> None:
    impossible: list[tuple[dict[str, Any], str]] = [
        ({"assigned": 900}, "sent 1000 exceeds assigned 900"),
        ({"clicked": 1001}, "clicked 1001 exceeds sent 1000"),
        ({"delivered": 995}, "together exceed sent"),
        ({"margin_sum": "5"}, "margin needs both"),
    ]
    for changes, message in impossible:
        with pytest.raises(UsageError, match=message):
            observe("A", **changes)


def test_the_record_replays_and_tells_tampering(register: Register, observe: Observe) -> None:
    decision = decide(register(), [observe("A", 250, **_margin(1.0)), observe("B", 300, **_margin(1.25))])
    assert Decision.from_json(decision.to_json()) == decision
    assert replay(decision.to_json()) == decision
    tampered = json.loads(decision.to_json())
    tampered["verdict"], tampered["comparisons"][0]["p_value"] = "INCONCLUSIVE", 0.2
    with pytest.raises(UsageError, match=r"verdict, comparisons differ"):
        replay(json.dumps(tampered))


def test_what_came_too_late_is_shown_beside_the_record(register: Register, observe: Observe) -> None:
    decision = decide(register(), [observe("A", 250), observe("B", 300)])
    assert find_late_changes(decision, [observe("B", 300), observe("A", 250)]) == ()
    changes = find_late_changes(decision, [observe("A", 255), observe("B", 300, delivered=989, undelivered=11)])
    told = [(change.arm, change.field, change.decided_on, change.now) for change in changes]
    assert told == [("A", "clicked", "250", "255"), ("B", "delivered", "990", "989"), ("B", "undelivered", "10", "11")]


@given(st.permutations("ABC"), st.lists(st.integers(0, 400), min_size=3, max_size=3))
@settings(max_examples=25, deadline=None)
def test_the_order_of_the_rows_does_not_matter(
    register: Register, observe: Observe, order: list[str], clicks: list[int]
) -> None:
    arms = {name: observe(name, count) for name, count in zip("ABC", clicks, strict=True)}
    one = decide(register("ABC"), arms.values())
    other = decide(register("ABC"), [arms[name] for name in order])
    assert one.to_json() == other.to_json()
    assert replay(one.to_json()) == one
