"""What the schedules run: the night's preparation, and dispatch in the slots."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prefect import flow

from chuda.clock import to_us
from chuda.errors import ChudaError, ProviderTrouble, UsageError
from chuda.results import StageResult
from chuda.stores.ledger.releases import due_plans
from chuda.workspace import open_workspace
from flows.campaign import build_plan
from flows.following import expect_decision
from flows.progress import Progress, current_progress
from tasks.contacts.inbox import find_changed_files
from tasks.contacts.stage import import_contacts, import_do_not_contact, import_events, import_orders
from tasks.dispatch.stage import dispatch, watch_approvals
from tasks.feedback.stage import collect_feedback
from tasks.kpi.stage import refresh_kpis, tell_alerts
from tasks.planning.due import NobodyDue, find_due_campaigns
from tasks.planning.schedule import SlotsOver
from tasks.planning.stage import cover_occurrence
from tasks.segments.stage import refresh_all_segments

# What restricts comes first: a do-not-contact list is in force before anything is planned.
_IMPORTS: Mapping[str, Callable[[str], StageResult]] = {
    "do_not_contact": import_do_not_contact,
    # A full export every night costs what changed in it.
    "contacts": lambda path: import_contacts(path, changed_only=True),
    "orders": import_orders,
    "events": import_events,
}


@flow(name="nightly", persist_result=False)
def nightly() -> list[str]:
    """Changed files in, segments, feedback, KPIs with their ledgers and alerts, due campaigns planned.

    Files are taken from `inbox/` under CHUDA_HOME: contacts/, orders/, events/, do_not_contact/. One file that cannot
    be used does not stop the night; the flow fails at its end and names them all.

    Returns:
        The ids of the plans made, ready to be approved.
    """
    progress = current_progress()
    problems = _import_inbox(progress)
    progress.run(refresh_all_segments)
    progress.run(collect_feedback)
    progress.run(refresh_kpis)
    progress.run(tell_alerts)
    plans = _plan_due(progress, problems)
    if problems:
        raise UsageError(f"the night is done but for: {'; '.join(problems)}. Planned: {', '.join(plans) or 'nothing'}")
    return plans


def _import_inbox(progress: Progress) -> list[str]:
    problems = []
    for kind, run in _IMPORTS.items():
        with open_workspace() as workspace:
            changed = find_changed_files(workspace, kind)
        for path in changed:
            try:
                progress.run(lambda run=run, path=path: run(str(path)))  # type: ignore[misc]
            except ChudaError as error:
                problems.append(f"{kind}/{path.name}: {error}")
    return problems


def _plan_due(progress: Progress, problems: list[str]) -> list[str]:
    with open_workspace() as workspace:
        now = workspace.clock.now()
        with workspace.warehouse.read() as connection:
            due = find_due_campaigns(connection, workspace.settings, now)
    plans = []
    for path in due:
        try:
            plan_id = build_plan(str(path), progress)
            plans.append(plan_id)
            progress.run(lambda path=path, plan_id=plan_id: cover_occurrence(str(path), plan_id))  # type: ignore[misc]
        except (NobodyDue, SlotsOver):
            continue
        except ChudaError as error:
            problems.append(f"{path.name}: {error}")
    return plans


@flow(name="dispatch-due", persist_result=False)
def dispatch_due() -> list[str]:
    """Send what was approved and is due, and alert to what was not approved; safe to run as often as one likes.

    A plan that may not go on (its approval void, its channel refused) does not hold up the others; the flow fails at
    its end and names it.

    Returns:
        The ids of the plans it worked on.

    Raises:
        ProviderTrouble: some could not be worked on; all are named, the others are done.
    """
    with open_workspace() as workspace, workspace.ledger.read() as connection:
        plans = due_plans(connection, to_us(workspace.clock.now()))
    progress, problems = current_progress(), []
    for plan_id in plans:
        try:
            progress.run(lambda plan_id=plan_id: dispatch(plan_id, False))  # type: ignore[misc]
            expect_decision(plan_id)
        except ChudaError as error:  # one plan's channel in trouble must not hold up the others
            problems.append(f"{plan_id}: {error}")
    progress.run(watch_approvals)
    if problems:
        raise ProviderTrouble("\n".join(problems))
    return plans
