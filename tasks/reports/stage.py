"""The door of the reports room."""

from __future__ import annotations

from pathlib import Path

from chuda.errors import UsageError
from chuda.results import StageResult
from chuda.settings import Language
from chuda.workspace import Workspace, open_workspace
from tasks.reports.report import render_report
from tasks.stage import stage_task


@stage_task("write report")
def write_report(plan_id: str, language: Language = "zh") -> StageResult:
    """Write the HTML report of a plan's campaign; `details["path"]` is where."""
    with open_workspace() as workspace:
        campaign_id = _campaign_of(workspace, plan_id)
        settings = workspace.settings
        html = render_report(settings.marts_file, campaign_id, language)
        settings.reports.mkdir(parents=True, exist_ok=True)
        path: Path = settings.reports / f"{campaign_id}.{language}.html"
        path.write_text(html, encoding="utf-8")
        return StageResult("reports", "", 1, 1, details={"path": str(path), "campaign_id": campaign_id})


def _campaign_of(workspace: Workspace, plan_id: str) -> str:
    with workspace.warehouse.read() as connection:
        row = connection.execute("SELECT campaign_id FROM plan_made WHERE plan_id = ?", [plan_id]).fetchone()
    if row is None:
        raise UsageError(f"there is no plan {plan_id}; `chuda calendar` lists plans")
    return str(row[0])
