"""Commands that watch and steer what was released: status, pause, resume, cancel, calendar."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.output import console, is_json, language, say, show

if TYPE_CHECKING:
    from tasks.dispatch.progress import PlanStanding
    from tasks.planning.calendar import CalendarDay, CalendarEntry

PlanId = Annotated[str, typer.Argument(help="plan id, as `chuda plan` prints it")]
STATES = {
    "planned": ("待发", "still to be sent"),
    "intent": ("正在提交", "being submitted"),
    "accepted": ("平台已接收，等回执", "accepted, waiting for its receipt"),
    "delivered": ("已送达", "delivered"),
    "failed": ("未送达", "not delivered"),
    "rejected": ("平台拒绝", "rejected by the provider"),
    "not_sent": ("没发出，会再发", "did not leave, will be tried again"),
    "unknown": ("结果未知，正在查", "not known yet, being asked about"),
    "unconfirmed": ("72 小时无结果，已关闭", "no answer in 72 hours, closed"),
    "suppressed": ("发送前退订等，没发", "opted out and the like before sending"),
    "expired": ("过期，没发", "expired, not sent"),
    "cancelled": ("取消，没发", "cancelled, not sent"),
}
PLAN_STATES = {
    "cancelled": ("已取消", "cancelled"),
    "expired": ("已过期", "expired"),
    "running": ("发送中", "running"),
    "paused": ("已暂停", "paused"),
    "done": ("已完成", "done"),
    "approved": ("已批准，等时段", "approved, waits for its slot"),
    "not_approved": ("未批准", "not approved"),
    "not_planned": ("未计划", "not planned yet"),
}


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (status, pause, resume, cancel, calendar):
        app.command()(command)


def state_name(state: str) -> str:
    """The state of messages for people."""
    return say(*STATES.get(state, (state, state)))


def plan_state_name(state: str) -> str:
    """The state of a plan or a release for people."""
    return say(*PLAN_STATES.get(state, (state, state)))


def status(plan_id: PlanId) -> None:
    """How a released plan stands: states, rate, expected finish, releases and who approved them."""
    from chuda.workspace import open_workspace
    from tasks.dispatch.progress import read_standing

    with open_workspace() as workspace:
        standing = read_standing(workspace, plan_id)
    show(standing.to_json(), "\n".join(_status_lines(standing)))


def _status_lines(standing: PlanStanding) -> Iterator[str]:
    control = standing.control
    state = "done" if control.state == "running" and not standing.open else control.state
    why = ", ".join(part for part in (control.reason, control.by) if part) if state in ("paused", "cancelled") else ""
    yield f"{standing.plan_id} ({standing.campaign_id}, {standing.channel}): {plan_state_name(state)}" + (
        f" ({why})" if why else ""
    )
    for name, messages in sorted(standing.states.items(), key=lambda item: (list(STATES).index(item[0]), item)):
        yield f"  {messages:>10,}  {name}  {state_name(name)}"
    yield f"  {standing.messages:>10,}  {say('合计', 'in all')}"
    if standing.rate is not None:
        yield say(f"  速度 {standing.rate:,.0f} 条/秒", f"  rate {standing.rate:,.0f} messages a second")
    if standing.done_at is not None:
        yield say(f"  预计 {standing.done_at:%m-%d %H:%M} 发完", f"  expected to finish {standing.done_at:%m-%d %H:%M}")
    for one in standing.releases:
        by = say(f"{one.approved_by} 批准（{one.method}）", f"approved by {one.approved_by} ({one.method})")
        line = f"  {one.release_id}: {one.size:,}, {one.opens_at:%m-%d %H:%M}–{one.expires_at:%m-%d %H:%M}, "
        yield line + plan_state_name(one.state) + (f", {by}" if one.approved_by else "")


def _control(plan_id: str, state: str, reason: str) -> None:
    from chuda.clock import to_us
    from chuda.stores.ledger.releases import Control, set_control
    from chuda.workspace import open_workspace

    with open_workspace() as workspace, workspace.ledger.write() as connection:
        now_us = to_us(workspace.clock.now())
        set_control(connection, plan_id, Control(state, reason, getpass.getuser()), now_us)
    status(plan_id)


def pause(plan_id: PlanId, reason: Annotated[str, typer.Option(help="why")] = "") -> None:
    """Stop a running plan within a second; `resume` goes on."""
    _control(plan_id, "paused", reason)


def resume(plan_id: PlanId) -> None:
    """Let a paused plan go on; `send` (or the schedule) takes it up."""
    _control(plan_id, "running", "")


def cancel(plan_id: PlanId, reason: Annotated[str, typer.Option(help="why")] = "") -> None:
    """End a plan for good; what was not started is cancelled."""
    _control(plan_id, "cancelled", reason)


def calendar(
    back: Annotated[int, typer.Option(min=0, help="days to look back")] = 7,
    ahead: Annotated[int, typer.Option(min=0, help="days to look ahead")] = 60,
) -> None:
    """Day by day what is planned, running and done, with its hours and the people who are at their weekly cap."""
    from chuda.workspace import open_workspace
    from tasks.planning.calendar import read_calendar

    with open_workspace() as workspace, workspace.warehouse.read() as connection:
        now = workspace.clock.now()
        days = read_calendar(connection, workspace.ledger, workspace.settings, now, back, ahead)
    for day in days:
        _show_day(day)
    if not days and not is_json():
        console.print(say("这段时间没有活动", "nothing in these days"))


def _show_day(day: CalendarDay) -> None:
    from tasks.planning.summary import Words

    if is_json():
        show(day.to_json(), "")
        return
    weekday = Words(language()).weekday(day.day)
    title = say(
        f"{day.day} {weekday}：{day.planned:,} 条，{day.people_at_cap:,} 人 7 天内已满 3 条",
        f"{day.day} {weekday}: {day.planned:,} messages; {day.people_at_cap:,} people have their 3 in 7 days",
    )
    console.print(title, style="bold", markup=False)
    for one in day.entries:
        console.print(f"  {_entry_line(one)}", markup=False)


def _entry_line(one: CalendarEntry) -> str:
    if one.at is None:
        return f"       {one.campaign_id}  {one.channel}  {plan_state_name(one.state)}"
    messages = say(f"{one.planned:,} 条，已接收 {one.sent:,}", f"{one.planned:,} messages, {one.sent:,} accepted")
    part = say("（推广）", " (roll-out)") if one.wave == "rollout" else ""
    where = f"{one.channel} {one.window}"
    return f"{one.at:%H:%M}  {one.campaign_id}{part}  {one.plan_id}  {where}  {messages}  {plan_state_name(one.state)}"
