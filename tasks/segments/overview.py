"""Looking at segments: sizes and how they moved, overlaps, a preview of one, and who was in it on a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from chuda.campaign.segments import Segment
from chuda.errors import UsageError
from tasks.segments.refresh import SegmentSize

_SIZES = """
WITH ranked AS (
    SELECT segment, people, row_number() OVER (PARTITION BY segment ORDER BY counted_at DESC) AS place FROM segment_size
)
SELECT segment, max(people) FILTER (place = 1) AS people, max(people) FILTER (place = 2) AS before
FROM ranked WHERE segment IN (SELECT segment FROM segment_defined WHERE is_current)
GROUP BY segment ORDER BY people DESC, segment
"""
_OVERLAPS = """
WITH pattern AS (
    SELECT segments, count(*) AS people FROM contact_tagged WHERE {condition} GROUP BY segments
)
SELECT defined.segment, sum(pattern.people)::BIGINT AS shared
FROM pattern INNER JOIN segment_defined defined ON (pattern.segments >> defined.bit) & 1 = 1
WHERE defined.is_current AND defined.segment <> $segment GROUP BY defined.segment ORDER BY shared DESC, 1
"""
_PEOPLE = """
SELECT token, life_stage, lifecycle, spending, frequency, price_sensitivity, region_tier, province, city
FROM contact_tagged WHERE {condition} ORDER BY hash(token) LIMIT 5
"""
_ON = """
SELECT span.token FROM segment_span span
INNER JOIN segment_defined defined ON defined.segment = $segment AND (span.segments >> defined.bit) & 1 = 1
WHERE span.from_at <= $moment AND (span.to_at IS NULL OR span.to_at > $moment)
"""
_KNOWN = "SELECT segment FROM segment_defined ORDER BY segment"


@dataclass(frozen=True, slots=True)
class SegmentPreview:
    """A segment as its definition says now: people, overlaps (segment, people in both), five examples."""

    people: int
    contacts: int
    overlaps: tuple[tuple[str, int], ...]
    columns: tuple[str, ...]
    examples: tuple[tuple[Any, ...], ...]


def list_sizes(connection: Any) -> list[SegmentSize]:
    """All segments as of the last refresh with their size and the one before, largest first."""
    return [SegmentSize(*row) for row in connection.execute(_SIZES).fetchall()]


def preview_segment(connection: Any, segment: Segment) -> SegmentPreview:
    """What a definition would choose among the tags of the last refresh; it need not have been refreshed yet.

    Args:
        connection: the warehouse; tags must have been computed once.
        segment: the definition, checked.
    """
    condition = str(segment.condition)
    count = f"SELECT count(*) FILTER ({condition}), count(*) FROM contact_tagged"
    people, contacts = connection.execute(count).fetchone()
    overlaps = connection.execute(_OVERLAPS.format(condition=condition), {"segment": segment.name}).fetchall()
    examples = connection.execute(_PEOPLE.format(condition=condition))
    columns = tuple(column[0] for column in examples.description)
    return SegmentPreview(people, contacts, tuple(overlaps), columns, tuple(examples.fetchall()))


def members_at(connection: Any, segment: str, moment: datetime) -> pl.DataFrame:
    """Who was in a segment at a moment: a frame (token), in no order; people erased since are missing.

    Raises:
        UsageError: no such segment was ever defined.
    """
    known = [row[0] for row in connection.execute(_KNOWN).fetchall()]
    if segment not in known:
        raise UsageError(f"there never was a segment “{segment}”; there were: {', '.join(known)}")
    result: pl.DataFrame = connection.execute(_ON, {"segment": segment, "moment": moment}).pl()
    return result
