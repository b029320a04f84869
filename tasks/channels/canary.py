"""The monthly canary: 1 % of the volume, a neutral text, to watch base delivery by carrier and province.

It is a marketing campaign like every other (consent, suppression, caps, windows, approval); only its audience is a
random sample of those who may be messaged, and what is measured is the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Any

from tasks.channels.lines import ChannelLines
from tasks.experiments.significance import holm, p_worse

PREFIX = "canary-"
_HISTORY_NEEDED = 30
_COUNT = (Path(__file__).parent / "count_cells.sql").read_text(encoding="utf-8")
_VOLUME = """
SELECT coalesce(sum(b.size), 0) FROM batch_state b JOIN plan_made p ON p.plan_id = b.plan_id
WHERE b.channel = $channel AND p.message_type = 'marketing' AND b.sent_at > $since
"""
_RIPE = """
SELECT p.plan_id, p.channel, min(b.sent_at) FROM plan_made p JOIN batch_state b ON b.plan_id = p.plan_id
WHERE starts_with(p.campaign_id, $prefix) AND p.message_type = 'marketing' AND b.sent_at IS NOT NULL
GROUP BY p.plan_id, p.channel HAVING max(b.sent_at) <= $before ORDER BY 3, 1
"""
# The order of the hashes is random and the same for the same month: a canary that is planned again is the same canary.
_THIN_OUT = """
CREATE OR REPLACE TABLE canary_drawn AS
SELECT token FROM audience_eligible ORDER BY sha256($salt || token) LIMIT $size;
"""


@dataclass(frozen=True, slots=True)
class Cell:
    """One carrier in one province: how it did now and before, both as counts."""

    carrier: str
    province: str
    sent: int
    delivered: int
    first_attempt: int
    sent_before: int
    delivered_before: int


@dataclass(frozen=True, slots=True)
class CellVerdict:
    """A cell with its verdict: dropped, level, or unjudged (too few messages or no history)."""

    cell: Cell
    state: str
    rate: float
    rate_before: float | None
    p_value: float | None


def campaign_id_of(channel: str, now: datetime, number: int = 1) -> str:
    """The canary of a channel in a month; a further one in the same month has a number."""
    return f"{PREFIX}{channel}-{now:%Y-%m}" + (f"-{number}" if number > 1 else "")


def write_campaign(
    campaign_id: str, channel: str, text: str, business: str, title: str, window_hours: int = 24
) -> dict[str, object]:
    """The canary as a campaign file says it; nothing but its own channel may carry it, or it would measure another."""
    return {
        "id": campaign_id, "name": title, "type": "marketing", "trade": "other", "sender": business,
        "channels": [channel], "audience": {"segments": ["everyone"]}, "template": {"text": text},
        "schedule": {"date": "auto"}, "expire_after_hours": window_hours,
    }  # fmt: skip


def thin_out(connection: Any, campaign_id: str, channel: str, lines: ChannelLines, now: datetime) -> int:
    """Leave a random sample of the audience in the draft: 1 % of the month's volume, or of the audience before there
    was any; returns how many.

    Args:
        connection: a writing transaction of the draft, in which the audience was chosen.
        campaign_id: salts the draw.
        channel: whose volume counts.
        lines: how large.
        now: the end of the month that counts.
    """
    since = now - timedelta(days=30)
    volume = connection.execute(_VOLUME, {"channel": channel, "since": since}).fetchone()[0]
    eligible = connection.execute("SELECT count(*) FROM audience_eligible").fetchone()[0]
    size = ceil(float(lines.canary.share) * (volume or eligible))
    connection.execute(_THIN_OUT, {"salt": campaign_id, "size": size})
    for table in ("audience_eligible", "audience_candidate", "audience_excluded"):
        connection.execute(f"DELETE FROM {table} WHERE token NOT IN (SELECT token FROM canary_drawn)")
    return min(int(size), int(eligible))


def find_ripe(connection: Any, now: datetime, lines: ChannelLines) -> list[tuple[str, str, datetime]]:
    """The canaries whose receipts are complete: (plan, channel, when it began)."""
    before = now - timedelta(hours=lines.canary.watch_hours)
    rows = connection.execute(_RIPE, {"prefix": PREFIX, "before": before}).fetchall()
    return [(str(plan_id), str(channel), began) for plan_id, channel, began in rows]


def count_cells(connection: Any, plan_id: str, channel: str, opened_at: datetime, lines: ChannelLines) -> list[Cell]:
    """Every cell of a canary with its own history: all messages through the channel in the days before."""
    rows = connection.execute(
        _COUNT,
        {"plan": plan_id, "channel": channel, "opened": opened_at, "first_s": lines.first_attempt.within_seconds,
         "since": opened_at - timedelta(days=lines.canary.history_days)},
    ).fetchall()  # fmt: skip
    return [Cell(*row) for row in rows]


def judge_cells(cells: Sequence[Cell], lines: ChannelLines) -> list[CellVerdict]:
    """Which cells dropped, beyond chance and by enough to matter; Fisher's exact test, Holm over all cells judged."""
    judged = [c for c in cells if c.sent >= lines.canary.least_messages and c.sent_before >= _HISTORY_NEEDED]
    p_values = holm([
        float(p_worse(c.sent - c.delivered, c.sent, c.sent_before - c.delivered_before, c.sent_before)) for c in judged
    ])  # fmt: skip
    adjusted = dict(zip([(c.carrier, c.province) for c in judged], p_values, strict=True))
    return [_judge(cell, adjusted.get((cell.carrier, cell.province)), lines) for cell in cells]


def _judge(cell: Cell, p_value: float | None, lines: ChannelLines) -> CellVerdict:
    rate = cell.delivered / cell.sent if cell.sent else 0.0
    before = cell.delivered_before / cell.sent_before if cell.sent_before else None
    if p_value is None or before is None:
        return CellVerdict(cell, "unjudged", rate, before, None)
    is_dropped = p_value < float(lines.alpha) and before - rate >= float(lines.canary.least_drop)
    return CellVerdict(cell, "dropped" if is_dropped else "level", rate, before, p_value)


def least_visible(cell: Cell, cells: int, lines: ChannelLines) -> int | None:
    """How many messages a cell would need for its total loss to show among so many cells; None without a history."""
    if cell.sent_before < _HISTORY_NEEDED:
        return None
    failed = cell.sent_before - cell.delivered_before
    for size in range(1, 200):
        if float(p_worse(size, size, failed, cell.sent_before)) * max(cells, 1) < float(lines.alpha):
            return size
    return None
