"""What happens to a plan after its sample has left: when its decision is due, its waves, and runs that come back."""

from __future__ import annotations

from datetime import datetime

from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound

from chuda.stores.ledger.rollouts import simulator_approver
from chuda.workspace import open_workspace
from flows.progress import Progress
from tasks.dispatch.stage import approve_plan, dispatch
from tasks.experiments.record import decision_due, ensure_tables, find_decision
from tasks.experiments.stage import roll_out


def when_due(plan_id: str) -> datetime | None:
    """When a plan's experiment is decided; None if it tests nothing or nothing of it has left."""
    with open_workspace() as workspace, workspace.warehouse.write() as connection:
        ensure_tables(connection)
        return decision_due(connection, plan_id, workspace.clock.now())


def is_decided(plan_id: str) -> bool:
    """Whether a plan's experiment is decided."""
    with open_workspace() as workspace, workspace.warehouse.write() as connection:
        ensure_tables(connection)
        return find_decision(connection, plan_id) is not None


def carry_on(plan_id: str, approved_by: str | None, wait: bool, progress: Progress) -> datetime | None:
    """Carry a decided plan's roll-out on as far as it goes now, sending what may be sent.

    Args:
        plan_id: the plan.
        approved_by: who approves its waves (simulator channels); None leaves them to `chuda approve`.
        wait: wait for windows and slots instead of stopping at them.
        progress: whom to tell.

    Returns:
        When to come back, None when the roll-out is over.
    """
    tried: set[tuple[str, str]] = set()
    while True:
        details = progress.run(lambda: roll_out(plan_id)).details
        if details["action"] == "done":
            return None
        state = (details["waits_for"], details["wave"])
        is_stuck = state in tried or details["waits_for"] == "watching"
        if is_stuck or (details["waits_for"] == "approval" and approved_by is None):
            return datetime.fromisoformat(details["until"])
        tried.add(state)
        if details["waits_for"] == "approval":
            progress.run(lambda: approve_plan(plan_id, str(approved_by)))
        progress.run(lambda: dispatch(plan_id, wait))


def approver_of(plan_id: str) -> str | None:
    """Who said yes to a plan on a simulator channel, which is enough for its waves too; None on real channels."""
    with open_workspace() as workspace, workspace.ledger.read() as connection:
        return simulator_approver(connection, plan_id)


def expect_decision(plan_id: str) -> bool:
    """Have the decision of a plan that was sent taken by itself when it is due; returns whether a run was scheduled."""
    due_at = when_due(plan_id)
    return due_at is not None and not is_decided(plan_id) and come_back("decide-experiment", plan_id, due_at)


def come_back(flow_name: str, plan_id: str, at: datetime) -> bool:
    """Schedule one run of a deployed flow for a plan; the same moment is scheduled once.

    Without a deployment (a run from the shell), or where time is not the real one, nothing is scheduled: the hourly
    `experiments` deployment, or whoever repeats the command, goes on.

    Returns:
        Whether a run was scheduled.
    """
    with open_workspace() as workspace:
        if workspace.clock.kind != "real":
            return False
    try:
        run_deployment(
            f"{flow_name}/{flow_name}", parameters={"plan_id": plan_id}, scheduled_time=at, timeout=0,
            as_subflow=False, idempotency_key=f"{flow_name}:{plan_id}:{at.isoformat(timespec='minutes')}",
        )  # fmt: skip
    except ObjectNotFound:
        return False
    return True
