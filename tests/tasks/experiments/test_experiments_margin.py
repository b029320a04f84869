"""Margin per message: the library's Welch from our sums equals scipy's on the raw values."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pytest
from scipy import stats

from tasks.experiments.evidence import ArmStats
from tasks.experiments.margin import compare_margins


def _with_margins(observe: Callable[..., ArmStats], arm: str, margins: list[str]) -> ArmStats:
    values = [Decimal(value) for value in margins]
    return observe(
        arm,
        clicked=0,
        sent=len(values),
        margin_sum=sum(values),
        margin_sum_squares=sum(value * value for value in values),
    )


def test_welch_from_sums_is_welch_on_the_values(observe: Callable[..., ArmStats]) -> None:
    rng = np.random.default_rng(1)
    b = [f"{x:.2f}" for x in np.where(rng.random(400) < 0.3, rng.lognormal(3, 1, 400), 0)]
    a = [f"{x:.2f}" for x in np.where(rng.random(300) < 0.2, rng.lognormal(3, 1, 300), 0)]
    ours = compare_margins(_with_margins(observe, "B", b), _with_margins(observe, "A", a), alpha=0.05)
    oracle = stats.ttest_ind([float(x) for x in b], [float(x) for x in a], equal_var=False)
    interval = oracle.confidence_interval(0.95)
    assert ours is not None
    assert ours.p_value == pytest.approx(oracle.pvalue)
    assert (ours.interval.low, ours.interval.high) == pytest.approx((interval.low, interval.high))


def test_welch_is_the_published_example_of_r(observe: Callable[..., ArmStats]) -> None:
    # R, example(t.test) on the data set `sleep` (Student 1908): t = -1.8608, df = 17.776, p = .07939.
    first = ["0.7", "-1.6", "-0.2", "-1.2", "-0.1", "3.4", "3.7", "0.8", "0.0", "2.0"]
    second = ["1.9", "0.8", "1.1", "0.1", "-0.1", "4.4", "5.5", "1.6", "4.6", "3.4"]
    ours = compare_margins(_with_margins(observe, "B", first), _with_margins(observe, "A", second), alpha=0.05)
    assert ours is not None
    assert (ours.mean_b, ours.mean_a) == pytest.approx((0.75, 2.33))
    assert ours.p_value == pytest.approx(0.07939, abs=5e-6)
    assert (ours.interval.low, ours.interval.high) == pytest.approx((-3.3654832, 0.2054832), abs=5e-8)


def test_a_large_mean_does_not_eat_the_variance(observe: Callable[..., ArmStats]) -> None:
    b, a = ["100000000.01", "100000000.02", "100000000.03"], ["100000000.00", "100000000.01", "100000000.02"]
    ours = compare_margins(_with_margins(observe, "B", b), _with_margins(observe, "A", a), alpha=0.05)
    small = stats.ttest_ind([0.01, 0.02, 0.03], [0.00, 0.01, 0.02], equal_var=False)
    assert ours is not None
    assert ours.p_value == pytest.approx(small.pvalue, rel=1e-4)


def test_nobody_bought_is_no_difference_and_not_measured_is_none(observe: Callable[..., ArmStats]) -> None:
    nothing = _with_margins(observe, "B", ["0"] * 50)
    ours = compare_margins(nothing, _with_margins(observe, "A", ["0"] * 50), alpha=0.05)
    assert ours is not None
    assert (ours.difference, ours.p_value, ours.is_higher()) == (0, 1, False)
    assert compare_margins(nothing, observe("A"), alpha=0.05) is None


def test_one_arm_without_a_buyer_still_compares(observe: Callable[..., ArmStats]) -> None:
    bought = _with_margins(observe, "B", ["10", "12", "9", "11"] * 20)
    ours = compare_margins(bought, _with_margins(observe, "A", ["0"] * 80), alpha=0.05)
    assert ours is not None
    assert ours.is_higher()
