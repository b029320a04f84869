"""The door of the content room: the texts of a campaign, before and after they are rendered."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from chuda.results import StageResult
from chuda.workspace import open_workspace
from tasks.compliance.audience import exclude
from tasks.planning.briefing import read_briefing
from tasks.planning.filing import drop_unfiled
from tasks.planning.texts import check_campaign_texts, overflow_policy, render_texts
from tasks.stage import open_stage, stage_task


@stage_task("check content")
def check_content(campaign_file: str) -> StageResult:
    """Check the campaign's templates; a blocking finding refuses the campaign."""
    with open_workspace() as workspace:
        briefing = read_briefing(workspace.settings, Path(campaign_file), workspace.clock.now())
        templates = [template for wording in briefing.wordings.values() for template in wording.values()]
        flags = check_campaign_texts(templates, briefing.context)
        details = {f"flag {number}": finding.message("zh") for number, finding in enumerate(flags, start=1)}
        return StageResult("content", "", len(templates), len(templates), details=details)


@stage_task("render messages")
def render_messages(campaign_file: str) -> StageResult:
    """Render what each eligible person would get under each variant; who can get none is left out with the reason."""
    with open_workspace() as workspace:
        briefing = read_briefing(workspace.settings, Path(campaign_file), workspace.clock.now())
    with open_stage(briefing.draft_id) as stage:
        connection = stage.connection
        people = connection.execute(
            "SELECT c.* FROM audience_candidate c WHERE NOT EXISTS "
            "(SELECT 1 FROM audience_excluded x WHERE x.token = c.token) ORDER BY c.token"
        ).pl()
        rendered = render_texts(people, briefing.wordings, overflow_policy(briefing.campaign), briefing.context)
        rendered = drop_unfiled(rendered, briefing.channel)
        exclude(connection, rendered.excluded)
        connection.register("incoming", rendered.texts.to_arrow())
        connection.execute("CREATE OR REPLACE TABLE message_rendered AS SELECT * FROM incoming")
        connection.unregister("incoming")
        reasons = dict(rendered.excluded.group_by("reason").len().iter_rows())
        kept = rendered.texts.select(pl.col("token").n_unique()).item()
        return StageResult("rendering", "message_rendered", people.height, kept, rejected=reasons)
