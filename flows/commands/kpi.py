"""Commands about what came of it: the marts, their export, alerts, reports."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.output import StageLines, language, say, show


class Form(StrEnum):
    """What an export is written as."""

    xlsx = "xlsx"
    csv = "csv"


def register(app: typer.Typer) -> None:
    """Add these commands."""
    group = typer.Typer(help="指标 / KPIs", no_args_is_help=True)
    group.callback()(_kpi)
    group.command("refresh")(refresh)
    group.command("export")(export)
    group.command("alerts")(alerts)
    app.add_typer(group, name="kpi")
    app.command()(report)


def _kpi() -> None:
    """The marts."""


def refresh(
    full: Annotated[bool, typer.Option("--full", help="build everything anew, not only what changed")] = False,
) -> None:
    """Bring the marts up to date, publish them and tell new alerts; analysts keep what they have open."""
    from time import perf_counter

    from tasks.kpi.stage import refresh_kpis, tell_alerts

    lines = StageLines()
    started = perf_counter()
    lines(refresh_kpis.fn(full), perf_counter() - started)
    started = perf_counter()
    lines(tell_alerts.fn(), perf_counter() - started)


def alerts() -> None:
    """Tell the groups named in the environment what they were not told yet, and list what is open."""
    from chuda.stores.marts import open_marts, read_rows
    from chuda.workspace import open_workspace
    from tasks.kpi.lines import load_lines
    from tasks.kpi.stage import tell_alerts
    from tasks.reports.report import segment_names
    from tasks.reports.sections import say_alert
    from tasks.reports.wording import Words

    told = tell_alerts.fn().details
    with open_workspace() as workspace, open_marts(workspace.settings.marts_file) as marts:
        rows = read_rows(marts, "from alert order by since_at desc")
    words, lines, labels = Words(language()), load_lines(), segment_names(language())
    text = [
        f"[{words.say('severity_' + row['severity'])}] {row['campaign_id'] or ''} "
        f"{say_alert(row, lines, words, labels)} → {row['advice_' + language()]}"
        for row in rows
    ]
    text.append(", ".join(f"{key} {count}" for key, count in told.items()) or say("没有新推送", "nobody new was told"))
    show({"alerts": [dict(row) for row in rows], "told": dict(told)}, "\n".join(text))


def export(
    out: Annotated[Path | None, typer.Option(help="folder; by default exports/ in the state folder")] = None,
    form: Annotated[Form, typer.Option(help="one workbook, or a CSV file per mart")] = Form.xlsx,
    mart: Annotated[list[str] | None, typer.Option(help="only this mart; may be repeated")] = None,
    segment: Annotated[str | None, typer.Option(help="the people of this segment instead, by token")] = None,
    low_open: Annotated[bool, typer.Option("--low-open", help="the people of segments that do not open")] = False,
    numbers: Annotated[
        bool, typer.Option("--numbers", help="with their phone numbers; the file is yours to guard")
    ] = False,
) -> None:
    """Write the KPIs as Excel or CSV; or the people of a segment, to reach them over another channel."""
    from chuda.errors import UsageError
    from chuda.workspace import open_workspace

    is_list = segment is not None or low_open
    if numbers and not is_list:
        raise UsageError("--numbers goes with --segment NAME or --low-open: KPIs have no numbers")
    with open_workspace() as workspace:
        folder = out or workspace.settings.home / "exports"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        stamp = f"{workspace.clock.now():%Y%m%d-%H%M%S}"
        if is_list:
            from tasks.kpi.lists import export_people

            path = folder / f"people-{segment or 'low-open'}-{stamp}.csv"
            written = export_people(workspace, path, segment, is_low_only=low_open, with_numbers=numbers)
            paths = [path]
        else:
            paths, written = _export_marts(workspace.settings.marts_file, folder, stamp, form, mart or [])
    text = "\n".join([*(f"{name}: {rows:,}" for name, rows in written.items()), *map(str, paths)])
    show({"rows": written, "paths": [str(path) for path in paths]}, text)


def _export_marts(
    marts_file: Path, folder: Path, stamp: str, form: Form, names: list[str]
) -> tuple[list[Path], dict[str, int]]:
    from chuda.stores.marts import open_marts
    from tasks.kpi.export import choose_marts, export_csv, export_workbook

    chosen = choose_marts(names)
    with open_marts(marts_file) as marts:
        if form is Form.xlsx:
            path = folder / f"kpi-{stamp}.xlsx"
            return [path], export_workbook(marts, chosen, path, language())
        paths = [folder / f"{mart.name}-{stamp}.csv" for mart in chosen]
        rows = [export_csv(marts, mart, path, language()) for mart, path in zip(chosen, paths, strict=True)]
    return paths, {mart.name: count for mart, count in zip(chosen, rows, strict=True)}


def report(
    campaign: Annotated[str, typer.Argument(help="campaign or plan id; without one: a week")] = "",
    week: Annotated[str, typer.Option(help="a day of it, YYYY-MM-DD; by default of the last full week")] = "",
) -> None:
    """Write the HTML report of a campaign, or of a week over all campaigns, and print its path."""
    from tasks.reports.stage import write_report, write_week

    result = write_report.fn(campaign, language()) if campaign else write_week.fn(week, language())
    show(dict(result.details), result.details["path"])
