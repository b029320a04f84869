"""Looking at a plan again: what its texts are flagged for, and whether its campaign changed after it was released."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from chuda.errors import Refused
from chuda.records.channel import ChannelRecord
from chuda.settings import Settings
from chuda.stores.ledger.releases import claimed_plan
from chuda.workspace import Workspace
from tasks.content.checks import check_text
from tasks.content.findings import Finding
from tasks.planning.briefing import Briefing, checking_context
from tasks.planning.difference import changed_paths
from tasks.planning.figures import PlanFigures, campaign_of, read_plan_row


def flags_of_plan(connection: Any, settings: Settings, figures: PlanFigures) -> tuple[Finding, ...]:
    """What a person has to judge in the texts that a published plan shows; what blocks made no plan."""
    plan = read_plan_row(connection, figures.plan_id)
    campaign, channel = campaign_of(plan), ChannelRecord.model_validate_json(plan["channel_record"])
    context = replace(
        checking_context(settings), message_type=campaign.type, trade=campaign.trade,
        opt_out_wording=channel.opt_out_wording, max_units=campaign.template.max_units,
    )  # fmt: skip
    found = {
        (finding.message_key, finding.excerpt): finding
        for text in figures.texts
        for finding in check_text(text.sample, context)
        if finding.severity == "flag"
    }
    return tuple(found.values())


def refuse_changed_after_release(workspace: Workspace, briefing: Briefing) -> None:
    """Refuse to plan a campaign file that was changed after a plan of it was released.

    Raises:
        Refused: naming the keys; what was approved stays what is sent.
    """
    campaign = briefing.campaign
    with workspace.ledger.read() as ledger:
        released = claimed_plan(ledger, campaign.id, briefing.occurrence)
    if released is None:
        return
    with workspace.warehouse.read() as connection:
        approved = json.loads(read_plan_row(connection, released)["campaign"])
    changed = list(changed_paths(approved, json.loads(campaign.canonical_json())))
    if changed:
        raise Refused(
            f"{campaign.id} 已按计划 {released} 批准，之后改动的 {', '.join(changed)} 不在其中，发送时批准作废 / was "
            f"approved as plan {released}; what was changed in the file since ({', '.join(changed)}) is not in it, "
            "and the next `send` voids the approval. "
            f"Put the file back, or give the changed campaign a new id (and `chuda cancel {released}`)"
        )
