"""Lines crossed beyond chance: which rows of the marts become alerts. Complaints are gathered in alert.sql."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Literal

from chuda.clock import BUSINESS_ZONE
from tasks.experiments.intervals import wilson_interval
from tasks.experiments.low_open import OpenFlag, flag_open_rate, stays_low
from tasks.experiments.significance import p_worse
from tasks.kpi.lines import KpiLine, KpiLines, Wording, chance, judge

Row = Mapping[str, Any]
Kind = Literal["line_missed", "unknown_outcomes", "segment_low", "segment_low_once", "cell_dropped"]


@dataclass(frozen=True, slots=True)
class Crossing:
    """One line crossed: a row of `line_crossing`. value, line and bounds are fractions, p_value is exact, one-sided."""

    kind: Kind
    severity: Literal["warn", "info"]
    campaign_id: str | None
    subject: str
    kpi: str
    value: float
    line: float
    value_low: float
    value_high: float
    events: int
    base: int
    p_value: float
    since_at: datetime
    advice_zh: str
    advice_en: str

    def as_row(self) -> tuple[Any, ...]:
        """Its values in the order of the columns of `alert`, from kind on."""
        return astuple(self)


def find_crossings(
    campaigns: Sequence[Row], segments: Sequence[Row], cells: Sequence[Row], lines: KpiLines
) -> list[Crossing]:
    """Everything that is over a line beyond chance.

    `campaigns` are rows of campaign_kpi, `segments` of segment_kpi, `cells` of cell_recent. The lines of one campaign
    are tested each by itself at `lines.alpha`: a manager looks at each of them by itself.
    """
    sent = [row for row in campaigns if row["submitted"]]
    return [
        *_missed_lines(sent, lines),
        *_unknown_outcomes(sent, lines),
        *_low_segments([row for row in segments if row["submitted"]], lines),
        *_dropped_cells(cells, lines),
    ]


def _missed_lines(campaigns: Sequence[Row], lines: KpiLines) -> Iterator[Crossing]:
    for row in campaigns:
        for line in lines.lines:
            if line.alert and line.applies_to(row["message_type"]):
                yield from _missed_line(row, line, lines.alpha)


def _missed_line(row: Row, line: KpiLine, alpha: Any) -> Iterator[Crossing]:
    standing = judge(line, row, float(alpha))
    if standing.verdict == "missed" and line.events and line.base:
        counts = int(row[line.events]), int(row[line.base])
        p_value = standing.p_value if standing.p_value is not None else 1.0
        yield _crossing("line_missed", row, line.kpi, (line.kpi, line.line), counts, p_value, line.advice)


def _unknown_outcomes(campaigns: Sequence[Row], lines: KpiLines) -> Iterator[Crossing]:
    limit = float(lines.unknown_outcomes.at_most)
    for row in campaigns:
        counts = int(row["unknown"]), int(row["submitted"])
        p_value = chance(*counts, limit, at_least=False)
        if p_value < lines.alpha:
            measured = ("unknown_rate", limit)
            advice = lines.unknown_outcomes.advice
            yield _crossing("unknown_outcomes", row, "unknown", measured, counts, p_value, advice)


def _low_segments(segments: Sequence[Row], lines: KpiLines) -> Iterator[Crossing]:
    measured = [row for row in segments if row["clicked"] is not None and row["delivered"]]
    by_segment = sorted(measured, key=lambda row: (str(row["segment"]), row["last_sent_at"], row["campaign_id"]))
    for segment, rows in groupby(by_segment, key=lambda row: str(row["segment"])):
        yield from _low_segment(segment, list(rows), lines)


def _low_segment(segment: str, rows: Sequence[Row], lines: KpiLines) -> Iterator[Crossing]:
    """`segment_low` where it was proven low twice in a row, `segment_low_once` where only this time."""
    rule = lines.low_open_segment
    line = float(rule.at_least)
    flags: list[OpenFlag | None] = []
    for row in rows:
        # A click can outrun its receipt.
        counts = min(int(row["clicked"]), int(row["delivered"])), int(row["delivered"])
        flags.append(flag_open_rate(*counts, line, float(lines.alpha)))
        if flags[-1] == "LOW":
            stays = stays_low(flags)
            kind: Kind = "segment_low" if stays else "segment_low_once"
            p_value = chance(*counts, line, at_least=True)
            advice = rule.advice if stays else rule.once
            yield _crossing(kind, row, segment, ("open_rate", line), counts, p_value, advice)


def _dropped_cells(cells: Sequence[Row], lines: KpiLines) -> Iterator[Crossing]:
    """Cells that are worse than they were *and* than the rest of their channel, by more than chance over all cells.

    Worse than before alone may be an audience of old numbers; worse than elsewhere alone is how some provinces are.
    """
    rule = lines.cell_drop
    enough = [row for row in cells if min(row["known"], row["known_before"]) >= rule.minimum]
    alpha = float(lines.alpha) / max(1, len(enough))
    for row in enough:
        now, before = row["delivered"] / row["known"], row["delivered_before"] / row["known_before"]
        if before - now < rule.at_least_lower:
            continue
        p_value = max(_p_lower(row, "before"), _p_lower(row, "elsewhere"))
        if p_value < alpha:
            week = "{}-W{:02}".format(*row["last_sent_at"].astimezone(BUSINESS_ZONE).isocalendar()[:2])
            subject = f"{row['channel']} {row['carrier']} {row['province']} {week}"
            counts = int(row["delivered"]), int(row["known"])
            yield _crossing("cell_dropped", row, subject, ("delivery_rate", before), counts, p_value, rule.advice)


def _p_lower(row: Row, other: Literal["before", "elsewhere"]) -> float:
    """P of so few delivered here if here and there were alike; 0 where there is nothing to compare with."""
    known, delivered = row[f"known_{other}"], row[f"delivered_{other}"]
    return float(p_worse(row["known"] - row["delivered"], row["known"], known - delivered, known)) if known else 0.0


def _crossing(
    kind: Kind,
    row: Row,
    subject: str,
    measured: tuple[str, float],
    counts: tuple[int, int],
    p_value: float,
    advice: Wording,
) -> Crossing:
    events, base = counts
    bounds = wilson_interval(min(events, base), base)
    return Crossing(
        kind=kind,
        severity="info" if kind == "segment_low_once" else "warn",
        campaign_id=row.get("campaign_id"),
        subject=subject,
        kpi=measured[0],
        value=min(events, base) / base,
        line=measured[1],
        value_low=bounds.low,
        value_high=bounds.high,
        events=events,
        base=base,
        p_value=p_value,
        since_at=row["last_sent_at"],
        advice_zh=advice.zh,
        advice_en=advice.en,
    )
