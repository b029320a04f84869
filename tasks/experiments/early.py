"""Step 11: looking early, for harm only. Bounds that hold however often anybody looks.

A fixed-level test that is looked at again and again finds harm by chance. Here the evidence is an e-value: the
likelihood of the counts, averaged over all rates above the limit, against that of the limit itself. While nothing is
wrong its expectation stays at or below 1 at every moment, so that it ever reaches 1/alpha with a chance of at most
alpha (Ville's inequality), whenever and however often it is looked at. A winner cannot be read from it.

Source: Ville (1939); Ramdas, Grünwald, Vovk & Shafer, Game-Theoretic Statistics and Safe Anytime-Valid Inference,
Statistical Science 38 (2023) 576-601; the mixture over a conjugate prior is Robbins's, Ann. Math. Statist. 41 (1970).
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict
from scipy import special

from tasks.experiments.evidence import ArmStats
from tasks.experiments.guardrails import METRICS, GuardrailMetric
from tasks.experiments.intervals import Floats
from tasks.experiments.registration import Registration
from tasks.experiments.wording import METRIC_NAMES, Text, percent

EarlyBreach = Literal["above_limit", "worse_than_fallback"]
# The prior of the rates above a limit p: a Beta with mean 2p and the weight of few events, cut off at p.
_PRIOR_EVENTS = 4.0


class EarlyHarm(BaseModel):
    """Harm that an early look found: counts of people, and the e-value that passed its threshold 1/alpha."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    arm: str
    metric: GuardrailMetric
    breach: EarlyBreach
    events: int
    sent: int
    limit: float
    e_value: float
    threshold: float


def log_evidence(events: npt.ArrayLike, sent: npt.ArrayLike, limit: npt.ArrayLike) -> Floats:
    """The logarithm of the e-value that the true rate lies above `limit` (fraction), for arrays of counts."""
    x, n = np.asarray(events, dtype=np.float64), np.asarray(sent, dtype=np.float64)
    p = np.asarray(limit, dtype=np.float64)
    alpha = _PRIOR_EVENTS * np.ones_like(p)
    beta = alpha * (1 - np.minimum(2 * p, 0.9)) / np.minimum(2 * p, 0.9)
    return np.asarray(
        _log_mass_above(alpha + x, beta + n - x, p)
        - _log_mass_above(alpha, beta, p)
        - x * np.log(p)
        - (n - x) * np.log1p(-p)
    )


def _log_mass_above(alpha: Floats, beta: Floats, p: Floats) -> Floats:
    """log of the integral of t^(alpha-1) (1-t)^(beta-1) from p to 1."""
    with np.errstate(divide="ignore"):  # nothing of the mass is above: no evidence at all
        return np.asarray(special.betaln(alpha, beta) + np.log(special.betaincc(alpha, beta, p)))


def find_early_harm(registration: Registration, arms: tuple[ArmStats, ...]) -> tuple[EarlyHarm, ...]:
    """Every arm against every line, and against the fallback by its share of the bad events of the two."""
    limits = registration.guardrails
    fallback = next((arm for arm in arms if arm.arm == registration.fallback_arm), None)
    found: list[EarlyHarm] = []
    for arm in arms:
        for metric in METRICS:
            events, limit = _events(arm, metric), float(getattr(limits, metric))
            found += _judge(arm, metric, "above_limit", events, arm.sent, limit, limits.alpha_limit)
            if fallback is not None and arm.arm != fallback.arm and arm.sent and fallback.sent:
                both, share = events + _events(fallback, metric), arm.sent / (arm.sent + fallback.sent)
                found += _judge(arm, metric, "worse_than_fallback", events, both, share, limits.alpha_worse)
    return tuple(found)


def _judge(
    arm: ArmStats, metric: GuardrailMetric, breach: EarlyBreach, events: int, base: int, limit: float, alpha: float
) -> list[EarlyHarm]:
    log_e = float(log_evidence(events, base, limit))
    if log_e < -math.log(alpha):
        return []
    return [
        EarlyHarm(
            arm=arm.arm, metric=metric, breach=breach, events=events, sent=arm.sent, limit=limit,
            e_value=math.exp(min(log_e, 700.0)), threshold=1 / alpha,
        )
    ]  # fmt: skip


def _events(arm: ArmStats, metric: GuardrailMetric) -> int:
    return {"opted_out": arm.opted_out, "complained": arm.complained, "undelivered": arm.undelivered}[metric]


def describe_early_harm(found: tuple[EarlyHarm, ...], fallback_arm: str) -> Text:
    """The sentence about harm found early; `found` is not empty."""
    zh, en = [], []
    for harm in found:
        name = METRIC_NAMES[harm.metric]
        rate = f"{percent(harm.events / harm.sent)}（{harm.events}/{harm.sent}）"
        rate_en = f"{percent(harm.events / harm.sent)} ({harm.events}/{harm.sent})"
        against = harm.breach == "worse_than_fallback"
        zh.append(f"版本 {harm.arm} 的{name.zh} {rate}" + (f"高于后备版本 {fallback_arm}" if against
                                                          else f"超过上限 {percent(harm.limit)}"))  # fmt: skip
        en.append(f"the {name.en} of arm {harm.arm}, {rate_en}, is " + (f"worse than that of {fallback_arm}" if against
                                                                     else f"above {percent(harm.limit)}"))  # fmt: skip
    return Text(
        zh=f"提前检查发现危害，已暂停：{'；'.join(zh)}。",
        en=f"An early look found harm, so the plan is paused: {'; '.join(en)}.",
    )
