"""Recurring campaigns: which event of which person a campaign has answered already, for ever."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sqlalchemy import Connection, text

from chuda.stores.ledger.lists import each_of

_CLAIM = text(
    "INSERT INTO event_claim (campaign_id, token, event_key, plan_id, claimed_us) "
    "VALUES (:campaign, :token, :key, :plan, :us) ON CONFLICT DO NOTHING"
)


def claim_events(
    connection: Connection, campaign_id: str, plan_id: str, events: Mapping[str, str], now_us: int
) -> set[str]:
    """Claim the events of people for a plan; whoever claimed one first keeps it.

    Args:
        connection: a writing transaction.
        campaign_id: the recurring campaign.
        plan_id: the plan that is being sealed.
        events: event key by token.
        now_us: when, in microseconds UTC.

    Returns:
        The tokens whose event another plan of this campaign holds.
    """
    if not events:
        return set()
    connection.execute(
        _CLAIM,
        [{"campaign": campaign_id, "token": t, "key": k, "plan": plan_id, "us": now_us} for t, k in events.items()],
    )
    # Asked after the insert: a transaction that claimed at the same time has committed by now.
    held = connection.execute(
        text(
            f"SELECT c.token, c.event_key FROM {each_of(connection)} JOIN event_claim c "
            "ON c.campaign_id = :campaign AND c.token = t.value WHERE c.plan_id <> :plan"
        ),
        {"campaign": campaign_id, "plan": plan_id, "values": json.dumps(list(events))},
    )
    return {row.token for row in held if events[row.token] == row.event_key}


def claimed_events(connection: Connection, campaign_id: str, own_plan: str = "") -> list[tuple[str, str]]:
    """The (token, event key) pairs a campaign has answered, but for those of `own_plan`."""
    rows = connection.execute(
        text("SELECT token, event_key FROM event_claim WHERE campaign_id = :campaign AND plan_id <> :own"),
        {"campaign": campaign_id, "own": own_plan},
    )
    return [(row.token, row.event_key) for row in rows]
