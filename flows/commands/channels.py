"""Commands around channels: records and scorecards, tests, test phones, proofs, credit."""

from __future__ import annotations

import getpass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.output import StageLines, console, is_json, say, show, show_table

if TYPE_CHECKING:
    from chuda.workspace import Workspace

ChannelName = Annotated[str, typer.Argument(help="channel name, as `chuda channel list` shows it")]
_STATES = {"passed": "通过", "failed": "未通过", "pending": "未完成", "expired": "已过期", "missing": "未测"}


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(proof)
    group = typer.Typer(help="渠道 / channels", no_args_is_help=True)
    for command, function in (
        ("list", list_channels), ("check", check), ("test", test), ("canary", canary), ("switch", switch),
        ("return", give_back), ("bill", bill), ("balance", balance),
    ):  # fmt: skip
        group.command(command)(function)
    app.add_typer(group, name="channel")
    phones = typer.Typer(help="测试手机 / test phones", no_args_is_help=True)
    for command, run in (("add", add_phones), ("list", list_phones), ("remove", remove_phone)):
        phones.command(command)(run)
    app.add_typer(phones, name="testphone")


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
    reasons = [reason for kind in record.message_types for reason in reasons_against(record, kind, verdicts, now)]
    if reasons:
        raise Refused("\n".join(dict.fromkeys(say(reason.zh, reason.en) for reason in reasons)))
    if not is_json():
        console.print(say("可以使用", "may be used"))


def test(
    name: ChannelName,
    wait: Annotated[bool, typer.Option(help="wait until the test is over; instant in simulated time")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="approve its sends; enough for simulator channels only")] = False,
) -> None:
    """Begin the three-stage test of a channel, or take up the one that runs; do what is due and say what comes next."""
    from chuda.workspace import open_workspace
    from flows.campaign import listening
    from flows.channels import test_channel

    with listening(StageLines()):
        test_id = test_channel(name, wait, getpass.getuser() if yes else None)
    with open_workspace() as workspace:
        show_test(workspace, test_id)


def show_test(workspace: Workspace, test_id: str) -> None:
    """Print the verdicts of a test with what was measured, and when it goes on."""
    import json

    from chuda.clock import from_us, to_us
    from chuda.stores.ledger.channels import steps_of, verdicts_of
    from tasks.channels.testing import next_moment

    with workspace.ledger.read() as ledger:
        verdicts = [verdict for verdict in verdicts_of(ledger) if verdict.test_id == test_id]
        steps = steps_of(ledger, test_id)
    for verdict in verdicts:
        said = json.loads(verdict.evidence)
        limits = say(said.get("limits_zh", ""), said.get("limits_en", ""))
        data = {
            "test": test_id,
            "stage": verdict.stage,
            "verdict": verdict.verdict,
            "messages": verdict.messages,
            **said,
        }
        mark = {"passed": "✓", "failed": "✗"}.get(verdict.verdict, "…")
        show(data, f" {mark} {verdict.stage} {_state(verdict.verdict)}: {say(said['zh'], said['en'])}")
        if limits and not is_json():
            console.print(f"   {limits}", style="dim", markup=False)
    moment_us = next_moment(steps, to_us(workspace.clock.now()))
    if moment_us is None:
        show({"test": test_id, "next": None}, f"{test_id}: {say('测试结束', 'over')}")
        return
    waiting = ", ".join(step.plan_id for step in steps if step.state == "open")
    at = f"{from_us(moment_us):%Y-%m-%d %H:%M}"
    show({"test": test_id, "next": at, "plans": waiting}, f"{test_id}: {say('下一步', 'next')} {at}  ({waiting})")


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
    carrier: Annotated[str, typer.Argument(help="mobile, unicom, telecom or broadnet")],
    province: Annotated[str, typer.Argument(help="as in the reports, e.g. 河南")],
    reason: Annotated[str, typer.Option(help="why")] = "by hand",
) -> None:
    """Let one carrier in one province avoid a channel: plans made from now on use the campaign's next channel there."""
    from chuda.clock import to_us
    from chuda.stores.ledger.channels import Route, open_route
    from chuda.workspace import open_workspace
    from tasks.channels.stage import find_channel

    with open_workspace() as workspace:
        find_channel(workspace.settings, name)
        now_us = to_us(workspace.clock.now())
        with workspace.ledger.write() as ledger:
            is_new = open_route(ledger, Route(name, carrier, province, reason, "{}", now_us))
    said = say("已避开", "switched away") if is_new else say("早已避开", "was away already")
    data = {"channel": name, "carrier": carrier, "province": province, "switched": is_new}
    show(data, f"{name}: {carrier} {province} {said}")


