"""Which campaign files the night plans: those with a date of today or tomorrow that have no plan yet."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from chuda.campaign.load import load_campaign
from chuda.settings import Settings


def find_due_campaigns(connection: Any, settings: Settings, now: datetime) -> list[Path]:
    """Campaign files that fall due, by name; `auto` dates and recurring events are planned by hand.

    Raises:
        BadFile: a campaign file is wrong.
    """
    planned = set(connection.execute("SELECT campaign_id, occurrence FROM plan_made").fetchall())
    due = []
    for path in sorted(settings.campaigns.glob("*.yaml")):
        if path.name in ("business.yaml", "segments.yaml"):
            continue
        campaign = load_campaign(path, lang=settings.lang).value
        day = campaign.schedule.date if campaign.schedule else None
        is_due = isinstance(day, date) and now.date() <= day <= now.date() + timedelta(days=1)
        if is_due and (campaign.id, str(day)) not in planned:
            due.append(path)
    return due
