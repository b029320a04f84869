"""What earns a channel its trust: the three-stage test, the monthly canary, proofs; all can be taken up again."""

from __future__ import annotations

import asyncio
from datetime import datetime

from prefect import flow

from chuda.clock import from_us, to_us
from chuda.stores.ledger.channels import TestStep, verdicts_of
from chuda.stores.ledger.releases import due_plans
from chuda.workspace import open_workspace
from flows.campaign import build_plan
from flows.progress import Progress, current_progress
from tasks.channels.fitness import reasons_against
from tasks.channels.stage import (
    ask_statistics,
    begin_test,
    draw_canary,
    find_channel,
    judge_canaries,
    judge_test,
    plan_holiday_sends,
    plan_proofs,
    write_canary_file,
)
from tasks.channels.stage import running_tests as find_running
from tasks.channels.stage import test_steps as find_steps
from tasks.channels.testing import next_moment
from tasks.dispatch.stage import approve_plan, dispatch
from tasks.feedback.stage import collect_feedback
from tasks.planning.briefing import load_channels


@flow(name="test-channel", persist_result=False)
def test_channel(channel: str, wait: bool = False, approved_by: str | None = None) -> str:
    """Begin the three-stage test of a channel, or take up the one that runs, and do what is due.

    Nothing has to stay alive over its half-hours and days: the sends are plans, what is due is in the ledger, and this
    flow may be run as often as one likes.

    Args:
        channel: the channel's name.
        wait: wait until the test is over (instant in simulated time).
        approved_by: who approves the sends; enough for simulator channels only. On a real channel each send is a
            release to be approved: `chuda approve PLAN --code …`.

    Returns:
        The test's id.
    """
    (test_id,) = run_tests([channel], wait, approved_by, current_progress())
    return test_id


def run_tests(channels: list[str], wait: bool, approved_by: str | None, progress: Progress) -> list[str]:
    """Begin or take up the tests of some channels side by side, in the order of their moments; returns the tests."""
    with open_workspace() as workspace:
        running = {name: test_id for test_id, name in find_running(workspace).items()}
    tests = [running.get(name) or _begin(name, approved_by, progress) for name in channels]
    while True:
        moment = _advance(tests, approved_by, progress)
        if moment is None or not wait:
            return tests
        with open_workspace() as workspace:
            asyncio.run(workspace.clock.sleep_until(moment))


def _begin(channel: str, approved_by: str | None, progress: Progress) -> str:
    begun = progress.run(lambda: begin_test(channel))
    _approve(begun.details["plans"], channel, approved_by, progress)
    return begun.details["test_id"]


def _approve(plans: str, channel: str, approved_by: str | None, progress: Progress) -> None:
    with open_workspace() as workspace:
        is_simulator = find_channel(workspace.settings, channel).simulator
    if approved_by and is_simulator:
        for plan_id in plans.split():
            progress.run(lambda plan_id=plan_id: approve_plan(plan_id, approved_by))  # type: ignore[misc]


def _advance(tests: list[str], approved_by: str | None, progress: Progress) -> datetime | None:
    """Send and judge what is due of some tests; when there is something to do again, None if all are over."""
    with open_workspace() as workspace:
        now_us = to_us(workspace.clock.now())
        steps = {test_id: find_steps(workspace, test_id) for test_id in tests}
        with workspace.ledger.read() as ledger:
            sendable = set(due_plans(ledger, now_us))
    for step in (step for found in steps.values() for step in found):
        if step.plan_id in sendable and step.state == "open":
            progress.run(lambda plan_id=step.plan_id: dispatch(plan_id, False))  # type: ignore[misc]
    ripe = [test_id for test_id, found in steps.items() if _is_ripe(found, now_us)]
    if ripe:
        progress.run(collect_feedback)
    for test_id in ripe:
        judged = progress.run(lambda test_id=test_id: judge_test(test_id))  # type: ignore[misc]
        _approve(judged.details["plans"], test_id.rpartition("-")[0], approved_by, progress)
    with open_workspace() as workspace:
        now_us = to_us(workspace.clock.now())
        moments = [next_moment(find_steps(workspace, test_id), now_us) for test_id in tests]
    later = [moment for moment in moments if moment is not None]
    return from_us(min(later)) if later else None


