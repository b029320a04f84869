"""The command that shows what a person must read."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from flows.commands.output import is_json, say, show, show_table


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(inbox)


def inbox(
    read: Annotated[list[str] | None, typer.Option("--read", help="mark this item as read; may be repeated")] = None,
    read_all: Annotated[bool, typer.Option("--read-all", help="mark all that is shown as read")] = False,
    by: Annotated[str | None, typer.Option("--as", help="your name, if it is not your user name")] = None,
) -> None:
    """Replies nobody has read yet, and what a provider sent that could not be read."""
    from chuda.workspace import open_workspace
    from tasks.feedback.desk import read_inbox, settle_inbox

    with open_workspace() as workspace:
        items = read_inbox(workspace) if read_all or not read else []
        if not read:
            columns = say("编号,时间,渠道,什么,内容", "id,time,channel,what,text").split(",")
            rows = [(i.id, f"{i.at:%Y-%m-%d %H:%M}", i.channel, i.what, i.text) for i in items]
            if rows or is_json():
                show_table(say("待读", "to be read"), columns, rows)
            else:
                show({}, say("没有待读的内容", "nothing to be read"))
        ids = [*(read or []), *(item.id for item in items if read_all)]
        if ids:
            done = settle_inbox(workspace, ids, by or getpass.getuser())
            show({"read": done}, say(f"已读 {done} 条", f"{done} marked as read"))
