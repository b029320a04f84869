"""The report of one week over all campaigns: figures in, one self-contained HTML page out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from markupsafe import Markup

from chuda.clock import BUSINESS_ZONE
from chuda.errors import UsageError
from chuda.files import Lang
from chuda.stores.marts import Connection
from tasks.kpi.lines import KpiLines, judge, load_lines
from tasks.reports.figures import Figure, Row, ask_figure
from tasks.reports.kpi_table import KpiRow, judge_campaign
from tasks.reports.pictures import picture_segments
from tasks.reports.report import PAGE, connected, page_template, segment_names, with_safe_chart
from tasks.reports.sections import (
    VerdictBlock,
    colour_share,
    is_small,
    show_cards,
    show_cells,
    show_failures,
    show_interval,
    show_todo,
    sum_up,
)
from tasks.reports.wording import MISSING, Words, count, percent

QUERIES = Path(__file__).parent / "week_queries"
_FIGURES = ("total", "campaigns", "channels", "cells", "hours", "segments", "failures", "complaints", "alerts",
            "freshness")  # fmt: skip
# A page compares what its own lines say with the same of one week; what takes three months is on the campaign's page.
_NOT_WEEKLY = ("repurchase_change",)


def last_full_week(now: datetime) -> date:
    """The Monday of the newest week (Asia/Shanghai) that is over at `now`."""
    today = now.astimezone(BUSINESS_ZONE).date()
    return today - timedelta(days=today.weekday() + 7)


def monday_of(text: str) -> date:
    """The Monday of the week of a day written YYYY-MM-DD.

    Raises:
        UsageError: it is no such day.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no day; write one of the week as YYYY-MM-DD, for example 2026-11-20") from None
    return day - timedelta(days=day.weekday())


def render_week(
    marts: Connection | Path, monday: date, language: Lang, segment_labels: Mapping[str, str] | None = None
) -> str:
    """One HTML page about the week from `monday` on, in Chinese or English: no script, nothing to fetch.

    Raises:
        UsageError: there are no marts, or nothing was sent in that week; with the newest week that has something.
    """
    words = Words(language)
    labels = segment_labels if segment_labels is not None else segment_names(language)
    with connected(marts) as connection:
        figures = {name: ask_figure(connection, QUERIES / f"{name}.sql", _bounds(monday)) for name in _FIGURES}
        if not any(row["is_this_week"] for row in figures["total"].rows):
            raise UsageError(_nothing_sent(connection, monday))
    page = _lay_out(monday, figures, load_lines(), words, labels)
    return page_template("week.html.j2").render(
        page=page, words=words, css=Markup((PAGE / "report.css").read_text("utf-8"))
    )


def _bounds(monday: date) -> dict[str, str]:
    def moment(days: int) -> str:
        at = datetime.combine(monday + timedelta(days=days), time(), BUSINESS_ZONE)
        return f"timestamptz '{at.isoformat(sep=' ')}'"

    return {"begin": moment(0), "end": moment(7), "before": moment(-7), "monday": f"date '{monday}'"}


def _nothing_sent(connection: Connection, monday: date) -> str:
    row = connection.execute("select max(week_start) from channel_quality_weekly").fetchone()
    newest = f"; the newest week with something is {row[0]}" if row and row[0] else ""
    return f"nothing was sent in the week from {monday} on{newest}"


def _lay_out(
    monday: date, figures: Mapping[str, Figure], lines: KpiLines, words: Words, labels: Mapping[str, str]
) -> dict[str, Any]:
    total = next(row for row in figures["total"].rows if row["is_this_week"])
    before = next((row for row in figures["total"].rows if not row["is_this_week"]), None)
    kpis = [row for row in _judge(total, lines, words) if row.kpi not in _NOT_WEEKLY]
    delivery_line = next((line.line for line in lines.lines if line.kpi == "delivery_rate"), 0.98)
    segments = picture_segments(figures["segments"], float(lines.low_open_segment.at_least), words, labels)
    return {
        "name": words.say("week_of", first=monday, last=monday + timedelta(days=6)),
        "facts": [
            words.say("week_campaigns", count=count(total["campaigns"])),
            words.say("as_of", moment=words.moment(figures["freshness"].first["built_at"])),
        ],
        "verdict": _verdict(total, kpis, figures, words),
        "cards": show_cards(kpis, words),
        "compared": {"rows": _compare(total, before, words), "figure": figures["total"]},
        "todo": show_todo(figures["alerts"], lines, words, labels),
        "alerts": figures["alerts"],
        "campaigns": {"rows": _campaigns(figures["campaigns"], lines, words), "figure": figures["campaigns"]},
        "channels": {"rows": _channels(figures["channels"], words), "figure": figures["channels"]},
        "segments": with_safe_chart(segments),
        "hours": _hours(figures["hours"], words),
        "cells": show_cells(figures["cells"], delivery_line, words),
        "failures": {"rows": show_failures(figures["failures"], words), "figure": figures["failures"]},
        "complaints": {"rows": _complaints(figures["complaints"], words), "figure": figures["complaints"]},
        "freshness": figures["freshness"],
        "notes": [words.say(f"note_{name}") for name in ("open", "receipts", "lines", "week", "people")],
    }


