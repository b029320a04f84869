"""Step 5: can the numbers be trusted at all? Whatever is found here makes the experiment INVALID, or warns."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from tasks.experiments.evidence import ArmStats
from tasks.experiments.significance import p_worse, sample_ratio_p

HealthCode = Literal[
    "assigned_differs",
    "arm_not_sent",
    "arm_stopped_early",
    "arm_without_receipts",
    "receipts_missing",
    "sample_ratio_sent",
    "sample_ratio_delivered",
    "cross_exposure",
]

INVALID_BELOW_P = 0.001
WARN_BELOW_P = 0.01
CROSS_EXPOSURE_LIMIT = 0.01
STOPPED_BELOW_SHARE = 0.9


class HealthFinding(BaseModel):
    """One finding: `value` was seen where `expected` is the plan or the limit; `arm` is None if it concerns all."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    code: HealthCode
    is_invalidating: bool
    arm: str | None
    value: float
    expected: float


def check_health(arms: tuple[ArmStats, ...]) -> tuple[HealthFinding, ...]:
    """All findings, the invalidating ones and the warnings, in a fixed order of checks and arms."""
    per_arm = [finding for arm in arms for finding in _check_arm(arm)]
    return tuple(per_arm + _check_stopped(arms) + _check_sample_ratios(arms))


def _check_arm(arm: ArmStats) -> list[HealthFinding]:
    findings = []
    if arm.assigned != arm.planned:
        findings.append(_invalid("assigned_differs", arm.arm, arm.assigned, arm.planned))
    if arm.sent == 0:
        return [*findings, _invalid("arm_not_sent", arm.arm, 0, arm.assigned)]
    if arm.delivered + arm.undelivered == 0:
        findings.append(_invalid("arm_without_receipts", arm.arm, 0, arm.sent))
    elif arm.receipts_missing > 0:
        findings.append(_invalid("receipts_missing", arm.arm, arm.receipts_missing, 0))
    exposed = arm.cross_exposed / arm.sent
    if exposed >= CROSS_EXPOSURE_LIMIT:
        findings.append(_invalid("cross_exposure", arm.arm, exposed, CROSS_EXPOSURE_LIMIT))
    return findings


def _check_stopped(arms: tuple[ArmStats, ...]) -> list[HealthFinding]:
    """Name an arm that was paused half-way: far less of it was sent than of another, and not by chance."""
    started = [arm for arm in arms if arm.sent > 0]
    if not started:
        return []
    furthest = max(started, key=_share_sent)
    return [
        _invalid("arm_stopped_early", arm.arm, _share_sent(arm), _share_sent(furthest))
        for arm in started
        if _share_sent(arm) < STOPPED_BELOW_SHARE * _share_sent(furthest) and _p_unsent(arm, furthest) < INVALID_BELOW_P
    ]


def _share_sent(arm: ArmStats) -> float:
    return arm.sent / arm.assigned


def _p_unsent(arm: ArmStats, furthest: ArmStats) -> float:
    return float(p_worse(arm.assigned - arm.sent, arm.assigned, furthest.assigned - furthest.sent, furthest.assigned))


def _check_sample_ratios(arms: tuple[ArmStats, ...]) -> list[HealthFinding]:
    planned = [arm.planned for arm in arms]
    checks: list[tuple[HealthCode, list[int]]] = [
        ("sample_ratio_sent", [arm.sent for arm in arms]),
        ("sample_ratio_delivered", [arm.delivered for arm in arms]),
    ]
    findings = []
    for code, observed in checks:
        p = sample_ratio_p(observed, planned)
        if p is not None and p < WARN_BELOW_P:
            is_invalidating = p < INVALID_BELOW_P
            limit = INVALID_BELOW_P if is_invalidating else WARN_BELOW_P
            findings.append(
                HealthFinding(code=code, is_invalidating=is_invalidating, arm=None, value=p, expected=limit)
            )
    return findings


def _invalid(code: HealthCode, arm: str, value: float, expected: float) -> HealthFinding:
    return HealthFinding(code=code, is_invalidating=True, arm=arm, value=value, expected=expected)
