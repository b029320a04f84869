"""Commands around test phones: which there are, and what a plan would say to them."""

from __future__ import annotations

import getpass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from chuda.errors import UsageError
from flows.commands.output import StageLines, say, show, show_table


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(proof)
    phones = typer.Typer(help="测试手机 / test phones", no_args_is_help=True)
    for command, run in (("add", add_phones), ("list", list_phones), ("remove", remove_phone)):
        phones.command(command)(run)
    app.add_typer(phones, name="testphone")


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