def _judge(total: Row, lines: KpiLines, words: Words) -> list[KpiRow]:
    headline = {**total, "message_type": "marketing", "repurchase_rate": None, "repurchase_rate_before": None}
    # Opens are measured on some channels only: their base is what those delivered.
    tracked = {
        row.kpi: row for row in judge_campaign({**headline, "delivered": total["delivered_tracked"]}, lines, words)
    }
    rows = judge_campaign(headline, lines, words)
    return [tracked["open_rate"] if row.kpi == "open_rate" else row for row in rows]


def _verdict(total: Row, kpis: Sequence[KpiRow], figures: Mapping[str, Figure], words: Words) -> VerdictBlock:
    new = sum(1 for row in figures["complaints"].rows if row["complained_at"] >= _first(figures))
    return sum_up({**total}, kpis, new, words)


def _first(figures: Mapping[str, Figure]) -> datetime:
    total = next(row for row in figures["total"].rows if row["is_this_week"])
    sent: datetime = total["last_sent_at"]
    monday = sent.astimezone(BUSINESS_ZONE).date()
    return datetime.combine(monday - timedelta(days=monday.weekday()), time(), BUSINESS_ZONE)


def _compare(total: Row, before: Row | None, words: Words) -> list[tuple[str, str, str]]:
    def shown(row: Row | None) -> list[str]:
        if row is None:
            return [MISSING] * 6
        return [
            count(row["submitted"]), count(row["delivered"]), count(row["clicked"]), count(row["converted"]),
            words.money(row["cost_cny"]), words.money(row["revenue_cny"]),
        ]  # fmt: skip

    labels = [words.say(key) for key in ("submitted", "delivered", "clicked", "converted", "cost_short", "revenue")]
    return list(zip(labels, shown(total), shown(before), strict=True))


def _campaigns(figure: Figure, lines: KpiLines, words: Words) -> list[dict[str, str]]:
    judged = [line for line in lines.lines if line.events and not line.peer]
    rows = []
    for row in figure.rows:
        missed = {
            line.kpi
            for line in judged
            if line.applies_to(row["message_type"]) and judge(line, row, float(lines.alpha)).verdict == "missed"
        }
        shown = {kpi: f"{'✗ ' if kpi in missed else ''}{percent(row[kpi])}" for kpi in _RATES}
        rows.append(
            {
                "name": row["campaign_name"], "id": row["campaign_id"], "submitted": count(row["submitted"]),
                "few": words.say("small_sample") if is_small(row["submitted"]) else "",
                "cost": words.money(row["cost_cny"]), "revenue": words.money(row["revenue_cny"]), **shown,
            }
        )  # fmt: skip
    return rows


_RATES = ("delivery_rate", "open_rate", "conversion_rate", "opt_out_rate", "complaint_rate")


def _channels(figure: Figure, words: Words) -> list[dict[str, str]]:
    return [
        {
            "channel": row["channel"], "submitted": count(row["submitted"]),
            "delivery_rate": percent(row["delivery_rate"]), "first_attempt_rate": percent(row["first_attempt_rate"]),
            "interval": show_interval(row["delivery_rate_low"], row["delivery_rate_high"]),
            "latency": f"{words.duration(row['median_latency_s'])} / {words.duration(row['p95_latency_s'])}",
            "unknown_rate": percent(row["unknown_rate"]), "complained": count(row["complained"]),
        }
        for row in figure.rows
    ]  # fmt: skip


def _hours(figure: Figure, words: Words) -> dict[str, Any]:
    """A heat table of weekday by hour, of opens where any are measured, else of delivery."""
    rate, base = ("open_rate", "delivered_tracked") if any(r["open_rate"] is not None for r in figure.rows) else (
        "delivery_rate", "submitted")  # fmt: skip
    hours = sorted({row["hour_of_day"] for row in figure.rows})
    by_place = {(row["weekday"], row["hour_of_day"]): row for row in figure.rows}
    judged = [row[rate] for row in figure.rows if row[rate] is not None and not is_small(row[base])]
    low, high = (min(judged), max(judged)) if judged else (0.0, 0.0)
    rows = [
        {
            "day": words.say(f"weekday_{day}"),
            "cells": [_hour_cell(by_place.get((day, hour)), rate, base, (low, high)) for hour in hours],
        }
        for day in sorted({row["weekday"] for row in figure.rows})
    ]
    axis = words.say("week_hours_axis", rate=words.say(rate))
    return {"hours": [f"{hour}:00" for hour in hours], "rows": rows, "axis": axis, "figure": figure}


def _hour_cell(row: Row | None, rate: str, base: str, bounds: tuple[float, float]) -> dict[str, str]:
    if row is None or row[rate] is None:
        return {"kind": "", "colour": "", "text": "", "base": ""}
    text, volume = percent(row[rate], 1), count(row[base])
    if is_small(row[base]):
        return {"kind": "few", "colour": "", "text": text, "base": volume}
    low, high = bounds
    colour = colour_share((row[rate] - low) / (high - low) if high > low else 1.0)
    return {"kind": "", "colour": colour, "text": text, "base": volume}


def _complaints(figure: Figure, words: Words) -> list[dict[str, str]]:
    return [
        {
            "at": words.moment(row["complained_at"]), "campaign": row["campaign_id"] or MISSING,
            "wording": " · ".join(part for part in (row["template"], row["variant"]) if part) or MISSING,
            "text": row["text_masked"] or "",
            "state": words.say("done" if row["is_done"] else "overdue" if row["is_overdue"] else "open_until",
                               moment=words.moment(row["deadline_at"])),
        }
        for row in figure.rows
    ]  # fmt: skip
