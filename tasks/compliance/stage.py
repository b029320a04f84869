"""The door of the compliance room."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from chuda.clock import to_us
from chuda.message_types import rules_of
from chuda.results import StageResult
from chuda.stores.ledger.reading import SUPPRESSIONS, read_frame
from chuda.stores.ledger.releases import claimed_plan, marketing_releases_between, reserved_tokens
from chuda.workspace import open_workspace
from expectations.suites.audience import AUDIENCE
from tasks.compliance.audience import AudienceRequest, choose_audience
from tasks.compliance.rules import CAP_DAYS
from tasks.planning.briefing import Briefing, read_briefing
from tasks.stage import Stage, open_stage, stage_task


@stage_task("check compliance")
def check_compliance(campaign_file: str) -> StageResult:
    """Choose the audience: everybody asked for, less those who must be left out, each with a reason."""
    with open_workspace() as workspace:
        briefing = read_briefing(workspace.settings, Path(campaign_file), workspace.clock.now())
    with open_stage(briefing.draft_id) as stage:
        _choose(stage, briefing)
        connection = stage.connection
        connection.execute(
            "CREATE OR REPLACE TABLE audience_eligible AS SELECT token, segment, province FROM audience_candidate c "
            "WHERE NOT EXISTS (SELECT 1 FROM audience_excluded x WHERE x.token = c.token)"
        )
        scopes = ", ".join(f"'{scope}'" for scope in rules_of(briefing.campaign.type).stopped_by)
        stage.gate.require(AUDIENCE, briefing.campaign.id, {"scopes": scopes})
        asked, eligible = (
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("audience_candidate", "audience_eligible")
        )
        reasons = dict(connection.execute("SELECT reason, count(*) FROM audience_excluded GROUP BY 1").fetchall())
        return StageResult("compliance", "audience_eligible", asked, eligible, reasons, stage.gate.verdict)


def _choose(stage: Stage, briefing: Briefing) -> None:
    campaign, openings = briefing.campaign, briefing.timing.openings.values()
    week = timedelta(days=CAP_DAYS)
    first, last = min(o.opens_at for o in openings) - week, max(o.expires_at for o in openings) + week
    with stage.workspace.ledger.read() as ledger:
        suppressions = read_frame(ledger, SUPPRESSIONS)
        own = claimed_plan(ledger, campaign.id, briefing.occurrence) or ""
        seen = marketing_releases_between(ledger, to_us(first), to_us(last), own_plan=own)
        reserved = reserved_tokens(ledger, seen) if rules_of(campaign.type).capped else {}
    audience = campaign.audience
    request = AudienceRequest(
        message_type=campaign.type,
        segments=tuple(audience.segments) if audience else (),
        left_out=tuple(audience.exclude_segments) if audience else (),
        where=str(audience.where) if audience and audience.where else "TRUE",
        regions=tuple(briefing.channel.coverage),
        weekly_cap=campaign.weekly_cap,
    )
    choose_audience(stage.connection, request, suppressions, reserved)
    stage.connection.execute("CREATE OR REPLACE TABLE release_seen (release_id VARCHAR)")
    if seen:
        stage.connection.executemany("INSERT INTO release_seen VALUES (?)", [(one,) for one in sorted(seen)])
