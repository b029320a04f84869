"""Which campaign files the night plans: those with a date of today or tomorrow that have no plan yet, and
recurring ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from chuda.campaign.load import load_campaign
from chuda.errors import Refused
from chuda.settings import Settings


class NobodyDue(Refused):
    """Nobody's event falls due in an occurrence, or everybody whose does must be left out: an ordinary night."""

    def __init__(self, campaign_id: str, occurrence: str, excluded: Mapping[str, int]) -> None:
        said = ", ".join(f"{reason} {people:,}" for reason, people in excluded.items())
        super().__init__(
            f"{campaign_id} ({occurrence}): 今晚没有人到期 / nobody's event falls due"
            + (f"; left out: {said}" if said else "")
        )


def find_due_campaigns(connection: Any, settings: Settings, now: datetime) -> list[Path]:
    """Campaign files that fall due, by name; those with an `auto` date are planned by hand.

    A recurring campaign falls due every night until its last day; planning it again gives the plan that was released.

    Raises:
        BadFile: a campaign file is wrong.
    """
    planned = set(connection.execute("SELECT campaign_id, occurrence FROM plan_made").fetchall())
    due = []
    for path in sorted(settings.campaigns.glob("*.yaml")):
        if path.name in ("business.yaml", "segments.yaml", "lexicon.yaml"):
            continue
        campaign = load_campaign(path, lang=settings.lang).value
        schedule = campaign.schedule
        if schedule and schedule.recurring:
            if schedule.recurring.until is None or now.date() <= schedule.recurring.until:
                due.append(path)
            continue
        day = schedule.date if schedule else None
        is_due = isinstance(day, date) and now.date() <= day <= now.date() + timedelta(days=1)
        if is_due and (campaign.id, str(day)) not in planned:
            due.append(path)
    return due
