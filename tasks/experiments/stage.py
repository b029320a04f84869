"""The door of the experiments room: drawing the sample before sending, deciding after the window."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from chuda.errors import Refused, UsageError
from chuda.results import StageResult
from chuda.stores.marts import open_marts
from chuda.workspace import open_workspace
from tasks.channels.plan_routing import routing_of_plan
from tasks.experiments.assignment import AssignmentSpec, assign
from tasks.experiments.record import (
    decide_on_marts,
    decision_due,
    find_decision,
    find_registration,
    planned_by_arm,
    record_decision,
)
from tasks.planning.briefing import Briefing, read_briefing
from tasks.planning.rollout import plan_rollout
from tasks.stage import open_stage, stage_task


@stage_task("draw sample")
def draw_sample(campaign_file: str) -> StageResult:
    """Hold out, stratify, sample and deal into arms; the same people always, for the same campaign."""
    with open_workspace() as workspace:
        briefing = read_briefing(workspace.settings, Path(campaign_file), workspace.clock.now())
    with open_stage(briefing.draft_id) as stage:
        connection = stage.connection
        connection.execute(
            "CREATE OR REPLACE TABLE audience_eligible AS SELECT token, segment, province FROM audience_candidate c "
            "WHERE NOT EXISTS (SELECT 1 FROM audience_excluded x WHERE x.token = c.token)"
        )
        summary = assign(connection, _spec(briefing))
        connection.execute("CREATE OR REPLACE TABLE audience_dealt AS SELECT * FROM audience_assigned")
        connection.execute("DROP TABLE audience_assigned")
        connection.execute("ALTER TABLE audience_dealt RENAME TO audience_assigned")
        connection.execute(
            "INSERT INTO audience_excluded SELECT token, 'holdout' FROM audience_assigned WHERE role = 'holdout'"
        )
        details = {f"arm {arm}": str(people) for arm, people in summary.by_arm}
        rejected = {"holdout": summary.holdout} if summary.holdout else {}
        kept = summary.eligible - summary.holdout
        return StageResult("sampling", "audience_assigned", summary.eligible, kept, rejected, details=details)


@stage_task("decide experiment")
def decide_experiment(plan_id: str) -> StageResult:
    """Decide once, after the window; a decision that was taken stands. `details["arm"]` is what is rolled out.

    Raises:
        UsageError: the plan tests nothing, nothing was sent, or the window is still open.
    """
    with open_stage() as stage:
        connection = stage.connection
        decision = find_decision(connection, plan_id)
        registration = find_registration(connection, plan_id)
        if registration is None:
            raise UsageError(f"plan {plan_id} has no experiment to decide")
        if decision is None:
            _check_due(connection, plan_id, stage.now)
            planned = planned_by_arm(connection, plan_id)
            with closing(open_marts(stage.workspace.settings.marts_file)) as marts:
                decision = decide_on_marts(marts, registration, plan_id, planned, stage.now)
            record_decision(connection, plan_id, decision, stage.now)
        details = {
            "verdict": decision.verdict, "arm": decision.roll_out.arm or "",
            "zh": decision.explanation.zh, "en": decision.explanation.en,
        }  # fmt: skip
        arms = len(registration.arm_names)
        return StageResult("decision", "experiment_decision", arms, arms, details=details)


def _check_due(connection: Any, plan_id: str, now: datetime) -> None:
    due_at = decision_due(connection, plan_id)
    if due_at is None:
        raise UsageError(f"plan {plan_id}: nothing of a sample has been sent; there is nothing to decide")
    if now < due_at:
        raise Refused(
            f"plan {plan_id}: the window and the receipts are open until {due_at:%Y-%m-%d %H:%M}; decided once, then. "
            "Looking early is allowed for harm only"
        )


@stage_task("plan roll-out")
def roll_out(plan_id: str, arm: str) -> StageResult:
    """Add the roll-out's releases to the plan: everybody outside the sample gets the decided arm."""
    with open_stage() as stage:
        routing = routing_of_plan(stage.connection, plan_id, stage.workspace.settings, stage.now)
        messages = plan_rollout(stage.connection, plan_id, arm, stage.now, routing)
        return StageResult("rollout", "plan_message", messages, messages, details={"arm": arm})


def _spec(briefing: Briefing) -> AssignmentSpec:
    if briefing.registration is not None:
        return AssignmentSpec.for_experiment(briefing.registration)
    return AssignmentSpec(
        sample_salt="none:s", arm_salt="none:a", holdout_fraction=0, sample_fraction=0, arms=(), mode="sample"
    )
