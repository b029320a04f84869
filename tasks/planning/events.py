"""Recurring campaigns: whose event falls due in an occurrence, and what their message is good for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from chuda.campaign.schedule import Recurring

_DUE = Path(__file__).with_name("due_event.sql").read_text(encoding="utf-8")
EVENT_VARIABLES = {
    "appointment": ("event_at", "appointment_at"),
    "birthday": ("event_at", "birthday"),
    "points_expire": ("event_at",),
    "installation": ("event_at",),
    "silence_days": ("event_at",),
    "life_stage": ("event_at",),
}
"""The template variables an event fills, beside those of every contact."""


def choose_due_events(
    connection: Any, recurring: Recurring, day: date, claimed: Sequence[tuple[str, str]]
) -> dict[str, int]:
    """Create `event_due`: token, event_key, event_at (as a text for people), starts_at, over_at, is_done.

    Args:
        connection: the warehouse, inside a draft.
        recurring: the event, its offset and how many missed nights are caught up.
        day: the occurrence: the day on which the messages leave.
        claimed: (token, event key) pairs the campaign has answered already.

    Returns:
        How many people are due, and how many of them were answered before.
    """
    frame = pl.DataFrame(claimed, schema={"token": pl.String, "event_key": pl.String}, orient="row")
    connection.register("incoming", frame.to_arrow())
    connection.execute("CREATE OR REPLACE TEMP TABLE event_claimed AS SELECT * FROM incoming")
    connection.unregister("incoming")
    connection.execute(
        _DUE,
        {"event": recurring.event, "offset": recurring.offset_days, "day": day, "catch_up": recurring.catch_up_days},
    )
    due, done = connection.execute("SELECT count(*), count(*) FILTER (is_done) FROM event_due").fetchone()
    return {"due": due, "done": done}
