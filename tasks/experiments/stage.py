"""The door of the experiments room: the sample before sending, looks for harm, the decision, the roll-out after it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from chuda.clock import to_us
from chuda.errors import Refused, UsageError
from chuda.results import StageResult
from chuda.stores.ledger.releases import Control, find_control, set_control
from chuda.stores.marts import open_marts
from chuda.workspace import Workspace, open_workspace
from tasks.channels.plan_routing import routing_of_plan
from tasks.experiments.advancing import advance, open_rollout
from tasks.experiments.assignment import AssignmentSpec, assign
from tasks.experiments.counting import CountRequest, count_arms
from tasks.experiments.decision import Decision
from tasks.experiments.early import describe_early_harm, find_early_harm
from tasks.experiments.record import (
    check_fresh,
    create_experiment_tables,
    decide_on_marts,
    decision_due,
    ensure_tables,
    find_decision,
    find_registration,
    planned_by_arm,
    record_decision,
)
from tasks.experiments.registration import Registration
from tasks.experiments.running import RunningPlan, check_exclusion, claim_of, find_running, holdout_in_force
from tasks.planning.briefing import Briefing, read_briefing
from tasks.planning.plan import create_plan_tables
from tasks.stage import Stage, open_stage, stage_task


@stage_task("draw sample")
def draw_sample(campaign_file: str) -> StageResult:
    """Hold out, stratify, sample and deal into arms; the same people always, for the same campaign.

    The holdouts that other campaigns have in force are held out of this one too.

    Raises:
        UsageError: people of the sample are in another running test of its layer.
    """
    with open_workspace() as workspace:
        briefing = read_briefing(workspace.settings, Path(campaign_file), workspace.clock.now())
    with open_stage(briefing.draft_id) as stage:
        connection = stage.connection
        create_plan_tables(connection)
        create_experiment_tables(connection)
        connection.execute(
            "CREATE OR REPLACE TABLE audience_eligible AS SELECT token, segment, province FROM audience_candidate c "
            "WHERE NOT EXISTS (SELECT 1 FROM audience_excluded x WHERE x.token = c.token)"
        )
        running = _find_running(stage, briefing)
        summary = assign(connection, _spec(briefing, running))
        connection.execute("CREATE OR REPLACE TABLE audience_dealt AS SELECT * FROM audience_assigned")
        connection.execute("DROP TABLE audience_assigned")
        connection.execute("ALTER TABLE audience_dealt RENAME TO audience_assigned")
        connection.execute(
            "INSERT INTO audience_excluded SELECT token, 'holdout' FROM audience_assigned WHERE role = 'holdout'"
        )
        _check_exclusion(connection, briefing, running)
        details = {f"arm {arm}": str(people) for arm, people in summary.by_arm}
        rejected = {"holdout": summary.holdout} if summary.holdout else {}
        kept = summary.eligible - summary.holdout
        return StageResult("sampling", "audience_assigned", summary.eligible, kept, rejected, details=details)


def _find_running(stage: Stage, briefing: Briefing) -> list[RunningPlan]:
    if briefing.campaign.type != "marketing":
        return []
    with stage.workspace.ledger.read() as ledger:
        return find_running(stage.connection, ledger, briefing.campaign.id, briefing.occurrence, stage.now)


def _span(briefing: Briefing) -> tuple[datetime, datetime]:
    openings = briefing.timing.openings.values()
    return min(o.opens_at for o in openings), max(o.expires_at for o in openings)


def _spec(briefing: Briefing, running: list[RunningPlan]) -> AssignmentSpec:
    in_force = holdout_in_force(running, *_span(briefing))
    if briefing.registration is not None:
        return AssignmentSpec.for_experiment(briefing.registration, in_force)
    return AssignmentSpec(
        sample_salt="none:s", arm_salt="none:a", holdout_fraction=in_force, sample_fraction=0, arms=(), mode="sample"
    )


def _check_exclusion(connection: Any, briefing: Briefing, running: list[RunningPlan]) -> None:
    if briefing.registration is not None:
        opens_at, closes_at = _span(briefing)
        ends_at = briefing.registration.due_at(closes_at)
        check_exclusion(connection, claim_of(briefing.registration, "", opens_at, ends_at), running)


@stage_task("decide experiment")
def decide_experiment(plan_id: str) -> StageResult:
    """Decide once, after the window; a decision that was taken stands. `details["arm"]` is what is rolled out.

    Raises:
        UsageError: the plan tests nothing, nothing was sent, or the marts are older than the window's end.
        Refused: the window is still open.
    """
    with open_stage() as stage:
        connection = stage.connection
        ensure_tables(connection)
        decision = find_decision(connection, plan_id)
        registration = find_registration(connection, plan_id)
        if registration is None:
            raise UsageError(f"plan {plan_id} has no experiment to decide")
        if decision is None:
            decision = _decide(stage, plan_id, registration)
            record_decision(connection, plan_id, decision, stage.now)
        details = {
            "verdict": decision.verdict, "arm": decision.roll_out.arm or "",
            "zh": decision.explanation.zh, "en": decision.explanation.en,
        }  # fmt: skip
        arms = len(registration.arm_names)
        return StageResult("decision", "experiment_decision", arms, arms, details=details)


def _decide(stage: Stage, plan_id: str, registration: Registration) -> Decision:
    due_at = decision_due(stage.connection, plan_id, stage.now)
    if due_at is None:
        raise UsageError(f"plan {plan_id}: nothing of a sample has been sent; there is nothing to decide")
    if stage.now < due_at:
        raise Refused(
            f"plan {plan_id}: the window and the receipts are open until {due_at:%Y-%m-%d %H:%M}; decided once, then. "
            "Looking early is allowed for harm only"
        )
    with closing(open_marts(stage.workspace.settings.marts_file)) as marts:
        check_fresh(marts, due_at)
        return decide_on_marts(marts, registration, plan_id, planned_by_arm(stage.connection, plan_id), stage.now)


@stage_task("carry on roll-out")
def roll_out(plan_id: str) -> StageResult:
    """Carry the roll-out of a decided experiment on as far as it can go now; safe to repeat at any time.

    `details`: action (wait or done), waits_for (approval of the wave that was planned, sending, watching), until (when
    to ask again), outcome (how it ended), and the sentence about it in zh and en.

    Raises:
        UsageError: the experiment is not decided, or the marts are older than what has to be judged.
    """
    with open_stage() as stage:
        ensure_tables(stage.connection)
        with closing(open_marts(stage.workspace.settings.marts_file)) as marts:
            opened = open_rollout(stage.connection, stage.workspace.ledger, marts, plan_id, stage.now)
            routing = routing_of_plan(stage.connection, plan_id, stage.workspace.settings, stage.now)
            step = advance(replace(opened, routing=routing))
        people = stage.connection.execute(
            "SELECT coalesce(sum(people), 0)::bigint FROM rollout_wave WHERE plan_id = ?", [plan_id]
        ).fetchone()[0]
        rest = stage.connection.execute(
            "SELECT count(*) FROM plan_message WHERE plan_id = ? AND wave = 'rollout'", [plan_id]
        ).fetchone()[0]
        details = {
            "action": step.action, "wave": str(step.wave), "outcome": step.outcome or "",
            "waits_for": step.waits_for or "",
            "until": step.until.isoformat() if step.until else "", "zh": step.text.zh, "en": step.text.en,
        }  # fmt: skip
        return StageResult("rollout", "plan_message", rest, people, details=details)


@stage_task("look for harm")
def look_for_harm(plan_id: str) -> StageResult:
    """Look at a running experiment for harm only, and pause the plan if there is; as often as one likes.

    The bounds hold for any number of looks. Harm is recorded once: whoever resumes the plan has decided to go on.

    Raises:
        UsageError: the plan tests nothing.
    """
    with open_stage() as stage:
        ensure_tables(stage.connection)
        registration = find_registration(stage.connection, plan_id)
        if registration is None:
            raise UsageError(f"plan {plan_id} has no experiment to look at")
        planned = planned_by_arm(stage.connection, plan_id)
        asked = {name: planned.get(name, 0) for name in registration.arm_names}
        with closing(open_marts(stage.workspace.settings.marts_file)) as marts:
            arms = count_arms(marts, [CountRequest(plan_id, registration, asked)], stage.now)[plan_id]
        found = find_early_harm(registration, arms)
        details = {"harm": str(len(found))}
        if found:
            text = describe_early_harm(found, registration.fallback_arm)
            record = "[" + ", ".join(harm.model_dump_json() for harm in found) + "]"
            details |= {"zh": text.zh, "en": text.en}
            _keep_harm(stage, plan_id, (text.zh, text.en, record))
        sent = sum(arm.sent for arm in arms)
        return StageResult("harm", "experiment_harm", sent, sent, verdict="failed" if found else "passed",
                           details=details)  # fmt: skip


def _keep_harm(stage: Stage, plan_id: str, found: tuple[str, str, str]) -> None:
    known = stage.connection.execute("SELECT 1 FROM experiment_harm WHERE plan_id = ?", [plan_id]).fetchone()
    if known is not None:
        return
    pause_plan(stage.workspace, plan_id, found[0])
    stage.connection.execute("INSERT INTO experiment_harm VALUES (?, ?, ?, ?, ?)", [plan_id, *found, stage.now])


def pause_plan(workspace: Workspace, plan_id: str, reason: str) -> bool:
    """Pause a plan that runs; returns whether it did."""
    with workspace.ledger.write() as ledger:
        control = find_control(ledger, plan_id)
        if control is None or control.state != "running":
            return False
        set_control(ledger, plan_id, Control("paused", reason, "chuda"), to_us(workspace.clock.now()))
        return True
