"""Commands around a campaign: plan, send, watch, decide."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.approvers import As, Code, approver_name
from flows.commands.output import StageLines, console, language, say, show
from flows.commands.watching import status

if TYPE_CHECKING:
    from tasks.content.findings import Finding

_STOPS = {
    "done": ("没有可发的了", "nothing more to send"),
    "paused": ("计划已暂停", "the plan is paused"),
    "cancelled": ("计划已取消", "the plan was cancelled"),
    "expired": ("已过期", "its time is over"),
    "window_closed": ("时段或允许时间未到", "outside its slot or the allowed hours"),
    "release_gap": ("与上一批间隔 10 分钟", "ten minutes after the release before it"),
    "busy": ("另一个进程正在发", "another process is sending it"),
    "lease_lost": ("已由另一个进程接手", "another process has taken it over"),
    "unknown_open": ("还有结果未知的，稍后再查", "some outcomes are not known yet; ask again later"),
}
CampaignFile = Annotated[Path, typer.Argument(help="campaign file (YAML)")]
PlanId = Annotated[str, typer.Argument(help="plan id, as `chuda plan` prints it")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (
        plan,
        send,
        run,
    ):
        app.command()(command)


def plan(
    campaign: Annotated[str, typer.Argument(help="campaign file (YAML), or the id of a plan to look at again")],
    diff: Annotated[str | None, typer.Option(help="also say what changed against this earlier plan")] = None,
) -> None:
    """Who would get what and when, who not and why, what it costs; stores the plan and prints its id."""
    if _is_plan_id(campaign):
        _show_plan(campaign, diff)
        return
    flags, warnings = _refuse_early(Path(campaign))
    from flows.campaign import listening, plan_campaign

    with listening(StageLines()):
        plan_id = plan_campaign(campaign)
    _show_plan(plan_id, diff, flags, warnings)


def _is_plan_id(text: str) -> bool:
    return re.fullmatch(r"p[0-9a-f]{11}", text) is not None and not Path(text).exists()


def _show_plan(
    plan_id: str, diff: str | None, flags: Sequence[Finding] | None = None, warnings: Sequence[str] = ()
) -> None:
    """Print a plan, and how it differs from an earlier one; its id alone is the last line."""
    from chuda.workspace import open_workspace
    from tasks.planning.difference import compare_plans, difference_lines
    from tasks.planning.figures import read_figures
    from tasks.planning.review import flags_of_plan
    from tasks.planning.summary import plan_lines
    from tasks.reports.report import segment_names

    with open_workspace() as workspace, workspace.warehouse.read() as connection:
        figures = read_figures(connection, plan_id)
        flags = flags_of_plan(connection, workspace.settings, figures) if flags is None else flags
        found = compare_plans(connection, diff, plan_id) if diff else None
    lines = plan_lines(figures, language(), flags, warnings, segment_names(language()))
    if found:
        lines += ["", *difference_lines(found, language())]
    said = [{"rule": one.rule, "excerpt": one.excerpt, "message": one.message(language())} for one in flags]
    data = figures.to_json() | {"flags": said, "timing_warnings": list(warnings)}
    show(data | ({"difference": found.to_json()} if found else {}), "\n".join([*lines, "", plan_id]))


def _refuse_early(campaign: Path) -> tuple[Sequence[Finding], Sequence[str]]:
    """Say what is wrong with a campaign before Prefect takes its seconds to start; returns what is only flagged."""
    from chuda.workspace import open_workspace
    from tasks.planning.briefing import read_briefing
    from tasks.planning.review import refuse_changed_after_release
    from tasks.planning.texts import check_campaign_texts

    with open_workspace() as workspace:
        briefing = read_briefing(workspace.settings, campaign, workspace.clock.now())
        refuse_changed_after_release(workspace, briefing)
    templates = [template for wording in briefing.wordings.values() for template in wording.values()]
    flags = check_campaign_texts(templates, briefing.context)
    unique = {(flag.message_key, flag.excerpt): flag for flag in flags}
    return tuple(unique.values()), briefing.timing.warnings


def send(plan_id: PlanId, wait: Annotated[bool, typer.Option(help="wait for the slot and the window")] = False) -> None:
    """Send what is approved as far as it may go now; safe to repeat after any crash."""
    from chuda.workspace import open_workspace
    from tasks.dispatch.stage import send_plan

    with open_workspace() as workspace:
        total = _sealed_requests(plan_id)
        with console.status(say("发送中", "sending")) as line:
            done = 0

            def progress(requests: int) -> None:
                nonlocal done
                done += requests
                line.update(say(f"发送中：{done}/{total} 个请求", f"sending: {done}/{total} requests"))

            reports = asyncio.run(send_plan(workspace, plan_id, wait, progress))
        for one in reports:
            at = one.resume_at.isoformat(timespec="minutes") if one.resume_at else ""
            note = f"\n{one.note}" if one.note else ""
            data = {"stop": one.stop, "requests": one.requests, "adopted": one.adopted, "resume_at": at,
                    "note": one.note}  # fmt: skip
            why = say(*_STOPS.get(one.stop, (one.stop, one.stop)))
            following = say(f"，下次 {at}", f", next {at}") if at else ""
            show(data, f"{one.stop}: {why}; {one.requests} {say('个请求', 'requests')}{following}{note}")
    status(plan_id)


def _sealed_requests(plan_id: str) -> int:
    from chuda.stores.ledger.releases import open_batches
    from chuda.workspace import open_workspace

    with open_workspace() as workspace, workspace.ledger.read() as connection:
        return open_batches(connection, plan_id)


def run(
    campaign: CampaignFile,
    contacts: Annotated[list[Path] | None, typer.Option(help="contact files to take in first")] = None,
    orders: Annotated[list[Path] | None, typer.Option(help="order files to take in first")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="approve; enough for simulator channels only")] = False,
    code: Code = "",
    approver: As = None,
    follow: Annotated[bool, typer.Option(help="wait out windows, decide, roll out")] = False,
) -> None:
    """Plan, approve, send and count one campaign; repeating it after a crash goes on where it stopped."""
    from chuda.errors import UsageError

    if code and not yes:
        raise UsageError(say("--code 要和 --yes 一起用", "--code approves together with --yes only"))
    _refuse_early(campaign)
    from flows.campaign import listening, run_campaign

    with listening(StageLines()):
        plan_id = run_campaign(
            str(campaign), [str(path) for path in contacts or []], [str(path) for path in orders or []],
            approver_name(approver, code) if yes else None, code, follow, language(),
        )  # fmt: skip
    hint = "" if yes else say(f"  下一步：chuda approve {plan_id}", f"  next: chuda approve {plan_id}")
    show({"plan_id": plan_id}, f"{plan_id}{hint}")
