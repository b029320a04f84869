"""The door of the planning room."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from chuda.results import StageResult
from chuda.stores.warehouse import drop_draft
from chuda.workspace import open_workspace
from expectations.suites.messages import PUBLISHED_PLAN
from tasks.planning.briefing import Briefing, read_briefing
from tasks.planning.plan import publish_plan, routing_of, settle_timing, stage_messages
from tasks.planning.standing import cover_plan
from tasks.stage import open_stage, stage_task


@stage_task("make plan")
def make_plan(campaign_file: str) -> StageResult:
    """Freeze the draft as a plan; `details["plan_id"]` names it."""
    with open_workspace() as workspace:
        briefing = read_briefing(workspace.settings, Path(campaign_file), workspace.clock.now())
    with open_stage(briefing.draft_id) as stage:
        briefing = replace(briefing, timing=settle_timing(stage.connection, briefing.timing))
        stage_messages(stage.connection, briefing, stage.gate)
        seen = [row[0] for row in stage.connection.execute("SELECT release_id FROM release_seen ORDER BY 1").fetchall()]
        plan = publish_plan(stage.connection, briefing, seen, stage.now)
        stage.gate.require(PUBLISHED_PLAN, briefing.campaign.id, {"plan": plan.plan_id})
        details = {"plan_id": plan.plan_id, "cost_cny": str(plan.cost)}
        details |= {f"route {number}": said for number, said in enumerate(routing_of(briefing).said(), start=1)}
        details |= {f"standby {number}": c.name for number, c in enumerate(briefing.standby, start=1)}
        details |= {f"warning {number}": text for number, text in enumerate(plan.warnings, start=1)}
        verdict = stage.gate.verdict
    forget_draft(briefing)
    return StageResult("planning", "plan_message", plan.audience, plan.planned, plan.excluded, verdict, details)


@stage_task("cover by a standing approval")
def cover_occurrence(campaign_file: str, plan_id: str) -> StageResult:
    """Approve and seal a recurring campaign's plan if a standing approval covers it, else say why not."""
    with open_workspace() as workspace:
        waits = cover_plan(workspace, Path(campaign_file), plan_id)
    return StageResult("approval", "release", 1, 0 if waits else 1, details={"waits": waits} if waits else {})


def forget_draft(briefing: Briefing) -> None:
    """Remove what the stages built of a plan that is made, or will not be."""
    with open_workspace() as workspace, workspace.warehouse.write() as connection:
        drop_draft(connection, briefing.draft_id)
