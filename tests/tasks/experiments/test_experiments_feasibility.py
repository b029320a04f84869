"""Power and feasibility: R's published examples, the scale experiments.md gives, and remedies that keep their word."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import proportion_effectsize

from chuda.errors import UsageError
from tasks.experiments.feasibility import BaseRates, assess_feasibility
from tasks.experiments.power import messages_per_arm, minimum_detectable_effect, power_of_test, sample_size
from tasks.experiments.registration import Registration

Register = Callable[..., Registration]


def test_power_and_size_are_those_of_r() -> None:
    # R, help of power.prop.test: n = 50, .50 / .75 -> 0.740; power .90 -> n = 76.7. experiments.md: 25% -> 30% = 1251.
    assert power_of_test(0.50, 0.75, 50) == pytest.approx(0.740, abs=5e-4)
    assert sample_size(0.50, 0.75, power=0.90) == pytest.approx(76.7, abs=0.05)
    assert messages_per_arm(0.25, 0.30) == 1251


def test_power_is_near_the_arcsine_formula_of_statsmodels() -> None:
    oracle = NormalIndPower().power(proportion_effectsize(0.30, 0.25), 1251, 0.05)
    assert power_of_test(0.25, 0.30, 1251) == pytest.approx(oracle, abs=0.005)


def test_an_effect_that_cannot_be_found_is_none() -> None:
    # R, same help: from .9 to 1 takes at least 74 each for a power of .8; 30 can find nothing.
    assert minimum_detectable_effect(0.9, 30) is None
    assert minimum_detectable_effect(0.9, 74) == pytest.approx(0.1, abs=1e-3)
    assert minimum_detectable_effect(0.25, 0) is None


# experiments.md: audience 20,000, 10%: open 25% finds 5.6 points, conversion 5% finds 3.1.
@pytest.mark.parametrize(("base", "points"), [(0.25, 5.6), (0.05, 3.1)])
def test_the_scale_of_an_audience_of_twenty_thousand(base: float, points: float, register: Register) -> None:
    feasibility = assess_feasibility(register(), 20_000, BaseRates(clicked=base))
    assert feasibility.per_arm == 1000
    assert feasibility.mde is not None
    assert 100 * feasibility.mde == pytest.approx(points, abs=0.05)


def test_three_arms_are_held_to_holms_first_level(register: Register) -> None:
    feasibility = assess_feasibility(register("ABC"), 30_000, BaseRates(clicked=0.25))
    assert feasibility.per_arm == 1000
    assert feasibility.mde == minimum_detectable_effect(0.25, 1000, alpha=0.025)


def test_a_large_audience_is_feasible_without_remedies(register: Register) -> None:
    feasibility = assess_feasibility(register(), 100_000, BaseRates(clicked=0.25))
    assert (feasibility.verdict, feasibility.shortfalls, feasibility.remedies) == ("FEASIBLE", (), ())


def test_conversion_on_a_small_audience_names_every_way_out(register: Register) -> None:
    registration = register("ABC", primary_metric="converted", target_mde=0.02)
    feasibility = assess_feasibility(registration, 20_000, BaseRates(clicked=0.25, converted=0.05))
    assert feasibility.verdict == "UNDERPOWERED"
    assert feasibility.shortfalls == ("mde_above_target", "too_few_events")
    keys = [remedy.key for remedy in feasibility.remedies]
    assert keys == ["largest_sample", "two_arms", "clicks_as_primary", "full_audience", "repeat"]
    by_key = {remedy.key: remedy for remedy in feasibility.remedies}
    assert by_key["full_audience"].is_enough
    assert by_key["full_audience"].per_arm == 10_000
    assert not by_key["largest_sample"].is_enough
    assert "%" in by_key["largest_sample"].text.zh


def test_clicks_are_no_way_out_where_a_variant_has_no_link(register: Register) -> None:
    arms = [{"name": "call", "cost_cny": "0.05", "is_click_measured": False}, {"name": "tap", "cost_cny": "0.05"}]
    registration = register(arms=arms, fallback_arm="tap", primary_metric="converted", target_mde=0.02)
    feasibility = assess_feasibility(registration, 20_000, BaseRates(clicked=0.25, converted=0.05))
    assert "clicks_as_primary" not in [remedy.key for remedy in feasibility.remedies]


def test_the_repeats_it_asks_for_are_just_enough(register: Register) -> None:
    registration = register(primary_metric="converted", target_mde=0.02)
    feasibility = assess_feasibility(registration, 20_000, BaseRates(converted=0.05))
    repeat = next(remedy for remedy in feasibility.remedies if remedy.key == "repeat")
    assert repeat.is_enough
    assert repeat.campaigns is not None
    assert (repeat.campaigns - 1) * feasibility.per_arm < feasibility.needed_per_arm <= repeat.per_arm


def test_a_detectable_effect_with_too_few_events_is_underpowered_all_the_same(register: Register) -> None:
    feasibility = assess_feasibility(register(target_mde=0.2), 6_000, BaseRates(clicked=0.05))
    assert feasibility.shortfalls == ("too_few_messages", "too_few_events")


def test_an_empty_audience_has_an_answer(register: Register) -> None:
    feasibility = assess_feasibility(register(), 0, BaseRates(clicked=0.25))
    assert (feasibility.verdict, feasibility.mde, feasibility.per_arm) == ("UNDERPOWERED", None, 0)


def test_without_a_base_rate_nothing_can_be_said(register: Register) -> None:
    with pytest.raises(UsageError, match="no expected click rate"):
        assess_feasibility(register(), 20_000, BaseRates(converted=0.05))
    with pytest.raises(UsageError, match="exceeds 100%"):
        assess_feasibility(register(target_mde=0.8), 20_000, BaseRates(clicked=0.25))
