"""A campaign from contact files to report: the order of the stages, and the flows that run them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from prefect import flow

from chuda.errors import UsageError
from chuda.results import StageResult
from chuda.settings import Language
from chuda.stores.ledger.releases import claimed_plan
from chuda.totp import is_timed_code
from chuda.workspace import open_workspace
from flows.following import carry_on, expect_decision, when_due
from flows.progress import Progress, current_progress, listening
from tasks.compliance.stage import check_compliance
from tasks.contacts.stage import import_contacts, import_events, import_orders
from tasks.content.stage import check_content, render_messages
from tasks.dispatch.stage import approve_plan, dispatch
from tasks.experiments.counting import RECEIPTS_COMPLETE_AFTER
from tasks.experiments.stage import decide_experiment, draw_sample
from tasks.feedback.stage import collect_feedback
from tasks.kpi.stage import refresh_kpis, tell_alerts
from tasks.planning.briefing import read_briefing
from tasks.planning.due import NobodyDue
from tasks.planning.stage import forget_draft, make_plan
from tasks.reports.stage import write_report, write_week
from tasks.segments.stage import refresh_all_segments

__all__ = ["Progress", "build_plan", "current_progress", "follow_plan", "listening", "run_campaign"]

_LOOK_EVERY = timedelta(hours=20)


@flow(name="prepare", persist_result=False)
def prepare(
    contact_files: list[str], order_files: list[str] | None = None, event_files: list[str] | None = None,
    consent: str | None = None,
) -> None:  # fmt: skip
    """Clean and merge files, then bring all segments up to date.

    Args:
        contact_files: contact files.
        order_files: orders; their people must be known by number or member id.
        event_files: events, likewise.
        consent: for contact files without consent columns: `source | ISO time | purpose` of everybody's consent.
    """
    progress = current_progress()
    for path in contact_files:
        progress.run(lambda path=path: import_contacts(path, consent))  # type: ignore[misc]
    for path in order_files or []:
        progress.run(lambda path=path: import_orders(path))  # type: ignore[misc]
    for path in event_files or []:
        progress.run(lambda path=path: import_events(path))  # type: ignore[misc]
    progress.run(refresh_all_segments)


@flow(name="plan-campaign", persist_result=False)
def plan_campaign(campaign_file: str) -> str:
    """Check, choose, sample and freeze a campaign; the plan's id. An occurrence that was released keeps its plan."""
    return build_plan(campaign_file, current_progress())


def build_plan(campaign_file: str, progress: Progress, narrow: Callable[[str], StageResult] | None = None) -> str:
    """The stages that make a plan, in order; `narrow` may leave less of the audience than compliance allows.

    Raises:
        NobodyDue: the campaign is recurring and nobody's event falls due; nothing is planned.
    """
    with open_workspace() as workspace:
        briefing = read_briefing(workspace.settings, Path(campaign_file), workspace.clock.now())
        with workspace.ledger.read() as connection:
            released = claimed_plan(connection, briefing.campaign.id, briefing.occurrence)
    if released:
        return released
    progress.run(lambda: check_content(campaign_file))
    chosen = progress.run(lambda: check_compliance(campaign_file))
    if briefing.recurring and chosen.rows_out == 0:
        forget_draft(briefing)
        raise NobodyDue(briefing.campaign.id, briefing.occurrence, chosen.rejected)
    if narrow is not None:
        progress.run(lambda: narrow(campaign_file))
    progress.run(lambda: render_messages(campaign_file))
    progress.run(lambda: draw_sample(campaign_file))
    return progress.run(lambda: make_plan(campaign_file)).details["plan_id"]


@flow(name="send-plan", persist_result=False)
def send_plan(plan_id: str, wait: bool = False) -> None:
    """Send what is approved of a plan as far as it may go now; safe to repeat after any crash.

    Args:
        plan_id: the plan.
        wait: wait for windows and slots instead of stopping at them.
    """
    current_progress().run(lambda: dispatch(plan_id, wait))
    expect_decision(plan_id)


@flow(name="collect-feedback", persist_result=False)
def collect() -> None:
    """Take in what all channels have to report, bring the marts up to date, and tell new alerts."""
    progress = current_progress()
    progress.run(collect_feedback)
    progress.run(refresh_kpis)
    progress.run(tell_alerts)


