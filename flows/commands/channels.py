"""Commands around channels: records and scorecards, tests, canaries, bills, credit."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chuda.errors import UsageError
from flows.commands.output import StageLines, console, is_json, language, say, show, show_table

if TYPE_CHECKING:
    from chuda.stores.ledger.channels import Verdict
    from chuda.workspace import Workspace

ChannelName = Annotated[str, typer.Argument(help="channel name, as `chuda channel list` shows it")]
_STATES = {"passed": "通过", "failed": "未通过", "pending": "未完成", "expired": "已过期", "missing": "未测"}


def register(app: typer.Typer) -> None:
    """Add these commands."""
    group = typer.Typer(help="渠道 / channels", no_args_is_help=True)
    for command, function in (
        ("list", list_channels), ("check", check), ("test", test), ("canary", canary), ("switch", switch),
        ("return", give_back), ("bill", bill), ("balance", balance), ("report", report),
    ):  # fmt: skip
        group.command(command)(function)
    app.add_typer(group, name="channel")


def list_channels() -> None:
    """All channels: what they carry, whether they may be used for marketing, and how they did in their tests."""
    from chuda.stores.ledger.channels import verdicts_of
    from chuda.workspace import open_workspace
    from tasks.channels.fitness import STAGES, reasons_against, standing_of
    from tasks.channels.lines import load_channel_lines
    from tasks.channels.scorecard import score_channel
    from tasks.planning.briefing import load_channels

    with open_workspace() as workspace:
        now, lines = workspace.clock.now(), load_channel_lines(workspace.settings.reference)
        with workspace.ledger.read() as ledger:
            verdicts = verdicts_of(ledger)
        rows = []
        for name, record in load_channels(workspace.settings).items():
            score = score_channel(record, lines.vetting, now.date())
            states = [_state(standing_of(record, stage, verdicts, now).state) for stage in STAGES]
            against = reasons_against(record, record.message_types[0], verdicts, now)
            verdict = ", ".join(each.code for each in against) or say("可用", "usable")
            price = f"{record.price_cny_per_part} {record.billing}"
            rows.append((name, record.provider or "-", ", ".join(record.message_types), price, f"{score.score:.0%}",
                         *states, verdict))  # fmt: skip
    columns = say("渠道,服务商,类型,单价,评分,基础,压力,场景,结论", "channel,provider,types,price,score,basic,stress,"
                  "scenario,verdict").split(",")  # fmt: skip
    show_table(say("渠道", "channels"), columns, rows)


def _state(state: str) -> str:
    return say(_STATES[state], state)


def check(name: ChannelName) -> None:
    """The scorecard of a channel: every question, its answer, its weight, what is missing, and what blocks it."""
    from chuda.errors import Refused
    from chuda.stores.ledger.channels import verdicts_of
    from chuda.workspace import open_workspace
    from tasks.channels.fitness import HOLIDAY, STAGES, reasons_against, standing_of
    from tasks.channels.lines import load_channel_lines
    from tasks.channels.scorecard import score_channel
    from tasks.channels.stage import find_channel

    with open_workspace() as workspace:
        now, record = workspace.clock.now(), find_channel(workspace.settings, name)
        lines = load_channel_lines(workspace.settings.reference)
        with workspace.ledger.read() as ledger:
            verdicts = verdicts_of(ledger, name)
    card = score_channel(record, lines.vetting, now.date())
    rows = [(say(a.zh, a.en), say("没有问过", "not asked") if a.answer is None else a.answer,
             f"{a.points:g}/{a.weight}", say(a.advice_zh, a.advice_en)) for a in card.answers]  # fmt: skip
    columns = say("问题,回答,得分,建议", "question,answer,points,advice").split(",")
    show_table(f"{name}: {card.score:.0%}", columns, rows)
    tests = []
    for stage in (*STAGES, HOLIDAY):
        found = standing_of(record, stage, verdicts, now)
        since, until = (f"{day:%Y-%m-%d}" if day else "" for day in (found.since, found.until))
        tests.append((stage, _state(found.state), since, until if found.state != "pending" else "", found.test_id))
    columns = say("测试,结论,日期,有效至,证据", "test,verdict,on,until,evidence").split(",")
    show_table(say("测试", "tests"), columns, tests)
    _show_verdicts([verdict for verdict in verdicts if any(verdict.test_id == row[4] for row in tests)])
    reasons = [reason for kind in record.message_types for reason in reasons_against(record, kind, verdicts, now)]
    if reasons:
        raise Refused("\n".join(dict.fromkeys(say(reason.zh, reason.en) for reason in reasons)))
    if not is_json():
        console.print(say("可以使用", "may be used"))


def test(
    name: Annotated[
        str | None, typer.Argument(help="channel, as `chuda channel list` shows it; or a simulated company")
    ] = None,
    wait: Annotated[bool, typer.Option(help="wait until the test is over; instant in simulated time")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="approve its sends; enough for simulator channels only")] = False,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="try the simulated companies, good and bad, in a workspace of its own")
    ] = False,
    folder: Annotated[Path, typer.Option(help="with --simulated: where it works; laid out afresh")] = Path(
        "data/channels"
    ),
) -> None:
    """Begin the three-stage test of a channel, or take up the one that runs; do what is due and say what comes next.

    With --simulated: a good company and five bad ones through test, canary and bill, offline, in simulated time.
    """
    if simulated:
        try_companies(folder, [name] if name else [])
        return
    if name is None:
        raise UsageError(say("写上渠道名，或 --simulated", "name the channel, or say --simulated"))
    from chuda.workspace import open_workspace
    from flows.campaign import listening
    from flows.channels import test_channel

    with listening(StageLines()):
        test_id = test_channel(name, wait, getpass.getuser() if yes else None)
    with open_workspace() as workspace:
        show_test(workspace, test_id)


def try_companies(folder: Path, names: list[str]) -> None:
    """Run the trial and print what became of each company, and where the page is that says why."""
    import os
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
    (folder / "state" / "prefect").mkdir(parents=True, mode=0o700)
    os.environ["PREFECT_HOME"] = str((folder / "state" / "prefect").absolute())
    from chuda.settings import read_settings
    from flows.campaign import listening
    from flows.trial import choose_companies, find_outcomes, prepare_trial, running_companies, try_channels

    companies = choose_companies(read_settings().reference, names)
    prepare_trial(folder, companies)
    with running_companies(folder, companies) as endpoints, listening(StageLines()):
        page = try_channels(str(folder), endpoints, language())
    rows = [
        (each.channel, say(each.zh, each.en), each.found_by or say("没有问题", "nothing found"), each.messages,
         say("是", "yes") if each.is_as_meant else say("否", "NO"))
        for each in find_outcomes(companies)
    ]  # fmt: skip
    columns = say(
        "公司,实情,由谁发现,多少条后,符合预期", "company,what it does,found by,after messages,as meant"
    ).split(",")
    show_table(say("渠道试验", "trial of channels"), columns, rows)
    show({"page": page}, say("对比页：", "comparison: ") + page)


def show_test(workspace: Workspace, test_id: str) -> None:
    """Print the verdicts of a test with what was measured, and when it goes on."""
    from chuda.clock import from_us, to_us
    from chuda.stores.ledger.channels import steps_of, verdicts_of
    from tasks.channels.testing import next_moment

    with workspace.ledger.read() as ledger:
        verdicts = [verdict for verdict in verdicts_of(ledger) if verdict.test_id == test_id]
        steps = steps_of(ledger, test_id)
    _show_verdicts(verdicts)
    moment_us = next_moment(steps, to_us(workspace.clock.now()))
    if moment_us is None:
        show({"test": test_id, "next": None}, f"{test_id}: {say('测试结束', 'over')}")
        return
    waiting = ", ".join(step.plan_id for step in steps if step.state == "open")
    at = f"{from_us(moment_us):%Y-%m-%d %H:%M}"
    show({"test": test_id, "next": at, "plans": waiting}, f"{test_id}: {say('下一步', 'next')} {at}  ({waiting})")


def _show_verdicts(verdicts: Sequence[Verdict]) -> None:
    import json

    for verdict in verdicts:
        said = json.loads(verdict.evidence)
        limits = say(said.get("limits_zh", ""), said.get("limits_en", ""))
        mark = {"passed": "✓", "failed": "✗"}.get(verdict.verdict, "…")
        data = {"test": verdict.test_id, "stage": verdict.stage, "verdict": verdict.verdict}
        show(data | {"messages": verdict.messages, **said},
             f" {mark} {verdict.stage} {_state(verdict.verdict)}: {say(said['zh'], said['en'])}")  # fmt: skip
        if limits and not is_json():
            console.print(f"   {limits}", style="dim", markup=False)


def report() -> None:
    """Write the HTML page that compares the channels: which may be used, why not, on what evidence, and the bills."""
    from tasks.kpi.stage import refresh_kpis
    from tasks.reports.stage import write_channels

    refresh_kpis.fn()
    result = write_channels.fn(language())
    show(dict(result.details), result.details["path"])


def canary(
    name: Annotated[str | None, typer.Argument(help="channel; without one all that may carry marketing")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="approve and send; simulator channels only")] = False,
    number: Annotated[int, typer.Option(min=1, help="2 makes a second canary in the same month, and so on")] = 1,
    judge: Annotated[bool, typer.Option("--judge", help="judge those whose receipts are complete, plan none")] = False,
) -> None:
    """Plan this month's canary (1% of the volume, neutral text), or judge those that are done: which cells dropped."""
    from chuda.workspace import open_workspace
    from flows.campaign import listening
    from flows.channels import monthly_canary, watch_canaries

    with listening(StageLines()):
        if judge:
            watch_canaries()
            plans = []
        else:
            plans = monthly_canary([name] if name else None, getpass.getuser() if yes else None, number)
    if plans:
        hint = "" if yes else say("  待批准：chuda approve", "  next: chuda approve")
        show({"plans": plans}, f"{' '.join(plans)}{hint}")
    with open_workspace() as workspace:
        _show_canaries(workspace)


