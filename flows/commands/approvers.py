"""The command that approves, and what `init` says to those it enrols."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from flows.commands.output import StageLines, say, show

PlanId = Annotated[str, typer.Argument(help="plan id, as `chuda plan` prints it")]
Code = Annotated[str, typer.Option(help="six digits of your authenticator, or a recovery code")]
As = Annotated[str | None, typer.Option("--as", help="your name as an approver, if it is not your user name")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(approve)


def approve(
    plan_id: PlanId,
    code: Code = "",
    approver: As = None,
    release: Annotated[int | None, typer.Option(help="which release; by default the first that waits")] = None,
) -> None:
    """Approve a plan and seal it: all of it on a simulator channel, one release per --code on a real one."""
    from flows.campaign import listening
    from tasks.dispatch.stage import approve_plan

    name = approver_name(approver, code)
    listener = StageLines()
    with listening(listener):
        result = approve_plan.fn(plan_id, name, code, release)
    approved, waiting = result.details["approved"], result.details["waiting"]
    data = {"plan_id": plan_id, "messages": result.rows_in, "approved": approved, "waiting": waiting, "by": name}
    text = say(
        f"{name} 已批准 {result.rows_in:,} 条（{approved or '没有新的批次'}）",
        f"{name} approved {result.rows_in:,} messages ({approved or 'nothing new'})",
    )
    if waiting:
        text += say(
            f"\n还待批准，每批一个新验证码：{waiting}", f"\nstill waiting, each for a code of its own: {waiting}"
        )
    show(data, text)


def approver_name(asked: str | None, code: str) -> str:
    """Whose approval it is: with a code an enrolled person's, without one the user's."""
    from chuda.workspace import open_workspace
    from tasks.dispatch.approving import choose_approver

    if not code:
        return asked or getpass.getuser()
    with open_workspace() as workspace:
        return choose_approver(workspace, asked, getpass.getuser())


def show_enrolment(name: str, voucher: str | None, code: str) -> None:
    """Enrol an approver and show what they need, once."""
    from chuda.workspace import open_workspace
    from tasks.dispatch.approving import SecondFactor
    from tasks.dispatch.enrolling import enrol_approver

    with open_workspace() as workspace:
        factor = SecondFactor(approver_name(voucher, code), code) if code else None
        made = enrol_approver(workspace, name, factor)
    codes = "\n".join(f"  {one}" for one in made.recovery_codes)
    show(
        {"approver": made.name, "uri": made.uri, "secret": made.secret, "recovery_codes": list(made.recovery_codes)},
        say(
            f"审批人 {name} 已登记。把下面的密钥输入验证器应用（基于时间，6 位，30 秒）：\n  {made.secret}\n"
            f"或由它生成二维码：\n  {made.uri}\n恢复码，每个只能用一次，手机丢失时用，请抄在纸上：\n{codes}\n"
            "以上内容只显示这一次。",
            f"{name} may approve now. Type this key into an authenticator application (time-based, 6 digits, 30 s):\n"
            f"  {made.secret}\nor make a QR code of:\n  {made.uri}\n"
            f"Recovery codes for a lost phone, each works once; write them on paper:\n{codes}\n"
            "None of this is shown again.",
        ),
    )


def show_removal(name: str, voucher: str | None, code: str) -> None:
    """Take an approver off the list."""
    from chuda.workspace import open_workspace
    from tasks.dispatch.approving import SecondFactor
    from tasks.dispatch.enrolling import remove_approver

    with open_workspace() as workspace:
        factor = SecondFactor(approver_name(voucher, code), code) if code else None
        remove_approver(workspace, name, factor)
    show({"removed": name}, say(f"{name} 不能再审批", f"{name} may no longer approve"))
