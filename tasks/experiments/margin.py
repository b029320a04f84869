"""Margin per message: mean, variance and Welch's comparison from sums, by tea-tasting."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
from pydantic import BaseModel, ConfigDict
from tea_tasting.aggr import Aggregates
from tea_tasting.metrics.mean import Mean

from tasks.experiments.evidence import ArmStats
from tasks.experiments.intervals import Interval

_MARGIN = "margin"


class MarginDifference(BaseModel):
    """Margin per message of B minus A, in CNY, with Welch's interval and two-sided p-value."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    mean_b: float
    mean_a: float
    difference: float
    interval: Interval
    p_value: float
    alpha: float

    def is_higher(self) -> bool:
        """Whether B's margin is proven higher than A's."""
        return self.difference > 0 and self.p_value < self.alpha

    def is_lower(self) -> bool:
        """Whether B's margin is proven lower than A's."""
        return self.difference < 0 and self.p_value < self.alpha


def compare_margins(b: ArmStats, a: ArmStats, alpha: float) -> MarginDifference | None:
    """Welch's t-test of the margin per sent message, B against A; None where margin was not measured or n < 2.

    Where no arm has any variance (nobody bought) the difference is 0, its interval [0, 0] and p = 1.
    """
    left, right = _aggregates(b), _aggregates(a)
    if left is None or right is None:
        return None
    if left.var(_MARGIN) == 0 and right.var(_MARGIN) == 0:
        return _without_variance(float(left.mean(_MARGIN)), float(right.mean(_MARGIN)), alpha)
    metric = Mean(_MARGIN, alternative="two-sided", confidence_level=1 - alpha, equal_var=False, use_t=True)
    with np.errstate(all="ignore"):  # the library also works out a ratio of means, which a mean of 0 makes infinite
        result = metric.analyze_aggregates(right, left)
    return MarginDifference(
        mean_b=float(result.treatment),
        mean_a=float(result.control),
        difference=float(result.effect_size),
        interval=Interval(low=float(result.effect_size_ci_lower), high=float(result.effect_size_ci_upper)),
        p_value=float(result.pvalue),
        alpha=alpha,
    )


def _aggregates(arm: ArmStats) -> Aggregates | None:
    if arm.margin_sum is None or arm.margin_sum_squares is None or arm.sent < 2:
        return None
    # In Decimal: as floats the two large terms would cancel digits where the mean is large against the spread.
    spread = max(arm.margin_sum_squares - arm.margin_sum * arm.margin_sum / arm.sent, Decimal(0))
    mean, variance = float(arm.margin_sum / arm.sent), float(spread / (arm.sent - 1))
    return Aggregates(count_=arm.sent, mean_={_MARGIN: mean}, var_={_MARGIN: variance})


def _without_variance(mean_b: float, mean_a: float, alpha: float) -> MarginDifference:
    difference = mean_b - mean_a
    return MarginDifference(
        mean_b=mean_b,
        mean_a=mean_a,
        difference=difference,
        interval=Interval(low=difference, high=difference),
        p_value=1.0 if difference == 0 else 0.0,
        alpha=alpha,
    )