@flow(name="weekly-quality", persist_result=False)
def report_week(language: Language = "zh") -> str:
    """The same, and the report of the week that ended; returns its path."""
    collect()
    return str(current_progress().run(lambda: write_week("", language)).details["path"])


def check_form_code(code: str) -> None:
    """Refuse a recovery code where Prefect would keep it, in the clear, while it is still good.

    Raises:
        UsageError: it is not empty and not six digits.
    """
    if code and not is_timed_code(code):
        raise UsageError(
            "here only the six digits of an authenticator can be used: Prefect keeps parameters in the clear. "
            "Recovery codes are for `chuda approve`"
        )


@flow(name="run-campaign", persist_result=False)
def run_campaign(
    campaign_file: str, contact_files: list[str] | None = None, order_files: list[str] | None = None,
    approved_by: str | None = None, code: str = "", follow: bool = False, language: Language = "zh",
) -> str:  # fmt: skip
    """Run one campaign from files to report; repeating it after any crash goes on where it stopped.

    Args:
        campaign_file: the campaign's YAML.
        contact_files: files to clean and merge first.
        order_files: orders to take in first.
        approved_by: who says yes; enough for simulator channels only. Without it the flow ends with the plan.
        code: the six digits of their authenticator, for the first release on a real channel.
        follow: wait out the windows, decide the experiment, roll out and count again (instant in simulated time).
        language: of the report, zh or en.

    Returns:
        The plan's id.
    """
    check_form_code(code)
    progress = current_progress()
    if contact_files or order_files:
        for path in contact_files or []:
            progress.run(lambda path=path: import_contacts(path, None))  # type: ignore[misc]
        for path in order_files or []:
            progress.run(lambda path=path: import_orders(path))  # type: ignore[misc]
        progress.run(refresh_all_segments)
    plan_id = build_plan(campaign_file, progress)
    if approved_by is None:
        return plan_id
    progress.run(lambda: approve_plan(plan_id, approved_by, code))
    progress.run(lambda: dispatch(plan_id, follow))
    if follow:
        follow_plan(plan_id, approved_by, progress)
    else:
        progress.run(collect_feedback)
        progress.run(refresh_kpis)
        expect_decision(plan_id)
    progress.run(lambda: write_report(plan_id, language))
    return plan_id


def follow_plan(
    plan_id: str, approved_by: str, progress: Progress, before_counting: Callable[[], None] = lambda: None
) -> None:
    """Observe the sample, decide, roll the decided arm out in waves, and count when the receipts are complete.

    Args:
        plan_id: a plan whose sample was sent.
        approved_by: who approves the roll-out's releases (simulator channels).
        progress: whom to tell.
        before_counting: called before each counting; the demo's shop exports its orders there.
    """
    until = when_due(plan_id)
    if until is not None:
        _observe_until(until, progress)
        _count(progress, before_counting)
        progress.run(lambda: decide_experiment(plan_id))
        until = carry_on(plan_id, approved_by, True, progress)
    while until is not None:
        _observe_until(until, progress)
        _count(progress, before_counting)
        until = carry_on(plan_id, approved_by, True, progress)
    with open_workspace() as workspace:
        complete_at = workspace.clock.now() + RECEIPTS_COMPLETE_AFTER
    _observe_until(complete_at, progress)
    _count(progress, before_counting)


def _count(progress: Progress, before_counting: Callable[[], None]) -> None:
    progress.run(collect_feedback)
    before_counting()
    progress.run(refresh_kpis)


def _observe_until(moment: datetime, progress: Progress) -> None:
    """Wait; what comes back meanwhile is taken in often enough for the 24 hours an opt-out may take."""
    with open_workspace() as workspace:
        next_look = workspace.clock.now() + _LOOK_EVERY
    while next_look < moment:
        _wait_until(next_look)
        progress.run(collect_feedback)
        next_look += _LOOK_EVERY
    _wait_until(moment)


def _wait_until(moment: datetime) -> None:
    with open_workspace() as workspace:
        asyncio.run(workspace.clock.sleep_until(moment))
