"""The door of the reports room."""

from __future__ import annotations

from pathlib import Path

from chuda.results import StageResult
from chuda.settings import Language
from chuda.workspace import Workspace, open_workspace
from tasks.channels.comparison import compare_workspace
from tasks.channels.lines import load_channel_lines
from tasks.planning.briefing import load_channels
from tasks.reports.channels import render_channels
from tasks.reports.report import render_report
from tasks.reports.week import last_full_week, monday_of, render_week
from tasks.stage import stage_task


@stage_task("write report")
def write_report(subject: str, language: Language = "zh") -> StageResult:
    """Write the HTML report of a campaign, named by its id or that of one of its plans; `details["path"]` is where."""
    with open_workspace() as workspace:
        campaign_id = _campaign_of(workspace, subject)
        html = render_report(workspace.settings.marts_file, campaign_id, language)
        path = _publish(workspace, f"{campaign_id}.{language}.html", html)
        return StageResult("reports", "", 1, 1, details={"path": str(path), "campaign_id": campaign_id})


@stage_task("write weekly report")
def write_week(day: str = "", language: Language = "zh") -> StageResult:
    """Write the HTML report of the week of `day` (YYYY-MM-DD), by default of the last full week."""
    with open_workspace() as workspace:
        monday = monday_of(day) if day else last_full_week(workspace.clock.now())
        html = render_week(workspace.settings.marts_file, monday, language)
        path = _publish(workspace, f"week-{monday}.{language}.html", html)
        _compare_channels(workspace, language)  # the week's page links to it
        return StageResult("reports", "", 1, 1, details={"path": str(path), "week": str(monday)})


@stage_task("write channel comparison")
def write_channels(language: Language = "zh") -> StageResult:
    """Write the HTML page that compares the channels; `details["path"]` is where."""
    with open_workspace() as workspace:
        path, channels = _compare_channels(workspace, language)
        return StageResult("reports", "", channels, channels, details={"path": str(path)})


def _compare_channels(workspace: Workspace, language: Language) -> tuple[Path, int]:
    settings, compared = workspace.settings, compare_workspace(workspace)
    lines = load_channel_lines(settings.reference)
    others = sorted(set(load_channels(settings)) - {each.record.name for each in compared})
    html = render_channels(settings.marts_file, compared, others, lines, workspace.clock.now(), language)
    return _publish(workspace, f"channels.{language}.html", html), len(compared)


def _publish(workspace: Workspace, name: str, html: str) -> Path:
    folder = workspace.settings.reports
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(html, encoding="utf-8")
    return path


def _campaign_of(workspace: Workspace, subject: str) -> str:
    """The campaign of a plan id; anything else is taken for a campaign id, which the marts know or not."""
    with workspace.warehouse.read() as connection:
        row = connection.execute("SELECT campaign_id FROM plan_made WHERE plan_id = ?", [subject]).fetchone()
    return subject if row is None else str(row[0])
