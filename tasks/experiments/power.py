"""Power, sample size and minimum detectable effect of the two-proportion test, before anything is sent."""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy import optimize, special

from tasks.experiments.intervals import normal_quantile

_find_root: Callable[[Callable[[float], float], float, float], float] = optimize.brentq


def power_of_test(rate_a: float, rate_b: float, per_arm: int, alpha: float = 0.05) -> float:
    """The chance (fraction) that the two-sided test finds `rate_b` different from `rate_a` with `per_arm` each.

    Source: the formula of R's power.prop.test (strict = FALSE): Fleiss, Levin & Paik (2003), section 4.2.
    """
    pooled = math.sqrt((rate_a + rate_b) * (1 - (rate_a + rate_b) / 2))
    spread = math.sqrt(rate_a * (1 - rate_a) + rate_b * (1 - rate_b))
    shift = math.sqrt(per_arm) * abs(rate_b - rate_a) - normal_quantile(alpha) * pooled
    if spread == 0:
        return 1.0 if shift > 0 else 0.0
    return float(special.ndtr(shift / spread))


def sample_size(rate_a: float, rate_b: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """Messages per arm (not rounded) needed to find `rate_b` against `rate_a`; the rates must differ."""
    pooled = math.sqrt((rate_a + rate_b) * (1 - (rate_a + rate_b) / 2))
    spread = math.sqrt(rate_a * (1 - rate_a) + rate_b * (1 - rate_b))
    return float(((normal_quantile(alpha) * pooled + special.ndtri(power) * spread) / (rate_b - rate_a)) ** 2)


def messages_per_arm(rate_a: float, rate_b: float, alpha: float = 0.05, power: float = 0.8) -> int:
    """Whole messages per arm needed to find `rate_b` against `rate_a`."""
    return math.ceil(sample_size(rate_a, rate_b, alpha, power))


def minimum_detectable_effect(base_rate: float, per_arm: int, alpha: float = 0.05, power: float = 0.8) -> float | None:
    """The smallest absolute rise over `base_rate` found with `power`; None where even a rate of 1 is not enough."""
    room = 1 - base_rate
    if per_arm < 1 or power_of_test(base_rate, 1.0, per_arm, alpha) < power:
        return None
    return _find_root(lambda rise: power_of_test(base_rate, base_rate + rise, per_arm, alpha) - power, 0.0, room)
