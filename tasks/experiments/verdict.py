"""Steps 7 to 9, the rules: from findings and numbers to the verdict, and from it to the arm that is sent on."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from tasks.experiments.comparison import ArmResult, Comparison
from tasks.experiments.guardrails import Guardrail, find_harm
from tasks.experiments.health import HealthFinding
from tasks.experiments.registration import Registration

Verdict = Literal[
    "INVALID", "STOP", "INCONCLUSIVE_NOT_ENOUGH_DATA", "WINNER", "INCONCLUSIVE_EQUIVALENT", "INCONCLUSIVE"
]
VerdictReason = Literal[
    "health",
    "guardrail",
    "below_minimum",
    "significant",
    "within_indifference_zone",
    "not_significant",
    "margin_not_higher",
    "margin_not_measured",
]
RollOutReason = Literal[
    "invalid_nothing_sent",
    "harm_nothing_sent",
    "fallback_after_harm",
    "winner",
    "cheaper",
    "fallback",
    "leader_unproven",
]

_FROZEN = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Progress(BaseModel):
    """How far the sample is towards the minimum: messages of the smallest arm, events of the best one."""

    model_config = _FROZEN

    smallest_sent: int
    needed_sent: int
    largest_events: int
    needed_events: int

    def is_enough(self) -> bool:
        """Whether both minimums are reached."""
        return self.smallest_sent >= self.needed_sent and self.largest_events >= self.needed_events

    def share(self) -> float:
        """The fraction of the way, 0 to 1, of whichever minimum is further off."""
        return min(1.0, self.smallest_sent / self.needed_sent, self.largest_events / self.needed_events)


class Outcome(BaseModel):
    """The verdict with its reason, and the winning arm if there is one."""

    model_config = _FROZEN

    verdict: Verdict
    reason: VerdictReason
    winner: str | None = None


class RollOut(BaseModel):
    """The arm that is sent on, and why; None means nothing leaves by itself and a person looks first.

    scope: `rest` = to the rest of this audience; `next_time` = a finding for the next campaign (`mode: full`).
    """

    model_config = _FROZEN

    arm: str | None
    reason: RollOutReason
    scope: Literal["rest", "next_time"]


def measure_progress(registration: Registration, results: tuple[ArmResult, ...]) -> Progress:
    """Step 7: the smallest arm and the most events against the registered minimums."""
    return Progress(
        smallest_sent=min(result.sent for result in results),
        needed_sent=registration.minimum_sent,
        largest_events=max(result.events for result in results),
        needed_events=registration.minimum_events,
    )


def reach_verdict(
    registration: Registration,
    health: tuple[HealthFinding, ...],
    guardrails: tuple[Guardrail, ...],
    progress: Progress,
    comparisons: tuple[Comparison, ...],
) -> Outcome:
    """Steps 5 to 9 in their order: the first that applies is the verdict."""
    if any(finding.is_invalidating for finding in health):
        return Outcome(verdict="INVALID", reason="health")
    if find_harm(guardrails):
        return Outcome(verdict="STOP", reason="guardrail")
    if not progress.is_enough():
        return Outcome(verdict="INCONCLUSIVE_NOT_ENOUGH_DATA", reason="below_minimum")
    winner = find_winner(registration, comparisons)
    if winner is not None:
        return Outcome(verdict="WINNER", reason="significant", winner=winner)
    if is_equivalent(registration, comparisons):
        return Outcome(verdict="INCONCLUSIVE_EQUIVALENT", reason="within_indifference_zone")
    return Outcome(verdict="INCONCLUSIVE", reason=_why_inconclusive(registration, comparisons))


def find_winner(registration: Registration, comparisons: tuple[Comparison, ...]) -> str | None:
    """Step 8: the best challenger proven better than the fallback, or the fallback if it beats every challenger.

    For offers the margin per message must be proven higher too: a discount nearly always lifts the rate.
    """
    proven = [c for c in comparisons if c.is_proven() and (registration.variable != "offer" or c.is_margin_agreed())]
    better = [c for c in proven if c.difference > 0]
    if better:
        return max(better, key=lambda c: c.difference).arm
    return registration.fallback_arm if comparisons and len(proven) == len(comparisons) else None


def is_equivalent(registration: Registration, comparisons: tuple[Comparison, ...]) -> bool:
    """Step 9: whether every difference is known to lie inside the registered indifference zone."""
    zone = registration.indifference_zone
    return zone is not None and bool(comparisons) and all(c.interval.lies_within(zone) for c in comparisons)


def choose_roll_out(
    registration: Registration,
    outcome: Outcome,
    results: tuple[ArmResult, ...],
    guardrails: tuple[Guardrail, ...],
    comparisons: tuple[Comparison, ...],
) -> RollOut:
    """The arm to send on under this verdict; anything unproven falls back to the incumbent or the cheaper arm."""
    arm, reason = _choose(registration, outcome, results, guardrails, comparisons)
    return RollOut(arm=arm, reason=reason, scope="rest" if registration.mode == "sample" else "next_time")


def _choose(
    registration: Registration,
    outcome: Outcome,
    results: tuple[ArmResult, ...],
    guardrails: tuple[Guardrail, ...],
    comparisons: tuple[Comparison, ...],
) -> tuple[str | None, RollOutReason]:
    fallback = registration.fallback_arm
    if outcome.verdict == "INVALID":
        return None, "invalid_nothing_sent"
    if outcome.verdict == "STOP":
        is_fallback_harmful = any(guardrail.arm == fallback for guardrail in find_harm(guardrails))
        return (None, "harm_nothing_sent") if is_fallback_harmful else (fallback, "fallback_after_harm")
    if outcome.winner is not None:
        return outcome.winner, "winner"
    leader = find_leader(registration, results, comparisons)
    if leader != fallback:
        return leader, "leader_unproven"
    cheapest = min(registration.arm_names, key=lambda name: (registration.cost_of(name), name != fallback))
    if outcome.verdict == "INCONCLUSIVE_EQUIVALENT" and cheapest != fallback:
        return cheapest, "cheaper"
    return fallback, "fallback"


def find_leader(registration: Registration, results: tuple[ArmResult, ...], comparisons: tuple[Comparison, ...]) -> str:
    """The arm sent on unproven: the leader if that was pre-registered and all cost the same, else the fallback.

    For offers a challenger whose observed margin is unknown or below the fallback's does not lead.
    """
    fallback = registration.fallback_arm
    if not registration.send_leader_unproven or len({arm.cost_cny for arm in registration.arms}) > 1:
        return fallback
    poorer = {c.arm for c in comparisons if c.margin is None or c.margin.difference < 0}
    if registration.variable != "offer":
        poorer = set()
    rates = {result.arm: result.rate or 0.0 for result in results if result.arm not in poorer}
    return max(rates, key=lambda name: (rates[name], name == fallback))


def _why_inconclusive(registration: Registration, comparisons: tuple[Comparison, ...]) -> VerdictReason:
    blocked = find_blocked(registration, comparisons)
    if not blocked:
        return "not_significant"
    return "margin_not_measured" if any(c.margin is None for c in blocked) else "margin_not_higher"


def find_blocked(registration: Registration, comparisons: tuple[Comparison, ...]) -> tuple[Comparison, ...]:
    """The comparisons of offers whose rates differ for certain, while the margin does not say the same."""
    if registration.variable != "offer":
        return ()
    return tuple(c for c in comparisons if c.is_proven() and not c.is_margin_agreed())