def give_back(
    name: ChannelName,
    carrier: Annotated[str, typer.Argument(help="mobile, unicom, telecom or broadnet")],
    province: Annotated[str, typer.Argument(help="as in the reports, e.g. 河南")],
) -> None:
    """Let a cell use its own channel again."""
    from chuda.clock import to_us
    from chuda.errors import UsageError
    from chuda.stores.ledger.channels import end_route, open_routes
    from chuda.workspace import open_workspace

    with open_workspace() as workspace, workspace.ledger.write() as ledger:
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
    from chuda.errors import UsageError
    from chuda.workspace import open_workspace
    from tasks.channels.billing import KINDS
    from tasks.channels.stage import ask_statistics, reconcile

    if day is None:
        raise UsageError(say("写上 --day 日期", "name the day with --day"))
    ask_statistics.fn(400)
    result = reconcile.fn(name, f"{day:%Y-%m-%d}", str(file) if file else None)
    with open_workspace() as workspace, workspace.warehouse.read() as connection:
        told = connection.execute(
            "SELECT parts FROM provider_total WHERE channel = ? AND day = ?", [name, day.date()]
        ).fetchone()
        rows = connection.execute(
            "SELECT kind, message, parts_ours, parts_billed FROM bill_difference WHERE channel = ? AND day = ? "
            "ORDER BY kind, message LIMIT 20", [name, day.date()],
        ).fetchall()  # fmt: skip
    counts = [(say(*KINDS[kind]), text) for kind, text in result.details.items() if kind in KINDS]
    show_table(say("差异", "differences"), say("原因,条数与差", "cause,messages and parts").split(","), counts)
    columns = say("原因,消息,我方,账单", "cause,message,ours,billed").split(",")
    show_table(
        say("逐条（前 20）", "by message (first 20)"), columns, [(say(*KINDS[row[0]]), *row[1:]) for row in rows]
    )
    figures = {"bill": int(result.details["billed"]), "statistics": told[0] if told else None}
    said = say("账单 {bill} 条，平台统计 {statistics} 条", "bill {bill} parts, statistics {statistics} parts")
    show({"channel": name, "day": f"{day:%Y-%m-%d}", **figures}, said.format(**figures))


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


def proof(
    plan_id: Annotated[str, typer.Argument(help="plan id, as `chuda plan` prints it")],
    yes: Annotated[bool, typer.Option("--yes", help="approve; enough for simulator channels only")] = False,
    number: Annotated[int, typer.Option(min=1, help="2 sends the same a second time, and so on")] = 1,
) -> None:
    """Send each variant of a plan to the test phones, in the words most people get; outside the caps."""
    from flows.campaign import listening
    from flows.channels import send_proofs

    with listening(StageLines()):
        plans = send_proofs(plan_id, getpass.getuser() if yes else None, number)
    hint = (
        say("已发到测试手机", "sent to the test phones") if yes else say("待批准：chuda approve", "next: chuda approve")
    )
    show({"plans": plans}, f"{hint}  {' '.join(plans)}")


def add_phones(
    numbers: Annotated[list[str] | None, typer.Argument(help="the numbers; or --file")] = None,
    agreed: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="the day their owners agreed")] = None,
    file: Annotated[Path | None, typer.Option(help="a file with one number a line")] = None,
    note: Annotated[str, typer.Option(help="whose they are; no name, no number")] = "",
) -> None:
    """Put test phones on record; their numbers go into the vault and nowhere else."""
    from chuda.errors import UsageError
    from chuda.workspace import open_workspace
    from tasks.channels.phones import group_of, register_phones

    listed = list(numbers or []) + (file.read_text(encoding="utf-8").split() if file else [])
    if agreed is None or not listed:
        raise UsageError(
            say("写上号码和 --agreed 同意日期", "name the numbers, and the day of agreement with --agreed")
        )
    with open_workspace() as workspace:
        phones = register_phones(workspace, listed, agreed.date(), note)
    rows = [(phone.shown, group_of(phone), phone.province, phone.agreed_on) for phone in phones]
    show_table(
        say("已登记", "on record"), say("号码,运营商,省份,同意日期", "phone,carrier,province,agreed").split(","), rows
    )


def list_phones() -> None:
    """All test phones, masked."""
    from chuda.stores.ledger.channels import test_phones
    from chuda.workspace import open_workspace
    from tasks.channels.phones import group_of

    with open_workspace() as workspace, workspace.ledger.read() as ledger:
        rows = [
            (phone.shown, group_of(phone), phone.province, phone.agreed_on, phone.note) for phone in test_phones(ledger)
        ]
    columns = say("号码,运营商,省份,同意日期,备注", "phone,carrier,province,agreed,note").split(",")
    show_table(say("测试手机", "test phones"), columns, rows)


def remove_phone(person: Annotated[str, typer.Argument(help="phone or token")]) -> None:
    """Take a test phone off the record: it gets no more tests."""
    from chuda.workspace import open_workspace
    from tasks.channels.phones import forget_phone

    with open_workspace() as workspace:
        shown = forget_phone(workspace, person)
    show({"phone": shown}, f"{shown} {say('已移除', 'removed')}")
