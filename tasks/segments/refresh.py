"""Refreshing tags and segment membership, with the history of who was in which segment when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from chuda.campaign.segments import Segment
from chuda.errors import UsageError
from expectations.gate import Gatekeeper
from expectations.suites.segments import SEGMENTS

MAX_SEGMENTS = 126  # bits of a HUGEINT that are safe to use
_BITS = "SELECT segment, bit FROM segment_defined"
_SIZES = """
CREATE OR REPLACE TEMP TABLE segment_size_now AS
WITH pattern AS (SELECT segments, count(*) AS people FROM contact_tagged GROUP BY segments),
counted AS (
    SELECT defined.segment, coalesce(sum(pattern.people), 0)::BIGINT AS people
    FROM segment_defined defined
    LEFT JOIN pattern ON (pattern.segments >> defined.bit) & 1 = 1
    WHERE defined.is_current GROUP BY defined.segment
),
before AS (SELECT segment, arg_max(people, counted_at) AS people FROM segment_size GROUP BY segment)
SELECT counted.segment, counted.people, before.people AS people_before
FROM counted LEFT JOIN before ON before.segment = counted.segment
"""

# What the gate looks at: it does not know lists.
_CHECKED = "CREATE OR REPLACE TEMP VIEW tags_checked AS SELECT * EXCLUDE (tags) FROM contact_tagged"


@dataclass(frozen=True, slots=True)
class SegmentSize:
    """People in a segment now, and at the refresh before (None if there was none)."""

    segment: str
    people: int
    before: int | None

    @property
    def is_jump(self) -> bool:
        """Whether a segment of 100 or more lost half its people or became more than three times as large."""
        if self.before is None or max(self.people, self.before) < 100:
            return False
        return self.people < self.before * 0.5 or self.people > self.before * 3


def create_segment_tables(connection: Any) -> None:
    """Create segment_defined, segment_span, segment_size and the view segment_member where missing."""
    _run(connection, "create_segment_tables", {})


def refresh_segments(
    connection: Any, segments: Sequence[Segment], city_tiers: Path, now: datetime, gate: Gatekeeper
) -> list[SegmentSize]:
    """Tag every contact, work out all segments, pass the gate, and record who joined and who left.

    Args:
        connection: a writing transaction of the warehouse with contact_clean and order_clean.
        segments: definitions; their conditions were checked when they were read.
        city_tiers: CSV city,tier.
        now: the moment of the refresh; ages and recencies count from its day.
        gate: what the segments have to pass.

    Returns:
        The sizes, largest first.

    Raises:
        UsageError: more segments than there are bits.
        GateFailed, GateBroken: nothing of this refresh may be kept.
    """
    create_segment_tables(connection)
    bits = _define(connection, segments, now)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE city_tier AS SELECT * FROM read_csv(?, header = true)", [str(city_tiers)]
    )
    # Nobody meets NULL: a condition on an empty column is not met.
    membership = " + ".join(f"if({segment.condition}, {1 << bits[segment.name]}::HUGEINT, 0)" for segment in segments)
    tags = files("tasks.segments").joinpath("tag_contacts.sql").read_text("utf-8")
    connection.execute(tags.replace("{segments}", membership or "0::HUGEINT"), {"today": now.date()})
    connection.execute(_SIZES)
    connection.execute(_CHECKED)
    gate.require(SEGMENTS, "segments")
    _run(connection, "publish_segments", {"now": now})
    rows = connection.execute("SELECT * FROM segment_size_now ORDER BY people DESC, segment").fetchall()
    return [SegmentSize(*row) for row in rows]


def segment_sizes(connection: Any) -> Mapping[str, int]:
    """People in each segment as of the last refresh, largest first."""
    rows = connection.execute(
        "SELECT segment, arg_max(people, counted_at) AS people FROM segment_size "
        "WHERE segment IN (SELECT segment FROM segment_defined WHERE is_current) GROUP BY segment ORDER BY 2 DESC, 1"
    ).fetchall()
    return dict(rows)


def _define(connection: Any, segments: Sequence[Segment], now: datetime) -> dict[str, int]:
    """Give every segment its bit, the same one for ever; those that are no longer defined keep theirs."""
    bits: dict[str, int] = dict(connection.execute(_BITS).fetchall())
    for segment in segments:
        if segment.name not in bits:
            bits[segment.name] = len(bits)
    if len(bits) > MAX_SEGMENTS:
        raise UsageError(f"{len(bits)} segments were ever defined; {MAX_SEGMENTS} is the most")
    connection.execute("UPDATE segment_defined SET is_current = false")
    for segment in segments:
        row = [segment.label, str(segment.condition.text), segment.name]
        known = "UPDATE segment_defined SET label = ?, condition = ?, is_current = true WHERE segment = ?"
        if not connection.execute(known, row).fetchone()[0]:
            connection.execute(
                "INSERT INTO segment_defined VALUES (?, ?, ?, ?, true, ?)",
                [segment.name, bits[segment.name], segment.label, segment.condition.text, now],
            )
    return bits


def _run(connection: Any, script: str, parameters: Mapping[str, Any]) -> None:
    text = files("tasks.segments").joinpath(f"{script}.sql").read_text("utf-8")
    for statement in connection.extract_statements(text):
        named = statement.named_parameters
        connection.execute(statement, {name: parameters[name] for name in named} if named else None)
