"""Tests on counts: pooled z, Holm, sample ratio, exact binomial and Fisher tails, the Bayesian chance to win.

Functions on counts work element by element on arrays; the calibration uses them so.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from tasks.experiments.intervals import Floats


def pooled_z(
    events_b: npt.ArrayLike, sent_b: npt.ArrayLike, events_a: npt.ArrayLike, sent_a: npt.ArrayLike
) -> tuple[Floats, Floats]:
    """The pooled two-proportion z of B against A and its two-sided p-value; z = 0, p = 1 without any variance.

    Source: Fleiss, Statistical Methods for Rates and Proportions; without continuity correction.
    """
    x_b, n_b = np.asarray(events_b, dtype=np.float64), np.asarray(sent_b, dtype=np.float64)
    x_a, n_a = np.asarray(events_a, dtype=np.float64), np.asarray(sent_a, dtype=np.float64)
    pooled = (x_b + x_a) / (n_b + n_a)
    error = np.sqrt(pooled * (1 - pooled) * (1 / n_b + 1 / n_a))
    z = np.where(error > 0, (x_b / n_b - x_a / n_a) / np.where(error > 0, error, 1.0), 0.0)
    return z, np.asarray(2 * special.ndtr(-np.abs(z)))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Holm's step-down adjusted p-values, in the order given.

    Source: Holm, Scand. J. Statist. 6 (1979) 65-70.
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return tuple(adjusted)


def sample_ratio_p(observed: Sequence[int], planned: Sequence[int]) -> float | None:
    """The chi-square p-value of observed counts against the planned ratio; None where either side is empty.

    Source: Fabijan et al., Diagnosing Sample Ratio Mismatch, KDD 2019.
    """
    if sum(observed) == 0 or min(planned, default=0) == 0:
        return None
    expected = np.asarray(planned) * (sum(observed) / sum(planned))
    return float(stats.chisquare(observed, expected).pvalue)


def p_at_least(events: npt.ArrayLike, n: npt.ArrayLike, rate: float) -> Floats:
    """P(X >= events) for X binomial(n, rate): small means the true rate lies above `rate`."""
    x, size = np.asarray(events), np.asarray(n)
    return np.where(x > 0, special.betainc(np.maximum(x, 1), size - x + 1, rate), 1.0)


def p_at_most(events: npt.ArrayLike, n: npt.ArrayLike, rate: float) -> Floats:
    """P(X <= events) for X binomial(n, rate): small means the true rate lies below `rate`."""
    x, size = np.asarray(events), np.asarray(n)
    return np.where(x < size, special.betaincc(x + 1, np.maximum(size - x, 1), rate), 1.0)


def p_worse(events_b: npt.ArrayLike, sent_b: npt.ArrayLike, events_a: npt.ArrayLike, sent_a: npt.ArrayLike) -> Floats:
    """Fisher's one-sided exact p-value that B has the higher rate of a bad event than A."""
    bad = np.asarray(events_b) + np.asarray(events_a)
    everyone = np.asarray(sent_b) + np.asarray(sent_a)
    # The hypergeometric is symmetric in "B" and "bad"; with the few bad ones as the draw its sum stays short.
    # scipy makes its distributions at import time, where mypy cannot see them.
    return np.asarray(stats.hypergeom.sf(np.asarray(events_b) - 1, everyone, sent_b, bad))  # type: ignore[attr-defined]


def chance_to_win(events_b: int, sent_b: int, events_a: int, sent_a: int) -> float:
    """P(rate B > rate A) with independent Beta(1,1) priors, exactly.

    Source: Evan Miller, Formulas for Bayesian A/B Testing, equation 6 (the sum runs over the events of B + 1).
    """
    alpha_a, beta_a = events_a + 1, sent_a - events_a + 1
    beta_b = sent_b - events_b + 1
    i = np.arange(events_b + 1)
    terms = (
        special.betaln(alpha_a + i, beta_a + beta_b)
        - np.log(beta_b + i)
        - special.betaln(1 + i, beta_b)
        - special.betaln(alpha_a, beta_a)
    )
    return float(min(1.0, np.exp(terms).sum()))
