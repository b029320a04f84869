"""The parts of the report that have a chart: the rows of a figure beside its picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chuda.clock import BUSINESS_ZONE
from tasks.reports.charts import Interval, draw_hours, draw_intervals, draw_progress
from tasks.reports.figures import Figure, Row
from tasks.reports.sections import name_segment, show_interval
from tasks.reports.wording import Words, count, percent

SEGMENTS_DRAWN = 12
_METRICS = {"clicks": "open_rate", "clicked": "open_rate"}


def picture_progress(progress: Figure, latency: Figure, words: Words) -> dict[str, Any] | None:
    """Sending and delivery over time, with the median latency; None where nothing has left."""
    if not progress.rows:
        return None
    begin, messages = progress.rows[0]["at_moment"], progress.rows[0]["submitted"]
    times = {name: words.duration(latency.first[f"{name}_s"]) for name in ("median", "p95")}
    return {
        "chart": draw_progress(progress.rows, words),
        "axis": words.say("progress_axis", begin=words.moment(begin), count=count(messages)),
        "note": words.say("progress_note", **times) if latency.first["median_s"] is not None else "",
        "figure": progress,
        "latency": latency,
    }


def picture_hours(figure: Figure, words: Words) -> dict[str, Any] | None:
    """Hours of sending; a chart from three hours on, of opens where they are measured, else of delivery."""
    if not figure.rows:
        return None
    rate = "delivery_rate" if all(row["clicked"] is None for row in figure.rows) else "open_rate"
    return {
        "chart": draw_hours(figure.rows, rate, words) if len(figure.rows) > 2 else "",
        "axis": words.say("hours_axis", rate=words.say(rate)),
        "rows": [_hour_row(row) for row in figure.rows],
        "figure": figure,
    }


def _hour_row(row: Row) -> dict[str, str]:
    return {
        "hour": row["sent_hour"].astimezone(BUSINESS_ZONE).strftime("%m-%d %H:00"),
        "submitted": count(row["submitted"]),
        "delivery_rate": percent(row["delivery_rate"]),
        "open_rate": percent(row["open_rate"]),
        "open_interval": show_interval(row["open_rate_low"], row["open_rate_high"]),
        "converted": count(row["converted"]),
    }


def picture_segments(figure: Figure, low_line: float, words: Words, labels: Mapping[str, str]) -> dict[str, Any] | None:
    """Segments by open rate against the line of low ones (fraction); by delivery where clicks are not measured."""
    if not figure.rows:
        return None
    is_measured = any(row["clicked"] is not None for row in figure.rows)
    rate = "open_rate" if is_measured else "delivery_rate"
    drawn = [row for row in figure.rows if row[rate] is not None][:SEGMENTS_DRAWN]
    intervals = [_interval(name_segment(row["segment"], labels), row, rate, low_line) for row in drawn]
    axis = words.say("open_axis" if is_measured else "delivery_axis")
    return {
        "chart": draw_intervals(intervals, "segments", axis, low_line if is_measured else None) if intervals else "",
        "axis": axis,
        "rows": [_segment_row(row, labels) for row in figure.rows],
        "figure": figure,
    }


def _segment_row(row: Row, labels: Mapping[str, str]) -> dict[str, str]:
    return {
        "segment": name_segment(row["segment"], labels),
        "delivered": count(row["delivered"]),
        "delivery_rate": percent(row["delivery_rate"]),
        "open_rate": percent(row["open_rate"]),
        "conversion_rate": percent(row["conversion_rate"]),
        "opted_out": count(row["opted_out"]),
    }


def picture_variants(figure: Figure, words: Words) -> dict[str, Any] | None:
    """The experiment: its verdict, then the primary metric of each variant with its interval."""
    if not figure.rows:
        return None
    first = figure.rows[0]
    rate = _METRICS.get(first["primary_metric"] or "clicked", "conversion_rate")
    sentence = next((row[f"sentence_{words.lang}"] for row in figure.rows if row[f"sentence_{words.lang}"]), None)
    intervals = _variant_intervals(figure.rows, rate)
    axis = words.say("open_axis" if rate == "open_rate" else "conversion_axis")
    return {
        "sentence": sentence or words.say("undecided"),
        "tested": words.say("tested", name=words.name("variable", first["experiment_variable"])) + " · " + axis,
        "chart": draw_intervals(intervals, "variants", axis) if intervals else "",
        "rows": [_variant_row(row) for row in figure.rows],
        "figure": figure,
    }


def _variant_intervals(rows: Sequence[Row], rate: str) -> list[Interval]:
    return [
        Interval(row["variant"], row[f"{rate}_of_sent"], row[f"{rate}_low"], row[f"{rate}_high"])
        for row in rows
        if row[f"{rate}_of_sent"] is not None
    ]


def _variant_row(row: Row) -> dict[str, Any]:
    return {
        "variant": row["variant"],
        "is_chosen": row["is_chosen"],
        "sent": count(row["sent"]),
        "open_rate": percent(row["open_rate_of_sent"]),
        "open_interval": show_interval(row["open_rate_low"], row["open_rate_high"]),
        "conversion_rate": percent(row["conversion_rate_of_sent"]),
        "conversion_interval": show_interval(row["conversion_rate_low"], row["conversion_rate_high"]),
        "opted_out": count(row["opted_out"]),
    }


def _interval(label: str, row: Row, rate: str, low_line: float) -> Interval:
    is_low = rate == "open_rate" and row["open_rate_high"] < low_line
    return Interval(label, row[rate], row[f"{rate}_low"], row[f"{rate}_high"], is_low)
