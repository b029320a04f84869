"""The pictures of the report: Altair charts as SVG text, in which the reader's own fonts show the Chinese.

Altair is imported when the first chart is drawn: it takes half a second that nobody else should wait for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from chuda.clock import BUSINESS_ZONE
from tasks.reports.figures import Row
from tasks.reports.wording import Words

FONTS = "PingFang SC, Noto Sans CJK SC, Microsoft YaHei, sans-serif"
INK, MUTED, GRID, ACCENT, SECOND, BAD = "#1f2933", "#52606d", "#e4e7eb", "#1f6feb", "#9aa5b1", "#c2410c"
# Drawn at the width of a phone and shown at most 1.3 times as large: the text is readable on both.
WIDTH = 370


@dataclass(frozen=True, slots=True)
class Interval:
    """A rate with its 95% bounds, all fractions, and how its row is called."""

    label: str
    rate: float
    low: float
    high: float
    is_marked: bool = False


def draw_progress(rows: Sequence[Row], words: Words) -> str:
    """Two rising curves over time: the shares of the submitted messages that had left and that had arrived."""
    import altair as alt

    names = [words.say("sent_share"), words.say("delivered_share")]
    values = [
        {"at": _clock(row["at_moment"]), "share": row[column], "what": name}
        for row in rows
        for column, name in zip(("sent_share", "delivered_share"), names, strict=True)
    ]
    span_s = (rows[-1]["at_moment"] - rows[0]["at_moment"]).total_seconds()
    form = "%H:%M:%S" if span_s < 600 else "%H:%M" if span_s < 86400 else "%m-%d %H:%M"
    width = alt.StrokeWidth("what:N", scale=alt.Scale(domain=names, range=[5, 2]), legend=None)
    base = alt.Chart({"values": values}).encode(
        x=alt.X("at:T", title=None, axis=alt.Axis(format=form, tickCount=4, labelOverlap=True, grid=False)),
        y=alt.Y("share:Q", title=None, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%", tickCount=5)),
        color=alt.Color(
            "what:N",
            scale=alt.Scale(domain=names, range=["#c3ccd5", ACCENT]),
            legend=alt.Legend(title=None, orient="top", direction="horizontal", symbolType="stroke"),
        ),
    )
    return _svg(
        base.mark_line(interpolate="step-after").encode(strokeWidth=width), 170, "progress", words.say("progress")
    )


def draw_hours(rows: Sequence[Row], rate: str, words: Words) -> str:
    """Bars of a rate (a column of hour_kpi) by hour of sending, each with its volume above."""
    import altair as alt

    several_days = len({row["sent_hour"].astimezone(BUSINESS_ZONE).date() for row in rows}) > 1
    form = "%m-%d %H:00" if several_days else "%H:00"
    values = [
        {
            "hour": row["sent_hour"].astimezone(BUSINESS_ZONE).strftime(form),
            "rate": row[rate],
            "note": f"{row['submitted']:,}",
        }
        for row in rows
        if row[rate] is not None
    ]
    base = alt.Chart({"values": values}).encode(
        x=alt.X("hour:O", sort=None, title=None, axis=alt.Axis(labelAngle=-45 if len(values) > 6 else 0)),
        y=alt.Y("rate:Q", title=None, axis=alt.Axis(format="%", tickCount=4)),
    )
    bars = base.mark_bar(color=ACCENT, cornerRadiusTopLeft=2, cornerRadiusTopRight=2)
    notes = base.mark_text(dy=-6, fontSize=10, color=MUTED).encode(text="note:N")
    return _svg(bars + notes, 150, "hours", words.say("hours"))


def draw_intervals(intervals: Sequence[Interval], name: str, title: str, line: float | None = None) -> str:
    """One row per rate: a dot in its 95% interval; `line` (fraction) is drawn across."""
    import altair as alt

    values = [
        {"label": each.label, "rate": each.rate, "low": each.low, "high": each.high, "marked": each.is_marked}
        for each in intervals
    ]
    color = alt.condition("datum.marked", alt.value(BAD), alt.value(ACCENT))
    rows = alt.Y("label:N", sort=None, title=None, axis=alt.Axis(labelLimit=150, ticks=False, domain=False))
    base = alt.Chart({"values": values}).encode(y=rows, color=color)
    percent = alt.Axis(format="%", tickCount=5)
    ranges = base.mark_rule(strokeWidth=5, opacity=0.3).encode(
        x=alt.X("low:Q", title=None, axis=percent, scale=alt.Scale(zero=False, nice=True, padding=8)), x2="high:Q"
    )
    chart = ranges + base.mark_point(filled=True, size=70, opacity=1).encode(x="rate:Q")
    if line is not None:
        chart += (
            alt.Chart({"values": [{"line": line}]})
            .mark_rule(color=BAD, strokeDash=[4, 3], strokeWidth=1.5)
            .encode(x="line:Q")
        )
    return _svg(chart, max(50, 28 * len(values)), name, title)


def _clock(moment: datetime) -> str:
    # Without an offset: the picture shows the clock of Asia/Shanghai wherever it is drawn.
    return moment.astimezone(BUSINESS_ZONE).strftime("%Y-%m-%dT%H:%M:%S")


def _svg(chart: Any, height: int, name: str, description: str) -> str:
    import altair
    import vl_convert

    document = chart.properties(width=WIDTH, height=height).to_dict(validate=False)
    document |= {"config": _CONFIG, "autosize": {"type": "fit-x", "contains": "padding"}}
    version = ".".join(altair.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
    return _embed(vl_convert.vegalite_to_svg(document, vl_version=version), name, description)


def _embed(svg: str, name: str, description: str) -> str:
    """The SVG as part of a page: as wide as its place, named for screen readers, its ids its own."""
    # Vega counts its ids through the life of the process: numbered anew, the same chart is the same text.
    for number, known in enumerate(dict.fromkeys(re.findall(r'\bid="([^"]+)"', svg))):
        svg = svg.replace(f'id="{known}"', f'id="{name}-{number}"').replace(f"url(#{known})", f"url(#{name}-{number})")
    svg = re.sub(r' (?:role|aria-\w+)="[^"]*"', "", svg)
    svg = re.sub(r'(<svg\b[^>]*?) width="[\d.]+" height="[\d.]+"', r"\1", svg, count=1)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(description)}" ', 1)


_CONFIG: dict[str, Any] = {
    "font": FONTS,
    "background": None,
    "view": {"stroke": None},
    "axis": {
        "labelFont": FONTS,
        "titleFont": FONTS,
        "labelFontSize": 11.5,
        "labelColor": MUTED,
        "gridColor": GRID,
        "domainColor": GRID,
        "tickColor": GRID,
    },
    "legend": {"labelFont": FONTS, "labelFontSize": 11.5, "labelColor": INK},
    "text": {"font": FONTS},
}