def _show_canaries(workspace: Workspace) -> None:
    import json

    from chuda.stores.ledger.channels import open_routes, verdicts_of

    with workspace.ledger.read() as ledger:
        verdicts = [verdict for verdict in verdicts_of(ledger) if verdict.stage == "canary"]
        routes = open_routes(ledger)
    for verdict in verdicts[-6:]:
        said = json.loads(verdict.evidence)
        mark = {"passed": "✓", "failed": "✗"}.get(verdict.verdict, "…")
        show({"plan": verdict.test_id, "channel": verdict.channel, "verdict": verdict.verdict, **said},
             f" {mark} {verdict.channel} {verdict.test_id}: {say(said['zh'], said['en'])}")  # fmt: skip
        if not is_json():
            console.print(f"   {say(said['limits_zh'], said['limits_en'])}", style="dim", markup=False)
    if routes:
        columns = say("渠道,运营商,省份,原因", "channel,carrier,province,reason").split(",")
        rows = [(route.channel, route.carrier, route.province, route.reason) for route in routes]
        show_table(say("已避开的单元", "cells that avoid a channel"), columns, rows)


def switch(
    name: ChannelName,
    carrier: Annotated[str, typer.Argument(help="mobile 移动, unicom 联通, telecom 电信 or broadnet 广电")],
    province: Annotated[str, typer.Argument(help="as in the reports, e.g. 河南")],
    reason: Annotated[str, typer.Option(help="why")] = "by hand",
) -> None:
    """Let one carrier in one province avoid a channel: plans made from now on use the campaign's next channel there."""
    from chuda.clock import to_us
    from chuda.stores.ledger.channels import Route, open_route
    from chuda.workspace import open_workspace
    from tasks.channels.cells import read_cell
    from tasks.channels.stage import find_channel

    with open_workspace() as workspace:
        find_channel(workspace.settings, name)
        carrier, province = read_cell(carrier, province)
        now_us = to_us(workspace.clock.now())
        with workspace.ledger.write() as ledger:
            is_new = open_route(ledger, Route(name, carrier, province, reason, "{}", now_us))
    said = say("已避开", "switched away") if is_new else say("早已避开", "was away already")
    data = {"channel": name, "carrier": carrier, "province": province, "switched": is_new}
    show(data, f"{name}: {carrier} {province} {said}")


