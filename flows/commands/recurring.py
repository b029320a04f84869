"""The command that approves occurrences of a recurring campaign beforehand."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.output import say, show

Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="day of the occurrence")]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(allow)


def allow(
    campaign: Annotated[Path, typer.Argument(help="a recurring campaign's YAML")],
    messages: Annotated[int, typer.Option(help="an occurrence may have so many messages")],
    parts: Annotated[int | None, typer.Option(help="and so many parts; by default as many as messages")] = None,
    day: Day = None,
    until: Day = None,
    approver: Annotated[str | None, typer.Option("--as", help="your name as an approver")] = None,
    code: Annotated[str, typer.Option(help="a code of your authenticator; needed on a real channel")] = "",
) -> None:
    """Approve occurrences of a recurring campaign before the night makes their plans, up to stated counts."""
    from chuda.workspace import open_workspace
    from flows.commands.approvers import approver_name
    from tasks.dispatch.approving import SecondFactor
    from tasks.planning.standing import Allowance, allow_occurrences

    factor = SecondFactor(approver_name(approver, code), code)
    with open_workspace() as workspace:
        first = day.date() if day else workspace.clock.now().date()
        allowance = Allowance(first, until.date() if until else first, messages, messages if parts is None else parts)
        made = allow_occurrences(workspace, campaign, allowance, factor)
    data = {"campaign_id": made.campaign_id, "first_day": made.first_day, "last_day": made.last_day,
            "max_messages": made.max_messages, "max_parts": made.max_parts, "by": made.approved_by}  # fmt: skip
    show(
        data,
        say(
            f"{made.approved_by} 已批准 {made.campaign_id} {made.first_day} 至 {made.last_day}，每天最多 "
            f"{made.max_messages:,} 条、计费 {made.max_parts:,} 条；活动、渠道或商家档案改动后失效",
            f"{made.approved_by} approved {made.campaign_id} from {made.first_day} to {made.last_day}, at most "
            f"{made.max_messages:,} messages and {made.max_parts:,} parts a day; void once the campaign, its channel "
            "or its business changes",
        ),
    )
