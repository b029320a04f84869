"""Tests on counts against published values and statsmodels; the Bayesian chance against numeric integration."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportions_ztest

from tasks.experiments.significance import (
    chance_to_win,
    holm,
    p_at_least,
    p_at_most,
    p_worse,
    pooled_z,
    sample_ratio_p,
)


def test_pooled_z_is_the_published_value() -> None:
    z, p = pooled_z(300, 1000, 250, 1000)  # experiments.md
    assert float(z) == pytest.approx(2.503915, abs=5e-7)
    assert float(p) == pytest.approx(0.01228274, abs=5e-9)


def test_pooled_z_is_the_example_of_statsmodels_documentation() -> None:
    # statsmodels, documentation of proportions_ztest: 5 of 83 against 12 of 99, "0.159".
    assert float(pooled_z(5, 83, 12, 99)[1]) == pytest.approx(0.159, abs=5e-4)


def test_pooled_z_agrees_with_statsmodels_on_unequal_arms() -> None:
    z, p = pooled_z(41, 1900, 25, 700)
    assert (float(z), float(p)) == pytest.approx(proportions_ztest([41, 25], [1900, 700]))


def test_nobody_and_everybody_acting_is_no_difference() -> None:
    z, p = pooled_z([0, 500], [1000, 500], [0, 700], [900, 700])
    assert list(z) == [0, 0]
    assert list(p) == [1, 1]


# Aickin & Gensler, Am. J. Public Health 86 (1996) 726-728, and R's p.adjust; Wikipedia "Holm-Bonferroni method": of
# .01, .04, .03 and .005 the first and the last are rejected at .05.
@pytest.mark.parametrize(
    ("raw", "adjusted"),
    [
        ((0.01, 0.02, 0.03, 0.04), (0.04, 0.06, 0.06, 0.06)),
        ((0.01, 0.04, 0.03, 0.005), (0.03, 0.06, 0.06, 0.02)),
        ((0.04, 0.01), (0.04, 0.02)),
        ((0.7,), (0.7,)),
        ((), ()),
    ],
)
def test_holm_steps_down_and_keeps_the_order_given(raw: tuple[float, ...], adjusted: tuple[float, ...]) -> None:
    assert holm(raw) == pytest.approx(adjusted)


@pytest.mark.parametrize("seed", range(5))
def test_holm_agrees_with_statsmodels(seed: int) -> None:
    raw = tuple(np.random.default_rng(seed).random(2 + seed) ** 3)
    assert holm(raw) == pytest.approx(tuple(multipletests(raw, method="holm")[1]))


# experiments.md; Wikipedia "Sample ratio mismatch" (600/400); srm.osc.garden (44,000/45,000: p = 0.0008).
@pytest.mark.parametrize(
    ("observed", "p", "tolerance"),
    [((5100, 4900), 0.04550, 5e-6), ((600, 400), 2.54e-10, 5e-13), ((44_000, 45_000), 0.0008, 5e-5)],
)
def test_sample_ratio_is_the_published_p(observed: tuple[int, int], p: float, tolerance: float) -> None:
    assert sample_ratio_p(observed, (1, 1)) == pytest.approx(p, abs=tolerance)


def test_sample_ratio_follows_the_planned_ratio_and_needs_counts() -> None:
    assert sample_ratio_p((300, 100), (3, 1)) == pytest.approx(1)
    assert sample_ratio_p((0, 0), (1, 1)) is None
    assert sample_ratio_p((10, 0), (10, 0)) is None


@given(st.integers(0, 3000), st.data(), st.sampled_from([0.002, 0.005, 0.02, 0.15]))
@settings(max_examples=60, deadline=None)
def test_binomial_tails_are_scipys_also_at_the_ends(n: int, data: st.DataObject, rate: float) -> None:
    x = data.draw(st.integers(0, n))
    assert float(p_at_least(x, n, rate)) == pytest.approx(stats.binom.sf(x - 1, n, rate), rel=1e-9, abs=1e-300)
    assert float(p_at_most(x, n, rate)) == pytest.approx(stats.binom.cdf(x, n, rate), rel=1e-9, abs=1e-300)


def test_fishers_lady_tasting_tea() -> None:
    # Fisher, The Design of Experiments (1935); R's help of fisher.test: p = 0.2429 for 3 of 4.
    assert float(p_worse(3, 4, 1, 4)) == pytest.approx(0.2429, abs=5e-5)


@pytest.mark.parametrize("counts", [(12, 1000, 3, 1000), (0, 400, 5, 900), (40, 1500, 28, 1500)])
def test_worse_is_fishers_one_sided_test(counts: tuple[int, int, int, int]) -> None:
    b, n_b, a, n_a = counts
    oracle = stats.fisher_exact([[b, n_b - b], [a, n_a - a]], alternative="greater").pvalue
    assert float(p_worse(*counts)) == pytest.approx(oracle)


@pytest.mark.parametrize("counts", [(3, 20, 1, 25), (300, 1000, 250, 1000), (0, 50, 0, 50), (12, 4000, 20, 5000)])
def test_chance_to_win_is_the_integral_of_the_two_posteriors(counts: tuple[int, int, int, int]) -> None:
    b, n_b, a, n_a = counts
    posterior_b, posterior_a = stats.beta(b + 1, n_b - b + 1), stats.beta(a + 1, n_a - a + 1)
    low, high = posterior_b.ppf(1e-12), posterior_b.isf(1e-12)
    integral = integrate.quad(lambda x: posterior_b.pdf(x) * posterior_a.cdf(x), low, high, limit=200)[0]
    assert chance_to_win(*counts) == pytest.approx(integral, abs=1e-7)


def test_chance_to_win_of_both_sides_adds_up_at_ten_million_messages() -> None:
    one, other = (
        chance_to_win(251_000, 5_000_000, 250_000, 5_000_000),
        chance_to_win(250_000, 5_000_000, 251_000, 5_000_000),
    )
    assert one + other == pytest.approx(1, abs=1e-6)
    assert one > 0.9
    assert not np.isnan(other)