def _is_ripe(steps: list[TestStep], now_us: int) -> bool:
    return any(step.state == "open" and step.judge_us <= now_us for step in steps)


@flow(name="resume-channel-tests", persist_result=False)
def resume_channel_tests() -> list[str]:
    """Do what is due of every test that runs, and plan the holiday part of those that wait for a holiday.

    Returns:
        The tests that were taken up.
    """
    progress = current_progress()
    progress.run(plan_holiday_sends)
    with open_workspace() as workspace:
        tests = list(find_running(workspace))
    _advance(tests, None, progress)
    return tests


@flow(name="send-proofs", persist_result=False)
def send_proofs(plan_id: str, approved_by: str | None = None, number: int = 1) -> list[str]:
    """Send each variant of a plan, in its own words, to the test phones; repeating it sends nothing twice.

    Args:
        plan_id: the plan to prove.
        approved_by: who approves; enough for simulator channels only.
        number: a higher one sends the same again.

    Returns:
        The plans of the proofs; on a real channel they wait for their approval.
    """
    progress = current_progress()
    planned = progress.run(lambda: plan_proofs(plan_id, number))
    plans = planned.details["plans"].split()
    if approved_by:
        for proof in plans:
            progress.run(lambda proof=proof: approve_plan(proof, approved_by))  # type: ignore[misc]
            progress.run(lambda proof=proof: dispatch(proof, True))  # type: ignore[misc]
    return plans


@flow(name="monthly-canary", persist_result=False)
def monthly_canary(channels: list[str] | None = None, approved_by: str | None = None, number: int = 1) -> list[str]:
    """Plan this month's canary of every marketing channel: 1% of the volume, neutral, lawful and capped.

    Args:
        channels: which; by default all that may carry marketing now.
        approved_by: who approves and has it sent; enough for simulator channels only.
        number: a higher one makes a further canary in the same month, e.g. to see whether a cell is well again.

    Returns:
        The plans; what is approved of them the dispatch schedule sends.
    """
    return send_canaries(channels or _marketing_channels(), approved_by, number, current_progress())


def send_canaries(channels: list[str], approved_by: str | None, number: int, progress: Progress) -> list[str]:
    """Plan the canaries of some channels, and send what `approved_by` may approve; their plans."""
    plans = []
    for channel in channels:
        with open_workspace() as workspace:
            path = str(write_canary_file(workspace, channel, number))
        plan_id = build_plan(path, progress, draw_canary)
        plans.append(plan_id)
        if approved_by:
            progress.run(lambda plan_id=plan_id: approve_plan(plan_id, approved_by))  # type: ignore[misc]
            progress.run(lambda plan_id=plan_id: dispatch(plan_id, True))  # type: ignore[misc]
    return plans


def _marketing_channels() -> list[str]:
    with open_workspace() as workspace:
        now, records = workspace.clock.now(), load_channels(workspace.settings)
        with workspace.ledger.read() as ledger:
            verdicts = verdicts_of(ledger)
    return [
        name
        for name, record in records.items()
        if "marketing" in record.message_types and not reasons_against(record, "marketing", verdicts, now)
    ]


@flow(name="watch-canaries", persist_result=False)
def watch_canaries() -> None:
    """Judge the canaries whose receipts are complete, and ask the providers what they counted: the daily look."""
    judge_what_is_ripe(current_progress())


def judge_what_is_ripe(progress: Progress) -> None:
    """Take in the receipts, judge the canaries they complete, and keep what the providers counted."""
    progress.run(collect_feedback)
    progress.run(judge_canaries)
    progress.run(ask_statistics)
