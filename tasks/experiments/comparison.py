"""Step 8, the numbers: each arm's rate, and every challenger against the fallback arm.

With three or more arms the challengers are compared with the fallback (not all pairs), and Holm's adjustment keeps
the chance of any false winner at alpha. The intervals shown are each at 1 - alpha, unadjusted.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from tasks.experiments.evidence import ArmStats
from tasks.experiments.intervals import Interval, lift_interval, newcombe_interval, relative_lift, wilson_interval
from tasks.experiments.margin import MarginDifference, compare_margins
from tasks.experiments.registration import Registration
from tasks.experiments.significance import chance_to_win, holm, pooled_z

_FROZEN = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ArmResult(BaseModel):
    """One arm's primary rate (fraction of sent) with its Wilson interval; None where nothing was sent."""

    model_config = _FROZEN

    arm: str
    sent: int
    events: int
    rate: float | None
    interval: Interval | None


class Comparison(BaseModel):
    """A challenger (`arm`) against the fallback (`reference`): rates are fractions of sent, margins CNY per message.

    `p_adjusted` is Holm's over all challengers; `lift` is None where the reference has no event.
    """

    model_config = _FROZEN

    arm: str
    reference: str
    difference: float
    interval: Interval
    lift: float | None
    lift_interval: Interval
    z: float
    p_value: float
    p_adjusted: float
    chance_to_win: float
    margin: MarginDifference | None
    alpha: float

    def is_proven(self) -> bool:
        """Whether the rates differ: the adjusted p is below alpha, and both intervals shown exclude zero.

        The interval of the lift is asked too: nobody should read "wins" beside a lift that may be zero, and without it
        false winners are 5.004% at a rate of 25% (docs/statistics.md).
        """
        intervals = (self.interval, self.lift_interval)
        return self.p_adjusted < self.alpha and all(interval.excludes_zero() for interval in intervals)

    def is_margin_agreed(self) -> bool:
        """Whether the margin per message is proven different in the same direction as the rate."""
        if self.margin is None:
            return False
        return self.margin.is_higher() if self.difference > 0 else self.margin.is_lower()


def measure_arms(registration: Registration, arms: tuple[ArmStats, ...]) -> tuple[ArmResult, ...]:
    """The primary rate of every arm; raises UsageError where the primary metric was not measured."""
    return tuple(_measure(arm, arm.events(registration.primary_metric), registration.alpha) for arm in arms)


def compare_arms(registration: Registration, arms: tuple[ArmStats, ...]) -> tuple[Comparison, ...]:
    """Every challenger against the fallback; pairs in which nothing was sent are left out."""
    reference = next(arm for arm in arms if arm.arm == registration.fallback_arm)
    challengers = [arm for arm in arms if arm.arm != reference.arm and arm.sent > 0 and reference.sent > 0]
    raw = [_compare(registration, arm, reference) for arm in challengers]
    adjusted = holm([comparison.p_value for comparison in raw])
    return tuple(c.model_copy(update={"p_adjusted": p}) for c, p in zip(raw, adjusted, strict=True))


def find_unbeaten(registration: Registration, arms: tuple[ArmStats, ...], winner: str) -> tuple[str, ...]:
    """The other challengers that a winner is not shown to beat (pooled z at alpha), for the explanation."""
    best = next(arm for arm in arms if arm.arm == winner)
    others = [arm for arm in arms if arm.arm not in (winner, registration.fallback_arm)]
    metric = registration.primary_metric
    return tuple(
        arm.arm
        for arm in others
        if float(pooled_z(best.events(metric), best.sent, arm.events(metric), arm.sent)[1]) >= registration.alpha
    )


def _measure(arm: ArmStats, events: int, alpha: float) -> ArmResult:
    if arm.sent == 0:
        return ArmResult(arm=arm.arm, sent=0, events=events, rate=None, interval=None)
    interval = wilson_interval(events, arm.sent, alpha)
    return ArmResult(arm=arm.arm, sent=arm.sent, events=events, rate=events / arm.sent, interval=interval)


def _compare(registration: Registration, arm: ArmStats, reference: ArmStats) -> Comparison:
    """One comparison, its p-value not yet adjusted."""
    metric, alpha = registration.primary_metric, registration.alpha
    counts = (arm.events(metric), arm.sent, reference.events(metric), reference.sent)
    z, p_value = (float(value) for value in pooled_z(*counts))
    return Comparison(
        arm=arm.arm,
        reference=reference.arm,
        difference=counts[0] / counts[1] - counts[2] / counts[3],
        interval=newcombe_interval(*counts, alpha),
        lift=relative_lift(*counts),
        lift_interval=lift_interval(*counts, alpha),
        z=z,
        p_value=p_value,
        p_adjusted=p_value,
        chance_to_win=chance_to_win(*counts),
        margin=compare_margins(arm, reference, alpha),
        alpha=alpha,
    )