def give_back(
    name: ChannelName,
    carrier: Annotated[str, typer.Argument(help="mobile 移动, unicom 联通, telecom 电信 or broadnet 广电")],
    province: Annotated[str, typer.Argument(help="as in the reports, e.g. 河南")],
) -> None:
    """Let a cell use its own channel again."""
    from chuda.clock import to_us
    from chuda.stores.ledger.channels import end_route, open_routes
    from chuda.workspace import open_workspace
    from tasks.channels.cells import read_cell

    with open_workspace() as workspace, workspace.ledger.write() as ledger:
        carrier, province = read_cell(carrier, province)
        found = [r for r in open_routes(ledger) if (r.channel, r.carrier, r.province) == (name, carrier, province)]
        if not found:
            raise UsageError(
                say(f"{name} 没有避开 {carrier} {province}", f"{carrier} {province} does not avoid {name}")
            )
        end_route(ledger, found[0], to_us(workspace.clock.now()))
    show({"channel": name, "carrier": carrier, "province": province},
         f"{name}: {carrier} {province} {say('已切回', 'is back')}")  # fmt: skip


def bill(
    name: ChannelName,
    file: Annotated[Path | None, typer.Argument(help="the provider's bill of that day, CSV or Excel")] = None,
    day: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="the day it is for")] = None,
) -> None:
    """Reconcile a day's bill with our ledger and the provider's figures, and explain each difference by message."""
    from chuda.workspace import open_workspace
    from tasks.channels.billing import KINDS, count_three_ways
    from tasks.channels.stage import ask_statistics, find_channel, reconcile

    if day is None:
        raise UsageError(say("写上 --day 日期", "name the day with --day"))
    ask_statistics.fn(400, name)
    result = reconcile.fn(name, f"{day:%Y-%m-%d}", str(file) if file else None)
    with open_workspace() as workspace, workspace.warehouse.read() as connection:
        record = find_channel(workspace.settings, name)
        price, mode = record.price_cny_per_part, record.billing
        ways = count_three_ways(connection, name, day.date(), mode, price)
        rows = connection.execute(
            "SELECT kind, message, parts_ours, parts_billed FROM bill_difference WHERE channel = ? AND day = ? "
            "ORDER BY kind, message LIMIT 20", [name, day.date()],
        ).fetchall()  # fmt: skip
    columns = say("来源,条数,金额（元）", "source,parts,CNY").split(",")
    shown = [(_way(way, mode), parts, None if cny is None else f"{cny:,.2f}") for way, parts, cny in ways]
    show_table(f"{name} {day:%Y-%m-%d}", columns, shown)
    counts = [(say(*KINDS[kind]), *text.split()) for kind, text in result.details.items() if kind in KINDS]
    if not counts:
        show({"channel": name, "day": f"{day:%Y-%m-%d}", "differences": 0}, say("账单与我方一致", "the bill agrees"))
        return
    show_table(say("差异", "differences"), say("原因,消息,条数,金额", "cause,messages,parts,CNY").split(","), counts)
    columns = say("原因,消息,我方,账单", "cause,message,ours,billed").split(",")
    show_table(
        say("逐条（前 20）", "by message (first 20)"), columns, [(say(*KINDS[row[0]]), *row[1:]) for row in rows]
    )


