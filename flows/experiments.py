"""Experiments that decide themselves and roll the winner out: flows that come back when there is something to do."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefect import flow

from chuda.errors import ChudaError, UsageError
from chuda.workspace import open_workspace
from flows.following import approver_of, carry_on, come_back, is_decided, when_due
from flows.progress import Progress, current_progress
from tasks.experiments import stage
from tasks.experiments.record import ensure_tables, find_open
from tasks.feedback.stage import collect_feedback
from tasks.kpi.stage import refresh_kpis


@flow(name="decide-experiment", persist_result=False)
def decide_experiment(plan_id: str) -> str:
    """Decide an experiment when its window is over, once, and begin the roll-out; before, come back by itself then.

    A run that comes too early looks for harm only, and pauses the plan if there is.

    Args:
        plan_id: a plan with an experiment that was sent.

    Returns:
        The verdict, or when it is due.
    """
    return _follow(plan_id, current_progress())


@flow(name="roll-out-winner", persist_result=False)
def roll_out_winner(plan_id: str, approved_by: str | None = None) -> str:
    """Carry the roll-out of a decided experiment on: the next wave, the look between two waves, the end.

    It comes back by itself when the next thing is due. Safe to repeat: every wave is planned and sent once.

    Args:
        plan_id: a plan whose experiment is decided.
        approved_by: who approves on a simulator channel; by default whoever approved the sample. Waves on a real
            channel wait for `chuda approve`.

    Returns:
        When it goes on, or that it is over.
    """
    progress = current_progress()
    _count(progress)
    return _roll_out(plan_id, approved_by, progress)


@flow(name="experiments", persist_result=False)
def follow_experiments() -> list[str]:
    """Whatever is due of any experiment: looks for harm, decisions, waves. What a lost run missed is made good here.

    One plan that cannot go on does not stop the others; the flow fails at its end and names them all.

    Returns:
        `plan: what was done or is waited for`.
    """
    progress = current_progress()
    with open_workspace() as workspace:
        with workspace.warehouse.write() as connection:
            ensure_tables(connection)
            plans = find_open(connection)
    if plans:
        _count(progress)
    told, problems = [], []
    for plan_id in plans:
        try:
            told.append(f"{plan_id}: {_follow(plan_id, progress, is_counted=True)}")
        except ChudaError as error:
            problems.append(f"{plan_id}: {error}")
    if problems:
        raise UsageError(f"some experiments cannot go on: {'; '.join(problems)}. Done: {'; '.join(told) or 'nothing'}")
    return told


def _follow(plan_id: str, progress: Progress, is_counted: bool = False) -> str:
    if not is_decided(plan_id):
        due_at = when_due(plan_id)
        if due_at is None:
            raise UsageError(f"plan {plan_id} has no experiment, or nothing of it has been sent")
        if not is_counted:
            _count(progress)
        if _now() < due_at:
            return _look(plan_id, due_at, progress)
        progress.run(lambda: stage.decide_experiment(plan_id))
        return _roll_out(plan_id, None, progress)
    if not is_counted:
        _count(progress)
    return _roll_out(plan_id, None, progress)


def _look(plan_id: str, due_at: datetime, progress: Progress) -> str:
    looked = progress.run(lambda: stage.look_for_harm(plan_id))
    come_back("decide-experiment", plan_id, due_at)
    return looked.details.get("en", f"decided at {due_at:%Y-%m-%d %H:%M}")


def _roll_out(plan_id: str, approved_by: str | None, progress: Progress) -> str:
    until = carry_on(plan_id, approved_by or approver_of(plan_id), False, progress)
    # What was sent meanwhile belongs into the marts before anybody reads them.
    progress.run(refresh_kpis)
    if until is None:
        return "the roll-out is over"
    come_back("roll-out-winner", plan_id, until)
    return f"goes on at {until:%Y-%m-%d %H:%M}"


def _count(progress: Progress) -> Any:
    progress.run(collect_feedback)
    return progress.run(refresh_kpis)


def _now() -> datetime:
    with open_workspace() as workspace:
        return workspace.clock.now()
