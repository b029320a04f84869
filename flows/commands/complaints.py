"""Commands about complaints: the 24-hour clock, cause and action taken."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.output import is_json, say, show, show_table

if TYPE_CHECKING:
    from chuda.stores.ledger.complaints import ComplaintCase

_NAMES = ("id", "person", "source", "complained", "deadline", "late", "text", "suppressed", "cause", "action",
          "closed by")  # fmt: skip
By = Annotated[str | None, typer.Option("--as", help="your name, if it is not your user name")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    group = typer.Typer(help="投诉：24 小时时钟、原因、处理 / complaints", no_args_is_help=True)
    group.command("add")(add)
    group.command("list")(list_all)
    group.command("close")(close)
    app.add_typer(group, name="complaint")


def add(
    person: Annotated[str, typer.Argument(help="phone or token")],
    text: Annotated[str, typer.Option(help="what they said")] = "",
    source: Annotated[str, typer.Option(help="how it came: hotline, provider, 12321 …")] = "manual",
    at: Annotated[str | None, typer.Option(help="when, as ISO time; now if not given")] = None,
) -> None:
    """Record a complaint that came another way than by reply; the person is suppressed at once, from everything."""
    from chuda.clock import from_us
    from chuda.workspace import open_workspace
    from tasks.feedback.desk import add_complaint

    with open_workspace() as workspace:
        case = add_complaint(workspace, person, text, source, at)
    deadline = f"{from_us(case.deadline_us):%Y-%m-%d %H:%M}"
    line = say(
        f"投诉 {case.id}：{case.shown} 已停发一切；请在 {deadline} 前登记原因和处理",
        f"complaint {case.id}: {case.shown} is suppressed from everything; state cause and action by {deadline}",
    )
    show({"complaint": case.id, "person": case.shown, "deadline": deadline}, line)


def list_all(
    everything: Annotated[bool, typer.Option("--all", help="closed ones too")] = False,
) -> None:
    """Open complaints with their clocks; exit code 3 if the clock of one has run out."""
    from chuda.clock import to_us
    from chuda.workspace import open_workspace
    from tasks.feedback.desk import complaints_on_record

    with open_workspace() as workspace:
        cases = complaints_on_record(workspace, with_closed=everything)
        now_us = to_us(workspace.clock.now())
    if is_json():
        show_table("", _NAMES, [_row(case, now_us) for case in cases])
    elif not cases:
        show({}, say("没有未关闭的投诉；--all 也列出已关闭的", "no open complaints; --all lists closed ones too"))
    else:
        columns = say("编号,人,来源,投诉时间,状态,内容", "id,person,source,complained,state,text").split(",")
        columns += say("原因,处理", "cause,action").split(",") if everything else []
        show_table(say("投诉", "complaints"), columns, [_line(case, now_us)[: len(columns)] for case in cases])
    if any(case.closed_us is None and now_us > case.deadline_us for case in cases):
        raise typer.Exit(3)


def _row(case: ComplaintCase, now_us: int) -> list[str | int]:
    is_late = case.is_overdue(now_us) or (case.closed_us is None and now_us > case.deadline_us)
    return [case.id, case.shown, _source(case), _shown(case.complained_us), _shown(case.deadline_us),
            "yes" if is_late else "", case.text, _shown(case.done_us), case.cause or "", case.action or "",
            case.closed_by or ""]  # fmt: skip


def _line(case: ComplaintCase, now_us: int) -> list[str | int]:
    if case.closed_us is not None:
        state = say(f"{case.closed_by} 已关闭", f"closed by {case.closed_by}")
    elif now_us > case.deadline_us:
        state = say(f"已超时：应在 {_shown(case.deadline_us)} 前", f"OVERDUE since {_shown(case.deadline_us)}")
    else:
        state = say(f"{_shown(case.deadline_us)} 前处理", f"due by {_shown(case.deadline_us)}")
    return [case.id, case.shown, _source(case), _shown(case.complained_us), state, case.text, case.cause or "",
            case.action or ""]  # fmt: skip


def _source(case: ComplaintCase) -> str:
    return f"{case.source} {case.channel}".strip()


def _shown(moment: int | None) -> str:
    from chuda.clock import from_us

    return "" if moment is None else f"{from_us(moment):%m-%d %H:%M}"


def close(
    complaint_id: Annotated[int, typer.Argument(help="number, as `chuda complaint list` shows it")],
    cause: Annotated[str, typer.Option(help="why they complained")],
    action: Annotated[str, typer.Option(help="what was done")],
    by: By = None,
) -> None:
    """Close a complaint: a person states its cause and the action taken."""
    from chuda.workspace import open_workspace
    from tasks.feedback.desk import finish_complaint

    with open_workspace() as workspace:
        case = finish_complaint(workspace, complaint_id, cause, action, by or getpass.getuser())
    line = say(f"投诉 {case.id} 已由 {case.closed_by} 关闭", f"complaint {case.id} closed by {case.closed_by}")
    show({"complaint": case.id, "cause": case.cause, "action": case.action, "by": case.closed_by}, line)
