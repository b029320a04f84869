"""What other campaigns forbid the one that is being planned: tests of the same people, and holdouts in force.

A plan counts from the moment it is made until it is cancelled; one that nobody approved counts until its time is over
or its campaign is planned anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chuda.stores.ledger import Connection as LedgerConnection
from chuda.stores.ledger.releases import find_control
from tasks.experiments.layers import LayerClaim, check_layer
from tasks.experiments.registration import Registration

_PLANS = """
SELECT p.plan_id, p.registration, p.opens_at, p.closes_at, p.attribution_days, d.decided_at,
       (SELECT max(r.expires_at) FROM plan_release r WHERE r.plan_id = p.plan_id) AS last_expires_at,
       EXISTS (SELECT 1 FROM plan_made n WHERE n.campaign_id = p.campaign_id AND n.occurrence = p.occurrence
               AND n.created_at > p.created_at) AS is_superseded
FROM plan_made p
LEFT JOIN (SELECT plan_id, min(decided_at) AS decided_at FROM experiment_decision GROUP BY plan_id) d
    ON d.plan_id = p.plan_id
WHERE p.registration IS NOT NULL AND NOT (p.campaign_id = $campaign AND p.occurrence = $occurrence)
    AND p.closes_at > $since
ORDER BY p.plan_id
"""
_SHARED = """
SELECT count(*) FROM audience_assigned mine JOIN plan_message theirs ON theirs.token = mine.token
WHERE mine.role = 'sample' AND theirs.plan_id = $plan AND theirs.wave <> 'rollout'
"""
# Further back nothing is of any force: the longest attribution is 90 days, a roll-out by slot takes weeks.
_LONGEST = timedelta(days=180)


@dataclass(frozen=True, slots=True)
class RunningPlan:
    """A plan of another campaign with its registered experiment and the times that bind."""

    plan_id: str
    registration: Registration
    opens_at: datetime
    closes_at: datetime
    attribution_days: int
    decided_at: datetime | None
    last_expires_at: datetime | None
    is_superseded: bool

    def claim(self) -> LayerClaim:
        """What it holds of its layer: from its first message until its window is over or it is decided."""
        ends_at = self.decided_at or self.closes_at + timedelta(hours=self.registration.window_hours)
        return claim_of(self.registration, self.plan_id, self.opens_at, max(ends_at, self.closes_at))

    def holdout_ends_at(self) -> datetime:
        """Until when its holdout must not be messaged: its last message may still be credited with an order."""
        last = max(self.closes_at, self.last_expires_at or self.closes_at)
        return last + timedelta(days=self.attribution_days)


def claim_of(registration: Registration, plan_id: str, starts_at: datetime, ends_at: datetime) -> LayerClaim:
    """What a registered experiment holds of its layer during [starts_at, ends_at)."""
    return LayerClaim(
        experiment_id=registration.experiment_id, plan_id=plan_id, layer=registration.layer,
        low=registration.layer_low, high=registration.layer_high, starts_at=starts_at, ends_at=ends_at,
    )  # fmt: skip


def find_running(
    connection: Any, ledger: LedgerConnection, campaign_id: str, occurrence: str, now: datetime
) -> list[RunningPlan]:
    """The plans with an experiment of all other campaigns (and occurrences) that are of force."""
    rows = connection.execute(
        _PLANS, {"campaign": campaign_id, "occurrence": occurrence, "since": now - _LONGEST}
    ).fetchall()
    plans = [RunningPlan(row[0], Registration.model_validate_json(row[1]), *row[2:]) for row in rows]
    return [plan for plan in plans if _is_alive(ledger, plan, now)]


def _is_alive(ledger: LedgerConnection, plan: RunningPlan, now: datetime) -> bool:
    control = find_control(ledger, plan.plan_id)
    if control is None:
        # Nobody approved it: once its time is over nobody can, and a newer plan is there to be approved instead.
        return plan.closes_at > now and not plan.is_superseded
    return control.state != "cancelled"


def holdout_in_force(plans: Iterable[RunningPlan], opens_at: datetime, closes_at: datetime) -> float:
    """The largest share (fraction) that others hold out at any moment of [opens_at, closes_at).

    The holdout is one for all campaigns: its buckets come from one salt, so that the larger share holds the smaller.
    """
    shares = [
        plan.registration.holdout_fraction
        for plan in plans
        if plan.opens_at < closes_at and opens_at < plan.holdout_ends_at()
    ]
    return max(shares, default=0.0)


def check_exclusion(connection: Any, claim: LayerClaim, plans: Sequence[RunningPlan]) -> None:
    """Refuse a sample (`audience_assigned` of the draft) that holds people of another running test of its layer.

    Raises:
        UsageError: with the other test, how many people are in both, and what to do.
    """

    def count_shared(other: LayerClaim) -> int:
        return int(connection.execute(_SHARED, {"plan": other.plan_id}).fetchone()[0])

    check_layer(claim, [plan.claim() for plan in plans], count_shared)
