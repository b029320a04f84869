"""Refreshing tags and segment membership, with the history of who was in which segment when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from chuda.campaign.segments import Segment
from expectations.gate import Gatekeeper
from expectations.suites.segments import SEGMENTS

_TAGS = Path(__file__).with_name("tag_contacts.sql").read_text(encoding="utf-8")
_CREATE = """
CREATE TABLE IF NOT EXISTS segment_member (
    segment VARCHAR NOT NULL, token VARCHAR NOT NULL, from_at TIMESTAMPTZ NOT NULL, to_at TIMESTAMPTZ
)
"""
_LEAVE = """
UPDATE segment_member SET to_at = $now WHERE to_at IS NULL AND NOT EXISTS (
    SELECT 1 FROM segment_now n WHERE n.segment = segment_member.segment AND n.token = segment_member.token
)
"""
_JOIN = """
INSERT INTO segment_member SELECT n.segment, n.token, $now, NULL FROM segment_now n
WHERE NOT EXISTS (SELECT 1 FROM segment_member m WHERE m.segment = n.segment AND m.token = n.token AND m.to_at IS NULL)
"""


def refresh_segments(
    connection: Any, segments: Sequence[Segment], city_tiers: Path, now: datetime, gate: Gatekeeper
) -> None:
    """Tag every contact, work out all segments, pass the gate, and record who joined and who left.

    Args:
        connection: a writing transaction of the warehouse with contact_clean and order_clean.
        segments: definitions; their conditions were checked when they were read.
        city_tiers: CSV city,tier.
        now: the moment of the refresh; ages and recencies count from its day.
        gate: what the segments have to pass.

    Raises:
        GateFailed, GateBroken: nothing of this refresh may be kept.
    """
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE city_tier AS SELECT * FROM read_csv(?, header = true)", [str(city_tiers)]
    )
    connection.execute(_TAGS, {"today": now.date()})
    connection.execute(_CREATE)
    # One statement: a segment removed from the definitions ends for everybody, like one that nobody meets any more.
    members = " UNION ALL ".join(
        f"SELECT '{segment.name}' AS segment, token FROM contact_tagged WHERE {segment.condition}"
        for segment in segments
    )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE segment_now AS {members}")
    gate.require(SEGMENTS, "segments")
    connection.execute(_LEAVE, {"now": now})
    connection.execute(_JOIN, {"now": now})


def segment_sizes(connection: Any) -> Mapping[str, int]:
    """People in each segment now, largest first."""
    rows = connection.execute(
        "SELECT segment, count(*) FROM segment_member WHERE to_at IS NULL GROUP BY segment ORDER BY 2 DESC, 1"
    ).fetchall()
    return dict(rows)
