"""Commands after sending: feedback, the night, the simulator."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.output import StageLines, say, show
from flows.commands.serving import serve


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(nightly)
    app.command("dispatch-due")(dispatch_due)
    app.command()(simulator)
    group = typer.Typer(help="回执、回复、点击 / receipts, replies, clicks", no_args_is_help=True)
    group.callback()(_feedback)
    group.command("pull")(pull)
    group.command("serve")(serve)
    group.command("clicks")(import_clicks)
    app.add_typer(group, name="feedback")


def _feedback() -> None:
    """Receipts, replies, clicks."""


def pull() -> None:
    """Take in what all channels have to report; opt-outs are in force at once."""
    from time import perf_counter

    from chuda.errors import ProviderTrouble
    from tasks.feedback.stage import collect_feedback

    started = perf_counter()
    result = collect_feedback.fn()
    StageLines()(result, perf_counter() - started)
    trouble = result.details.get("trouble")
    text = ", ".join(f"{name} {count}" for name, count in result.details.items() if name != "trouble")
    show(dict(result.details), text)
    if trouble:
        raise ProviderTrouble(say(f"这些渠道没有取到，请稍后再取：{trouble}", f"pull these channels again: {trouble}"))


def import_clicks(
    files: Annotated[list[Path], typer.Argument(help="CSV: clicked_at with phone, message_id or link; user_agent")],
    channel: Annotated[str, typer.Option(help="the channel whose links were clicked")],
) -> None:
    """Take in a click log of a site or provider; the same file twice counts once, programs are told apart."""
    from chuda.workspace import open_workspace
    from tasks.feedback.click_log import read_click_log
    from tasks.feedback.stage import process_queue

    with open_workspace() as workspace:
        logs = [read_click_log(workspace, path, channel) for path in files]
        counts = process_queue(workspace)
    rows = sum(log.rows for log in logs)
    counts["duplicates"] += sum(log.repeated for log in logs)
    names = ("clicks", "link_clicks", "scanners", "duplicates", "rejects")
    clicks, by_link, programs, again, rejects = (counts[name] for name in names)
    line = say(
        f"{rows} 行：{clicks} 次点击知道是谁，{by_link} 次只知道链接，{programs} 次是程序，{again} 行重复，"
        f"{rejects} 行读不懂",
        f"{rows} rows: {clicks} clicks of known people, {by_link} of which only the link is known, {programs} by "
        f"programs, {again} repeated, {rejects} not understood",
    )
    show({"rows": rows, **{name: counts[name] for name in names}}, line)


def nightly() -> None:
    """What the schedule runs at 02:00: changed files in, segments, feedback, KPIs, due campaigns planned."""
    from flows.campaign import listening
    from flows.nightly import nightly as run_nightly

    with listening(StageLines()):
        plans = run_nightly()
    show({"plans": plans}, say(f"已生成计划：{', '.join(plans) or '无'}", f"plans made: {', '.join(plans) or 'none'}"))


def dispatch_due() -> None:
    """Send what was approved and is due now; what the schedule runs in the slots."""
    from flows.campaign import listening
    from flows.nightly import dispatch_due as run_dispatch

    with listening(StageLines()):
        plans = run_dispatch()
    show({"plans": plans}, say(f"处理了 {len(plans)} 个计划", f"worked on {len(plans)} plans"))


def simulator(
    home: Annotated[Path, typer.Option(help="where its record lives")],
    port: Annotated[int, typer.Option()] = 8025,
    seed: Annotated[int, typer.Option()] = 1,
    token: Annotated[str, typer.Option(help="bearer token clients must send")] = "simulator",
    profile: Annotated[Path | None, typer.Option(help="YAML: rules, world, faults")] = None,
    ledger: Annotated[
        str | None, typer.Option(help="path or URL of a ledger whose clock to share: for a workspace in simulated time")
    ] = None,
) -> None:
    """Run the provider simulator alone, on loopback; it prints its port and ends on Ctrl-C."""
    from chuda.providers.simulator.__main__ import main as run_simulator

    arguments = ["--home", str(home), "--port", str(port), "--seed", str(seed), "--token", token]
    arguments += ["--profile", str(profile)] if profile else []
    raise typer.Exit(run_simulator(arguments + (["--ledger", ledger] if ledger else [])))
