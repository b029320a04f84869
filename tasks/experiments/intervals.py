"""Confidence intervals for rates, differences of rates and relative lifts.

The `*_bounds` functions work element by element on arrays, so that the calibration measures the very code that
decides; the `*_interval` functions are the same for one pair of counts.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict
from scipy import special

Floats = npt.NDArray[np.float64]
Bounds = tuple[Floats, Floats]


class Interval(BaseModel):
    """A two-sided confidence interval, both ends included; the unit is that of what it estimates."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    low: float
    high: float

    def excludes_zero(self) -> bool:
        """Whether zero lies outside."""
        return self.low > 0 or self.high < 0

    def lies_within(self, zone: float) -> bool:
        """Whether the whole interval lies inside [-zone, +zone]."""
        return -zone <= self.low and self.high <= zone


def normal_quantile(alpha: float) -> float:
    """The two-sided normal quantile: 1.96 for alpha 0.05."""
    return float(special.ndtri(1 - alpha / 2))


def wilson_bounds(events: npt.ArrayLike, sent: npt.ArrayLike, alpha: float = 0.05) -> Bounds:
    """Wilson score bounds of a rate, for arrays of counts with `sent` > 0.

    Source: Wilson (1927); Newcombe, Stat. Med. 17 (1998) 857-872, method 3.
    """
    x, n = np.asarray(events, dtype=np.float64), np.asarray(sent, dtype=np.float64)
    z = normal_quantile(alpha)
    rate = x / n
    scale = 1 + z * z / n
    centre = (rate + z * z / (2 * n)) / scale
    half = z / scale * np.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    # At 0 and n events the bound is exactly 0 and 1; rounding would miss it by one unit in the last place.
    low = np.where(x == 0, 0.0, centre - half)
    high = np.where(x == n, 1.0, centre + half)
    return low, high


def newcombe_bounds(
    events_b: npt.ArrayLike,
    sent_b: npt.ArrayLike,
    events_a: npt.ArrayLike,
    sent_a: npt.ArrayLike,
    alpha: float = 0.05,
) -> Bounds:
    """Newcombe's hybrid score bounds of rate B - rate A, for arrays of counts with `sent` > 0.

    Source: Newcombe, Stat. Med. 17 (1998) 873-890, method 10.
    """
    rate_b, rate_a = np.asarray(events_b) / np.asarray(sent_b), np.asarray(events_a) / np.asarray(sent_a)
    low_b, high_b = wilson_bounds(events_b, sent_b, alpha)
    low_a, high_a = wilson_bounds(events_a, sent_a, alpha)
    difference = rate_b - rate_a
    low = difference - np.sqrt((rate_b - low_b) ** 2 + (high_a - rate_a) ** 2)
    high = difference + np.sqrt((high_b - rate_b) ** 2 + (rate_a - low_a) ** 2)
    return low, high


def lift_bounds(
    events_b: npt.ArrayLike,
    sent_b: npt.ArrayLike,
    events_a: npt.ArrayLike,
    sent_a: npt.ArrayLike,
    alpha: float = 0.05,
) -> Bounds:
    """Log-delta bounds of the relative lift (rate B / rate A - 1), for arrays of counts with `sent` > 0.

    Where either arm has no event, 0.5 is added to events and sent of both, so the bounds stay finite.
    Source: Katz et al., Biometrics 34 (1978) 469-474; the 0.5 is Walter's, Biometrika 62 (1975) 371-374.
    """
    x_b, n_b = np.asarray(events_b, dtype=np.float64), np.asarray(sent_b, dtype=np.float64)
    x_a, n_a = np.asarray(events_a, dtype=np.float64), np.asarray(sent_a, dtype=np.float64)
    added = np.where((x_b == 0) | (x_a == 0), 0.5, 0.0)
    x_b, n_b, x_a, n_a = x_b + added, n_b + added, x_a + added, n_a + added
    log_ratio = np.log(x_b / n_b) - np.log(x_a / n_a)
    half = normal_quantile(alpha) * np.sqrt(1 / x_b - 1 / n_b + 1 / x_a - 1 / n_a)
    return np.expm1(log_ratio - half), np.expm1(log_ratio + half)


def wilson_interval(events: int, sent: int, alpha: float = 0.05) -> Interval:
    """The Wilson interval of one rate (fraction); see `wilson_bounds`."""
    return _interval(wilson_bounds(events, sent, alpha))


def newcombe_interval(events_b: int, sent_b: int, events_a: int, sent_a: int, alpha: float = 0.05) -> Interval:
    """The Newcombe interval of rate B - rate A (fraction); see `newcombe_bounds`."""
    return _interval(newcombe_bounds(events_b, sent_b, events_a, sent_a, alpha))


def lift_interval(events_b: int, sent_b: int, events_a: int, sent_a: int, alpha: float = 0.05) -> Interval:
    """The log-delta interval of rate B / rate A - 1 (fraction); see `lift_bounds`."""
    return _interval(lift_bounds(events_b, sent_b, events_a, sent_a, alpha))


def relative_lift(events_b: int, sent_b: int, events_a: int, sent_a: int) -> float | None:
    """Rate B / rate A - 1 (fraction), or None where A has no event and the ratio does not exist."""
    if events_a == 0:
        return None
    return (events_b / sent_b) / (events_a / sent_a) - 1


def _interval(bounds: Bounds) -> Interval:
    return Interval(low=float(bounds[0]), high=float(bounds[1]))
