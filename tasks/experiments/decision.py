"""The one decision of an experiment: the registered row and one row per arm in, a replayable record out.

`decide` follows the steps of docs/statistics.md in order; each step lives in its own module. The record carries its
own input, so that it can be decided again and compared (`replay`), and changes that came too late can be shown
beside it (`find_late_changes`) instead of being folded in.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict

from chuda.errors import UsageError
from tasks.experiments.comparison import ArmResult, Comparison, compare_arms, find_unbeaten, measure_arms
from tasks.experiments.evidence import ArmStats, match_arms
from tasks.experiments.guardrails import Guardrail, check_guardrails
from tasks.experiments.health import HealthFinding, check_health
from tasks.experiments.registration import Registration
from tasks.experiments.verdict import (
    Outcome,
    Progress,
    RollOut,
    Verdict,
    VerdictReason,
    choose_roll_out,
    measure_progress,
    reach_verdict,
)
from tasks.experiments.wording import Text, describe_roll_out, explain

__all__ = ["ArmStats", "Decision", "LateChange", "Registration", "Verdict", "decide", "find_late_changes", "replay"]

METHOD: Literal["2026-11"] = "2026-11"


class Decision(BaseModel):
    """The decision record: input, every number used, verdict, the arm sent on, and the sentences about it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    method: Literal["2026-11"] = METHOD
    registration: Registration
    arms: tuple[ArmStats, ...]
    verdict: Verdict
    reason: VerdictReason
    winner: str | None
    roll_out: RollOut
    health: tuple[HealthFinding, ...]
    guardrails: tuple[Guardrail, ...]
    progress: Progress
    results: tuple[ArmResult, ...]
    comparisons: tuple[Comparison, ...]
    unbeaten: tuple[str, ...]
    explanation: Text
    next_step: Text

    def to_json(self) -> str:
        """The record as JSON; `Decision.from_json` gives back an equal one."""
        return self.model_dump_json()

    @classmethod
    def from_json(cls, text: str) -> Decision:
        """The record from its JSON."""
        return cls.model_validate_json(text)


class LateChange(BaseModel):
    """A count of an arm that is no longer what the decision was taken on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    arm: str
    field: str
    decided_on: str
    now: str


def decide(registration: Registration, arms: Iterable[ArmStats]) -> Decision:
    """Decide once, on counts taken at `registration.due_at`; the same input in any order gives the same record.

    Raises UsageError if the arms are not the registered ones or the primary metric was not measured.
    """
    ordered = match_arms(registration, tuple(arms))
    results = measure_arms(registration, ordered)
    health = check_health(ordered)
    guardrails = check_guardrails(ordered, registration.fallback_arm, registration.guardrails)
    progress = measure_progress(registration, results)
    comparisons = compare_arms(registration, ordered)
    outcome = reach_verdict(registration, health, guardrails, progress, comparisons)
    unbeaten = _find_unbeaten(registration, ordered, outcome)
    roll_out = choose_roll_out(registration, outcome, results, guardrails, comparisons)
    return Decision(
        registration=registration,
        arms=ordered,
        verdict=outcome.verdict,
        reason=outcome.reason,
        winner=outcome.winner,
        roll_out=roll_out,
        health=health,
        guardrails=guardrails,
        progress=progress,
        results=results,
        comparisons=comparisons,
        unbeaten=unbeaten,
        explanation=explain(registration, outcome, health, guardrails, progress, results, comparisons, unbeaten),
        next_step=describe_roll_out(roll_out),
    )


def replay(text: str) -> Decision:
    """Decide again from a recorded decision's own input; raises UsageError if the record does not follow from it."""
    recorded = Decision.from_json(text)
    decided = decide(recorded.registration, recorded.arms)
    before, after = recorded.model_dump(), decided.model_dump()
    differing = [name for name in before if not _agrees(before[name], after[name])]
    if differing:
        raise UsageError(
            f"the decision record of {recorded.registration.experiment_id} does not follow from its own counts "
            f"({', '.join(differing)} differ): it was changed, or decided by another version of the method."
        )
    return decided


def find_late_changes(decision: Decision, arms: Iterable[ArmStats]) -> tuple[LateChange, ...]:
    """What has changed since the decision (late receipts, late orders), count by count; the decision stands."""
    now = match_arms(decision.registration, tuple(arms))
    return tuple(
        LateChange(arm=before.arm, field=name, decided_on=str(getattr(before, name)), now=str(getattr(after, name)))
        for before, after in zip(decision.arms, now, strict=True)
        for name in ArmStats.model_fields
        if getattr(before, name) != getattr(after, name)
    )


def _agrees(a: object, b: object) -> bool:
    """Equality, but for the last digits of floats: they may differ between builds of the numeric libraries."""
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_agrees(a[key], b[key]) for key in a)
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(_agrees(left, right) for left, right in zip(a, b, strict=True))
    return a == b


def _find_unbeaten(registration: Registration, arms: tuple[ArmStats, ...], outcome: Outcome) -> tuple[str, ...]:
    if outcome.winner is None or outcome.winner == registration.fallback_arm:
        return ()
    return find_unbeaten(registration, arms, outcome.winner)