def _way(way: str, mode: str) -> str:
    own = say("（合同）", " (your contract)")
    return {
        "submitted": say("我方，按提交", "ours, as submitted") + (own if mode == "submitted" else ""),
        "delivered": say("我方，按送达", "ours, as delivered") + (own if mode == "delivered" else ""),
        "receipts": say("平台回执", "the provider's receipts"),
        "statistics": say("平台统计", "the provider's statistics"),
        "bill": say("账单", "the bill"),
    }[way]


def balance(name: Annotated[str | None, typer.Argument(help="channel; without one all")] = None) -> None:
    """The credit left on each channel, and for how many parts it lasts."""
    from chuda.errors import ChudaError
    from chuda.settings import environment
    from chuda.workspace import open_workspace
    from tasks.channels.asking import ask_balance
    from tasks.channels.stage import find_channel
    from tasks.planning.briefing import load_channels

    with open_workspace() as workspace:
        names = [name] if name else list(load_channels(workspace.settings))
        rows = []
        for each in names:
            record = find_channel(workspace.settings, each)
            try:
                left = ask_balance(record, environment(), workspace.clock)
            except ChudaError as error:
                if name:
                    raise
                rows.append((each, "", "", str(error)))
                continue
            parts = None if left is None else int(left / record.price_cny_per_part)
            note = (
                say("该协议不提供余额，看服务商控制台", "not told by this protocol: see its console")
                if left is None
                else ""
            )
            rows.append((each, "" if left is None else f"{left:,}", "" if parts is None else f"{parts:,}", note))
    show_table(say("余额", "credit"), say("渠道,余额（元）,够发条数,说明", "channel,CNY,parts,note").split(","), rows)
