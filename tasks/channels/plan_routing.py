"""The routing of a plan that is made: what it is today, for the releases that are still to come."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from chuda.records.business import BusinessRecord
from chuda.records.channel import ChannelRecord
from chuda.settings import Settings
from tasks.channels.choice import able_to_take_over, read_standing
from tasks.channels.fitness import reasons_against
from tasks.channels.routing import Routing, choose_routing
from tasks.planning.briefing import load_channels


def routing_of_plan(connection: Any, plan_id: str, settings: Settings, now: datetime) -> Routing | None:
    """The plan's own channel, the others of its campaign that may take over, and what avoids which; None without it."""
    row = connection.execute(
        "SELECT p.campaign, p.channel_record, p.message_type, s.business FROM plan_made p "
        "LEFT JOIN plan_source s ON s.plan_id = p.plan_id WHERE p.plan_id = ?",
        [plan_id],
    ).fetchone()
    if row is None:
        return None
    own, channels = ChannelRecord.model_validate_json(row[1]), load_channels(settings)
    verdicts, routes = read_standing(settings)
    others = [
        channels[name]
        for name in json.loads(row[0])["channels"]
        if name != own.name and name in channels and not reasons_against(channels[name], row[2], verdicts, now)
    ]
    signatures = frozenset(own.signatures)
    if row[3] is not None:
        signatures &= BusinessRecord.model_validate_json(row[3]).allowed_signatures
    return choose_routing(own, able_to_take_over(own, others, signatures), routes)
