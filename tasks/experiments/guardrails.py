"""Step 6: harm. Exact tests of opt-outs, complaints and undelivered messages, per arm and against the fallback.

The same function serves the decision, every wave of a roll-out and the early looks: `looks` splits the error over
all of them (a union bound, so it holds for looks at any time). Looking early is allowed for harm only.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from tasks.experiments.evidence import ArmStats
from tasks.experiments.registration import GuardrailLimits
from tasks.experiments.significance import p_at_least, p_at_most, p_worse

GuardrailMetric = Literal["opted_out", "complained", "undelivered"]
GuardrailVerdict = Literal["PROVEN_OK", "NOT_PROVEN", "STOP"]
Breach = Literal["above_limit", "worse_than_fallback"]

METRICS: tuple[GuardrailMetric, ...] = ("opted_out", "complained", "undelivered")


class Guardrail(BaseModel):
    """One arm and one kind of harm: counts of people, rate and limit as fractions, exact p-values.

    p_above: of a true rate not above the limit; p_below: of one not below it; p_worse: one-sided against the
    fallback arm (None for the fallback itself). A test that cannot be made (nothing sent) is NOT_PROVEN.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    arm: str
    metric: GuardrailMetric
    events: int
    sent: int
    limit: float
    p_above: float
    p_below: float
    p_worse: float | None
    verdict: GuardrailVerdict
    breaches: tuple[Breach, ...]

    @property
    def rate(self) -> float | None:
        """Events per sent message; None where nothing was sent."""
        return self.events / self.sent if self.sent else None


def check_guardrails(
    arms: tuple[ArmStats, ...], fallback_arm: str | None, limits: GuardrailLimits, looks: int = 1
) -> tuple[Guardrail, ...]:
    """Every arm against every line, and against the fallback arm where one is named.

    `looks` is how often the same messages are judged in all (early looks, waves): each gets its share of alpha.
    """
    fallback = next((arm for arm in arms if arm.arm == fallback_arm), None)
    return tuple(_check(arm, metric, fallback, limits, looks) for arm in arms for metric in METRICS)


def find_harm(guardrails: tuple[Guardrail, ...]) -> tuple[Guardrail, ...]:
    """Those that say STOP."""
    return tuple(guardrail for guardrail in guardrails if guardrail.verdict == "STOP")


def _check(
    arm: ArmStats, metric: GuardrailMetric, fallback: ArmStats | None, limits: GuardrailLimits, looks: int
) -> Guardrail:
    events, limit = _count(arm, metric), float(getattr(limits, metric))
    p_above = float(p_at_least(events, arm.sent, limit))
    p_below = float(p_at_most(events, arm.sent, limit))
    worse = _worse_than(arm, fallback, metric)
    breaches: list[Breach] = []
    if p_above < limits.alpha_limit / looks:
        breaches.append("above_limit")
    if worse is not None and worse < limits.alpha_worse / looks:
        breaches.append("worse_than_fallback")
    proven: GuardrailVerdict = "PROVEN_OK" if p_below < limits.alpha_limit / looks else "NOT_PROVEN"
    return Guardrail(
        arm=arm.arm,
        metric=metric,
        events=events,
        sent=arm.sent,
        limit=limit,
        p_above=p_above,
        p_below=p_below,
        p_worse=worse,
        verdict="STOP" if breaches else proven,
        breaches=tuple(breaches),
    )


def _worse_than(arm: ArmStats, fallback: ArmStats | None, metric: GuardrailMetric) -> float | None:
    if fallback is None or fallback.arm == arm.arm or not arm.sent or not fallback.sent:
        return None
    return float(p_worse(_count(arm, metric), arm.sent, _count(fallback, metric), fallback.sent))


def _count(arm: ArmStats, metric: GuardrailMetric) -> int:
    return {"opted_out": arm.opted_out, "complained": arm.complained, "undelivered": arm.undelivered}[metric]
