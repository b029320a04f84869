"""Commands of experiments: the verdict with all it rests on, and the roll-out of what won."""

from __future__ import annotations

import getpass
from typing import Annotated, Any

import typer

from flows.commands.output import StageLines, console, is_json, language, say, show

Name = Annotated[str, typer.Argument(help="campaign id, or plan id as `chuda plan` prints it")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(experiment)
    app.command()(rollout)


def experiment(
    campaign: Name,
    replay: Annotated[bool, typer.Option("--replay", help="decide again from the recorded counts and compare")] = False,
) -> None:
    """The verdict of a campaign's experiment and what it rests on; decides it, once, if its window has passed."""
    from flows.following import is_decided, when_due

    plan_id = _plan_of(campaign)
    if replay:
        _replay(plan_id)
        return
    if not is_decided(plan_id):
        due_at = when_due(plan_id)
        if due_at is not None:
            _count()
            _decide_or_look(plan_id, due_at)
    _tell(plan_id)


def rollout(
    campaign: Name,
    yes: Annotated[bool, typer.Option("--yes", help="approve and send the wave; simulator channels only")] = False,
) -> None:
    """Carry the roll-out of a decided experiment on: the next wave, the look between waves; safe to repeat."""
    from flows.campaign import listening
    from flows.experiments import roll_out_winner
    from flows.following import is_decided
    from tasks.experiments.stage import decide_experiment, roll_out

    plan_id = _plan_of(campaign)
    _count()
    with listening(StageLines()):
        if not is_decided(plan_id):
            decide_experiment.fn(plan_id)
        if yes:
            roll_out_winner(plan_id, getpass.getuser())
    details = roll_out.fn(plan_id).details
    until = details["until"]
    tail = say(f"（{until[:16]} 之后再来）", f" (again after {until[:16]})") if until else ""
    if details["waits_for"] == "approval":
        tail = say(f"  下一步：chuda approve {plan_id}", f"  next: chuda approve {plan_id}")
    show({"plan_id": plan_id, **details}, say(details["zh"], details["en"]) + tail)


def _plan_of(campaign: str) -> str:
    from chuda.workspace import open_workspace
    from tasks.experiments.record import ensure_tables, find_experiment

    with open_workspace() as workspace, workspace.warehouse.write() as connection:
        ensure_tables(connection)
        return find_experiment(connection, campaign)


def _count() -> None:
    from tasks.feedback.stage import collect_feedback
    from tasks.kpi.stage import refresh_kpis

    collect_feedback.fn()
    refresh_kpis.fn()


def _decide_or_look(plan_id: str, due_at: Any) -> None:
    from chuda.workspace import open_workspace
    from tasks.experiments.stage import decide_experiment, look_for_harm
    from tasks.kpi.stage import refresh_kpis

    with open_workspace() as workspace:
        now = workspace.clock.now()
    if now >= due_at:
        decide_experiment.fn(plan_id)
    else:
        look_for_harm.fn(plan_id)
    refresh_kpis.fn()


def _replay(plan_id: str) -> None:
    from chuda.errors import UsageError
    from chuda.workspace import open_workspace
    from tasks.experiments.decision import replay
    from tasks.experiments.record import find_decision

    with open_workspace() as workspace, workspace.warehouse.read() as connection:
        recorded = find_decision(connection, plan_id)
    if recorded is None:
        raise UsageError(f"plan {plan_id} is not decided yet; there is no record to replay")
    again = replay(recorded.to_json())
    show(
        {"plan_id": plan_id, "verdict": again.verdict, "is_same": True, "record": recorded.model_dump(mode="json")},
        say(
            f"重放一致：{again.verdict}。{again.explanation.zh}",
            f"The replay gives the same: {again.verdict}. {again.explanation.en}",
        ),
    )


def _tell(plan_id: str) -> None:
    from contextlib import closing

    from chuda.errors import UsageError
    from chuda.settings import read_settings
    from chuda.stores.marts import open_marts, read_rows
    from tasks.experiments.page import tell_experiment

    quoted = plan_id.replace("'", "''")
    with closing(open_marts(read_settings().marts_file)) as marts:
        rows = read_rows(marts, f"select * from experiment_result where plan_id = '{quoted}' order by variant")
        if not rows:
            raise UsageError(f"plan {plan_id} is not in the marts yet; after sending: `chuda kpi refresh`")
        segments = read_rows(marts, _SEGMENTS.format(plan=quoted))
    if is_json():
        for row in rows:
            show(row, "")
        return
    for number, section in enumerate(tell_experiment(rows, segments, language())):
        console.print(f"[bold]{section.title}[/bold]")
        for line in section.lines:
            console.print(f"  {line}" if number else line, markup=False)


_SEGMENTS = """
select segment, variant, count(*) filter (is_accepted) as sent,
    case when any_value(result.primary_metric) = 'converted' then count(*) filter (is_accepted and is_converted)
        when bool_or(is_clicked is not null) then count(*) filter (is_accepted and is_clicked) end as events
from message_fact inner join experiment_result as result using (plan_id, variant)
where plan_id = '{plan}' and wave <> 'rollout' group by segment, variant order by segment, variant
"""
