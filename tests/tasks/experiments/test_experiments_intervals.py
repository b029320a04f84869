"""Intervals against published values, statsmodels as the oracle, and what must hold for any counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from tasks.experiments.intervals import (
    lift_interval,
    newcombe_bounds,
    newcombe_interval,
    relative_lift,
    wilson_bounds,
    wilson_interval,
)


# Newcombe, Stat. Med. 17 (1998) 857-872, table I, method 3 (81/263 also ends experiments.md).
@pytest.mark.parametrize(
    ("events", "sent", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_is_the_published_interval(events: int, sent: int, low: float, high: float) -> None:
    interval = wilson_interval(events, sent)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)


# Newcombe, Stat. Med. 17 (1998) 873-890, table II, method 10, examples (a) to (h).
@pytest.mark.parametrize(
    ("b", "a", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_newcombe_is_the_published_interval(b: tuple[int, int], a: tuple[int, int], low: float, high: float) -> None:
    interval = newcombe_interval(*b, *a)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)


def test_the_lift_is_the_published_relative_risk() -> None:
    # Agresti, An Introduction to Categorical Data Analysis, 2.3: heart attacks in the Physicians' Health Study, placebo
    # against aspirin: relative risk 1.82, 95% interval 1.43 to 2.30.
    counts = (189, 11_034, 104, 11_037)
    interval = lift_interval(*counts)
    assert relative_lift(*counts) == pytest.approx(0.82, abs=5e-3)
    assert (interval.low, interval.high) == pytest.approx((0.43, 1.30), abs=1e-2)


@pytest.mark.parametrize(("b", "n_b", "a", "n_a"), [(300, 1000, 250, 1000), (7, 900, 12, 1400), (1, 500, 2, 480)])
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_all_intervals_agree_with_statsmodels(b: int, n_b: int, a: int, n_a: int, alpha: float) -> None:
    wilson, newcombe, lift = (
        wilson_interval(b, n_b, alpha),
        newcombe_interval(b, n_b, a, n_a, alpha),
        lift_interval(b, n_b, a, n_a, alpha),
    )
    assert (wilson.low, wilson.high) == pytest.approx(proportion_confint(b, n_b, alpha, method="wilson"))
    oracle = confint_proportions_2indep(b, n_b, a, n_a, method="newcomb", compare="diff", alpha=alpha)
    assert (newcombe.low, newcombe.high) == pytest.approx(oracle)
    oracle = confint_proportions_2indep(b, n_b, a, n_a, method="log", compare="ratio", alpha=alpha, correction=False)
    assert (lift.low + 1, lift.high + 1) == pytest.approx(oracle)


def test_a_lift_over_nothing_has_no_value_but_a_finite_interval() -> None:
    assert relative_lift(5, 1000, 0, 1000) is None
    interval = lift_interval(5, 1000, 0, 1000)
    assert -1 < interval.low < 0 < interval.high < float("inf")
    nobody = lift_interval(0, 1000, 0, 1000)
    assert nobody.low < 0 < nobody.high


@given(st.integers(1, 20_000), st.integers(1, 20_000), st.data())
@settings(max_examples=60, deadline=None)
def test_every_interval_holds_its_estimate_and_stays_in_its_range(n_b: int, n_a: int, data: st.DataObject) -> None:
    b, a = data.draw(st.integers(0, n_b)), data.draw(st.integers(0, n_a))
    wilson, newcombe, lift = wilson_interval(b, n_b), newcombe_interval(b, n_b, a, n_a), lift_interval(b, n_b, a, n_a)
    assert 0 <= wilson.low <= b / n_b <= wilson.high <= 1
    assert -1 - 1e-12 <= newcombe.low <= b / n_b - a / n_a <= newcombe.high <= 1 + 1e-12
    assert -1 <= lift.low <= lift.high
    mirrored = newcombe_interval(a, n_a, b, n_b)
    assert (mirrored.low, mirrored.high) == pytest.approx((-newcombe.high, -newcombe.low))


def test_arrays_give_what_single_counts_give() -> None:
    events, sent = np.array([0, 3, 50]), np.array([10, 40, 50])
    low, high = wilson_bounds(events, sent)
    one_by_one = [wilson_interval(int(x), int(n)) for x, n in zip(events, sent, strict=True)]
    assert list(low) == [interval.low for interval in one_by_one]
    assert list(high) == [interval.high for interval in one_by_one]
    low, high = newcombe_bounds(events, sent, events[::-1], sent[::-1])
    assert low[0] == newcombe_interval(0, 10, 50, 50).low
    assert high[2] == newcombe_interval(50, 50, 0, 10).high
