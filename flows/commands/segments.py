"""Commands around segments: refreshing them, looking at them, handing one to another channel."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chuda.clock import BUSINESS_ZONE
from flows.commands.output import console, is_json, say, show, show_table

if TYPE_CHECKING:
    from chuda.campaign.segments import Segment

OnDay = Annotated[str | None, typer.Option("--on", help="a day (its end) or a moment: 2026-11-20, 2026-11-20T10:00")]


def refresh() -> None:
    """Recompute tags, life stages and segments."""
    from tasks.segments.stage import refresh_all_segments

    result = refresh_all_segments.fn()
    data = {"contacts": result.rows_in, "memberships": result.rows_out, "verdict": result.verdict}
    text = say(f"{result.rows_in:,} 人，{result.rows_out:,} 个分群归属", f"{result.rows_in:,} people tagged")
    show({**data, "details": result.details}, text)
    for name, change in result.details.items():
        if name.startswith("jump ") and not is_json():
            said = say("人数异常变化，请核对定义和数据", "an implausible jump: check definition and data")
            console.print(f" ! {name.removeprefix('jump ')}: {change}  {said}", markup=False)


def show_segments(
    name: Annotated[str | None, typer.Argument(help="one segment: its overlaps and a preview")] = None,
    on: OnDay = None,
) -> None:
    """Sizes of all segments; of one, its overlaps and a preview, or how many were in it on a day."""
    from chuda.workspace import open_workspace
    from tasks.planning.briefing import load_all_segments
    from tasks.segments.overview import list_sizes, members_at

    with open_workspace() as workspace, workspace.warehouse.read() as connection:
        segments = {segment.name: segment for segment in load_all_segments(workspace.settings)}
        if name is not None and on is not None:
            people = members_at(connection, name, _moment(on)).height
            text = say(f"{name}（{on}）：{people:,} 人", f"{name} on {on}: {people:,} people")
            show({"segment": name, "on": on, "people": people}, text)
        elif name is not None:
            _show_one(connection, name, segments)
        else:
            rows = [
                (size.segment, segments[size.segment].label if size.segment in segments else "", size.people,
                 "" if size.before is None else f"{size.people - size.before:+,}")
                for size in list_sizes(connection)
            ]  # fmt: skip
            columns = say("名称,说明,人数,较上次", "name,label,people,change").split(",")
            show_table(say("分群", "segments"), columns, rows)


def export_segment(
    name: Annotated[str, typer.Argument(help="the segment")],
    out: Annotated[Path, typer.Option(help="a new CSV file, for you alone (0600)")],
    on: OnDay = None,
    phones: Annotated[bool, typer.Option("--phones", help="with numbers; else token and member number")] = False,
) -> None:
    """Who is in a segment, or was on a day, for use on another channel."""
    from chuda.workspace import open_workspace
    from tasks.segments.exporting import export_members

    with open_workspace() as workspace:
        moment = _moment(on) if on else workspace.clock.now()
        count = export_members(workspace, name, moment, out, with_phones=phones)
    show({"file": str(out), "people": count}, say(f"{out}：{count:,} 人", f"{out}: {count:,} people"))


def _show_one(connection: object, name: str, segments: dict[str, Segment]) -> None:
    from chuda.errors import UsageError
    from tasks.segments.overview import preview_segment

    if name not in segments:
        raise UsageError(f"there is no segment “{name}”; there are: {', '.join(sorted(segments))}")
    segment = segments[name]
    found = preview_segment(connection, segment)
    share = found.people / found.contacts if found.contacts else 0
    data = {"segment": name, "label": segment.label, "condition": segment.condition.text, "people": found.people}
    people = say(f"{found.people:,} 人，占 {share:.1%}", f"{found.people:,} people, {share:.1%} of all")
    show(data, f"{name} {segment.label}: {people}\n{segment.condition.text}")
    overlaps = [(other, both, f"{both / found.people:.1%}") for other, both in found.overlaps] if found.people else []
    show_table(say("与其他分群重叠", "overlaps"), say("分群,人数,占比", "segment,both,share").split(","), overlaps)
    show_table(say("举例", "examples"), found.columns, found.examples)


def _moment(text: str) -> datetime:
    """A moment; a day alone means its end."""
    from chuda.errors import UsageError

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--on {text!r} is no day or time; write 2026-11-20 or 2026-11-20T10:00") from None
    end = moment + timedelta(days=1) if len(text) <= len("2026-11-20") else moment
    return end if end.tzinfo else end.replace(tzinfo=BUSINESS_ZONE)
