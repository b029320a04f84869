"""Rows of published plans, for tests that need a plan and not the hours of planning it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from chuda.campaign import load_campaign
from chuda.clock import BUSINESS_ZONE
from chuda.records import load_channel

CAMPAIGNS = Path(__file__).parents[1] / "data" / "campaigns"
OPENS = datetime(2026, 11, 20, 15, 0, tzinfo=BUSINESS_ZONE)


def insert(connection: Any, table: str, **values: Any) -> None:
    names = ", ".join(values)
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(values))})", list(values.values()))


def put_plan(connection: Any, plan_id: str = "p1", simulator: bool = True, offer: str = "50", **changes: Any) -> None:
    """A plan without people: the demo's campaign and channel."""
    campaign = json.loads(load_campaign(CAMPAIGNS / "demo_retail.yaml").value.canonical_json())
    campaign["budget_cny"] = offer
    channel = load_channel(CAMPAIGNS / "channels/demo.yaml").value.model_copy(update={"simulator": simulator})
    insert(
        connection, "plan_made",
        **{
            "plan_id": plan_id, "plan_hash": f"hash-{plan_id}", "campaign_id": "demo-retail",
            "campaign_name": "周末满减", "occurrence": "once", "message_type": "marketing", "trade": "retail",
            "channel": "demo", "click_tracking": "none", "billing": "submitted", "price_cny": Decimal("0.05"),
            "attribution_days": 7, "audience_size": 10, "planned": 4, "excluded": 6, "parts": 5, "opens_at": OPENS,
            "closes_at": OPENS + timedelta(hours=24), "created_at": OPENS, "window_start_minute": 540,
            "window_end_minute": 1230, "campaign": json.dumps(campaign), "channel_record": channel.model_dump_json(),
            "seen_releases": [],
        } | changes,
    )  # fmt: skip
    put_plan_release(connection, plan_id, 1, size=4, parts=5)


def put_plan_release(connection: Any, plan_id: str, number: int, **changes: Any) -> None:
    insert(
        connection, "plan_release",
        **{"plan_id": plan_id, "number": number, "wave": "all", "opens_at": OPENS,
           "expires_at": OPENS + timedelta(hours=24), "size": 1, "parts": 1} | changes,
    )  # fmt: skip
