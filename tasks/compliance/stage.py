"""The door of the compliance room."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from chuda.clock import to_us
from chuda.message_types import rules_of
from chuda.results import StageResult
from chuda.stores.ledger.channels import test_phones
from chuda.stores.ledger.events import claimed_events
from chuda.stores.ledger.reading import SUPPRESSIONS, read_frame
from chuda.stores.ledger.releases import (
    claimed_plan,
    marketing_releases_between,
    releases_on_channel_between,
    reserved_tokens,
)
from chuda.workspace import open_workspace
from expectations.suites.audience import AUDIENCE, AUDIENCE_OF_A_NIGHT
from tasks.compliance.audience import (
    AudienceRequest,
    Restraints,
    choose_audience,
    find_troubled_numbers,
)
from tasks.compliance.rules import CAP_DAYS
from tasks.kpi.receipt_codes import load_receipt_codes
from tasks.planning.briefing import Briefing, read_briefing
from tasks.planning.events import choose_due_events
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
        suite = AUDIENCE_OF_A_NIGHT if briefing.recurring else AUDIENCE
        stage.gate.require(suite, briefing.campaign.id, {"scopes": scopes})
        asked, eligible = (
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("audience_candidate", "audience_eligible")
        )
        reasons = dict(connection.execute("SELECT reason, count(*) FROM audience_excluded GROUP BY 1").fetchall())
        return StageResult("compliance", "audience_eligible", asked, eligible, reasons, stage.gate.verdict)


def _choose(stage: Stage, briefing: Briefing) -> None:
    campaign, opens_at = briefing.campaign, briefing.timing.first_opening
    restraints, seen, claimed = _read_ledger(stage, briefing)
    if briefing.recurring:
        choose_due_events(stage.connection, briefing.recurring, opens_at.date(), claimed)
    providers = ("*", briefing.channel.adapter)
    codes = [(code, kind, sure) for provider, code, kind, sure in load_receipt_codes() if provider in providers]
    find_troubled_numbers(stage.connection, codes, stage.now)
    audience = campaign.audience
    request = AudienceRequest(
        message_type=campaign.type,
        segments=tuple(audience.segments) if audience else (),
        left_out=tuple(audience.exclude_segments) if audience else (),
        where=str(audience.where) if audience and audience.where else "TRUE",
        regions=tuple(briefing.channel.coverage),
        weekly_cap=campaign.weekly_cap,
        daily_cap=briefing.channel.messages_per_person_per_day,
        opens_at=opens_at,
        is_trade_authorised=briefing.is_authorised_on(briefing.timing.last_expiry.date()),
        is_recurring=briefing.recurring is not None,
        nightly_limit=briefing.recurring.max_per_night if briefing.recurring else None,
    )
    choose_audience(stage.connection, request, restraints)
    stage.connection.execute("CREATE OR REPLACE TABLE release_seen (release_id VARCHAR)")
    if seen:
        stage.connection.executemany("INSERT INTO release_seen VALUES (?)", [(one,) for one in sorted(seen)])


def _read_ledger(stage: Stage, briefing: Briefing) -> tuple[Restraints, set[str], list[tuple[str, str]]]:
    """What the ledger knows against messaging people, which releases the cap was counted from, the answered events."""
    campaign, timing, day = briefing.campaign, briefing.timing, timedelta(days=1)
    first, last = timing.first_opening - CAP_DAYS * day, timing.last_expiry + CAP_DAYS * day
    with stage.workspace.ledger.read() as ledger:
        own = claimed_plan(ledger, campaign.id, briefing.occurrence) or ""
        seen = marketing_releases_between(ledger, to_us(first), to_us(last), own_plan=own)
        today = releases_on_channel_between(
            ledger, briefing.channel.name, to_us(timing.first_opening - day), to_us(timing.last_expiry), own_plan=own
        )
        restraints = Restraints(
            suppressions=read_frame(ledger, SUPPRESSIONS),
            reserved=reserved_tokens(ledger, seen) if rules_of(campaign.type).capped else {},
            today=reserved_tokens(ledger, today),
            test_contacts=[phone.token for phone in test_phones(ledger)],
        )
        return restraints, seen, claimed_events(ledger, campaign.id) if briefing.recurring else []
