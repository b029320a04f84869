"""The parts of the report as plain values for the page: what stands in each, in the words of its language."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.kpi.lines import KpiLines
from tasks.reports.figures import Figure, Row
from tasks.reports.kpi_table import SMALL_BASE, KpiRow
from tasks.reports.wording import MISSING, Words, count, percent, short_percent

PROVINCES_SHOWN = 12
_CARRIERS = ("mobile", "unicom", "telecom", "broadnet", "unknown")
_STEPS = ("audience_size", "planned", "submitted", "accepted", "delivered", "clicked", "converted")
# From the line down to ten points below it: green, then deeper and deeper orange.
_GREENS = ("#f1f8f3", "#dcefe1", "#c2e3cb", "#a3d4b0", "#82c493")
_GOOD, _STEPS_BELOW = "#d7efdd", ("#fdf0d3", "#fbdcb0", "#f7bf8f", "#f0a37c")


@dataclass(frozen=True, slots=True)
class VerdictBlock:
    """The sentence that comes first; tone is good, warn, bad or none."""

    tone: str
    sentence: str
    states: Sequence[str]
    cures: Sequence[Mapping[str, str]] = ()


def sum_up(headline: Row, rows: Sequence[KpiRow], complaints: int, words: Words) -> VerdictBlock:
    """The verdict over all KPIs that are our own lines, not a peer's."""
    own = [row for row in rows if not row.is_peer]
    if not headline["submitted"]:
        return VerdictBlock("none", words.say("headline_none"), ())
    missed = [row for row in own if row.verdict == "missed"]
    near = [row for row in own if row.verdict in ("near", "waiting")]
    comma = "、" if words.lang == "zh" else ", "
    if missed:
        names = comma.join(row.label for row in missed)
        tone, sentence = "bad", words.say("headline_missed", count=len(missed), names=names)
    elif near:
        tone, sentence = "warn", words.say("headline_near", names=comma.join(row.label for row in near))
    else:
        measured = sum(row.verdict == "met" for row in own)
        tone, sentence = "good", words.say("headline_met", count=measured)
    cures = tuple({"what": f"{row.label} {row.value}", "advice": row.advice} for row in missed)
    return VerdictBlock(tone, sentence, tuple(_states(headline, complaints, words)), cures)


def _states(headline: Row, complaints: int, words: Words) -> list[str]:
    waiting = headline["awaiting_receipt"] + headline["unknown"]
    is_final = headline["is_receipts_complete"]
    states = [words.say("final") if is_final else words.say("provisional", count=count(waiting))]
    if complaints:
        states.append(words.say("complaints_note", count=count(complaints)))
    return states


def show_cards(rows: Sequence[KpiRow], words: Words) -> list[dict[str, Any]]:
    """One card per KPI, with a gauge where the value is a counted rate."""
    return [
        {
            "kpi": row.kpi,
            "label": row.label,
            "value": row.value,
            "verdict": row.verdict,
            "is_peer": row.is_peer,
            "chip": "" if row.is_peer and row.verdict == "missed" else row.verdict,
            "mark": row.mark,
            "verdict_text": row.verdict_text,
            "line": row.line if row.is_peer else f"{words.say('line')} {row.line}",
            "basis": row.basis,
            "note": row.note,
            "interval": _interval(row.low, row.high, words) if row.low is not None else "",
            "gauge": _gauge(row),
        }
        for row in rows
    ]


def _gauge(row: KpiRow) -> dict[str, float] | None:
    """Positions in percent of the gauge's width; its scale holds line and interval with room on both sides."""
    if row.position is None or row.low is None or row.high is None or row.line_position is None:
        return None
    low, high = min(row.low, row.line_position), max(row.high, row.line_position)
    room = 0.15 * (high - low) or 0.01
    low, high = max(0.0, low - room), min(1.0, high + room)

    def place(value: float) -> float:
        return round(100 * (value - low) / (high - low), 1)

    return {
        "low": place(row.low),
        "width": round(place(row.high) - place(row.low), 1),
        "line": place(row.line_position),
        "value": place(row.position),
    }


def show_todo(alerts: Figure, lines: KpiLines, words: Words, segment_labels: Mapping[str, str]) -> list[dict[str, str]]:
    """What to do next, the most urgent first."""
    return [
        {
            "severity": row["severity"],
            "severity_text": words.say(f"severity_{row['severity']}"),
            "where": row.get("campaign_id") or "",
            "what": say_alert(row, lines, words, segment_labels),
            "range": _interval(row["value_low"], row["value_high"], words) if row["base"] else "",
            "advice": row[f"advice_{words.lang}"],
            "told": row.get("told") or "",
        }
        for row in alerts.rows
    ]


def say_alert(row: Row, lines: KpiLines, words: Words, segment_labels: Mapping[str, str]) -> str:
    """One alert in words: a row of `alert`, or of several alike with their number in `alerts`."""
    labels = {line.kpi: line.label.say(words.lang) for line in lines.lines}
    return words.say(
        f"alert_{row['kind']}",
        count=count(row.get("alerts", 1)),
        kpi=labels.get(row["kpi"], row["kpi"]),
        value=percent(row["value"]),
        line="" if row["line"] is None else short_percent(row["line"]),
        subject=name_segment(row["subject"], segment_labels),
        events=count(row["events"]),
        base=count(row["base"]),
    )


def show_funnel(figure: Figure, words: Words) -> list[dict[str, Any]]:
    """The steps with the share that got there from the step before; a step that is not measured has no bar."""
    row = figure.first
    widest = max((row[step] or 0) for step in _STEPS) or 1
    steps: list[dict[str, Any]] = []
    before: int | None = None
    for step in _STEPS:
        people = row[step]
        share = words.say("of_previous", rate=percent(people / before)) if people is not None and before else ""
        width = None if people is None else round(100 * people / widest, 1)
        steps.append({"label": words.say(step), "count": count(people), "width": width, "share": share})
        before = people if people is not None else before
    return steps


def show_cells(figure: Figure, line: float, words: Words) -> dict[str, Any] | None:
    """Delivery by province (most messages first) and carrier, coloured by the distance from `line` (fraction)."""
    if not figure.rows:
        return None
    by_province: dict[str, dict[str, Row]] = {}
    for row in figure.rows:
        by_province.setdefault(row["province"], {})[row["carrier"]] = row
    volumes = {name: sum(row["submitted"] for row in cells.values()) for name, cells in by_province.items()}
    names = sorted(volumes, key=lambda name: (-volumes[name], name))
    shown, more = names[:PROVINCES_SHOWN], names[PROVINCES_SHOWN:]
    return {
        "shown": _heat_table({name: by_province[name] for name in shown}, line, words),
        "more": _heat_table({name: by_province[name] for name in more}, line, words) if more else None,
        "figure": figure,
    }


def _heat_table(by_province: Mapping[str, Mapping[str, Row]], line: float, words: Words) -> dict[str, Any]:
    carriers = [name for name in _CARRIERS if any(name in cells for cells in by_province.values())]
    rows = [
        {
            "province": words.plain(name) if name == "unknown" else name,
            "cells": [_cell(cells.get(carrier), line) for carrier in carriers] + [_total(cells.values(), line)],
        }
        for name, cells in by_province.items()
    ]
    return {"carriers": [words.say(name) for name in carriers], "rows": rows}


def _total(cells: Collection[Row], line: float) -> dict[str, str]:
    submitted = sum(row["submitted"] for row in cells)
    delivered = sum(row["delivered"] for row in cells)
    # The bound of the sum is not the sum of the bounds: a total is coloured, but not judged.
    return _cell({"submitted": submitted, "delivery_rate": delivered / submitted, "delivery_rate_high": 1.0}, line)


def _cell(row: Row | None, line: float) -> dict[str, str]:
    if row is None:
        return {"kind": "", "colour": "", "text": "", "base": ""}
    if row["submitted"] < SMALL_BASE:
        return {"kind": "few", "colour": "", "text": percent(row["delivery_rate"], 1), "base": count(row["submitted"])}
    is_low = row["delivery_rate_high"] < line
    below = int((line - row["delivery_rate"]) / 0.025)
    colour = _GOOD if row["delivery_rate"] >= line else _STEPS_BELOW[min(below, len(_STEPS_BELOW) - 1)]
    text = f"{'✗' if is_low else ''}{percent(row['delivery_rate'], 1)}"
    return {"kind": "low" if is_low else "", "colour": colour, "text": text, "base": count(row["submitted"])}


def is_small(base: int) -> bool:
    """Whether a number is too small to conclude anything from its share."""
    return base < SMALL_BASE


def colour_share(share: float) -> str:
    """A green, the deeper the larger `share` (0-1) is."""
    return _GREENS[min(int(share * len(_GREENS)), len(_GREENS) - 1)]


def show_cost(figure: Figure, words: Words) -> list[tuple[str, str]]:
    """Cost under both billing modes, and what came back."""
    row = figure.first
    other = "delivered" if row["billing"] == "submitted" else "submitted"
    answers = (words.say("cost_answers", count=count(row["answers"])), words.money(row["answer_cost_cny"]))
    return [
        (words.say("parts"), count(row["parts"])),
        (words.say("cost_own", mode=words.say(f"billing_{row['billing']}")), words.money(row["cost_cny"])),
        *([answers] if row["answers"] else []),
        (words.say("cost_other", mode=words.say(f"billing_{other}")), words.money(row["cost_other_mode_cny"])),
        (words.say("cost_per_delivered"), words.money(row["cost_per_delivered_cny"])),
        (words.say("cost_per_converted"), words.money(row["cost_per_converted_cny"])),
        (words.say("revenue"), words.money(row["revenue_cny"])),
        (words.say("incremental_revenue"), words.money(row["incremental_revenue_cny"])),
        (words.say("roi"), MISSING if row["roi"] is None else words.say("roi_value", ratio=f"{row['roi']:,.1f}")),
    ]


def show_exclusions(figure: Figure, words: Words) -> list[dict[str, Any]]:
    """Reasons with their people, most first."""
    most = max((row["excluded"] for row in figure.rows), default=1)
    return [
        {
            "reason": words.name("reason", row["reason"]),
            "excluded": count(row["excluded"]),
            "share": percent(row["share_of_audience"]),
            "width": round(100 * row["excluded"] / most, 1),
        }
        for row in figure.rows
    ]


def show_failures(figure: Figure, words: Words) -> list[dict[str, str]]:
    """Causes with their messages, codes and advice, most first."""
    failed = sum(row["failed"] for row in figure.rows)
    return [
        {
            "cause": words.name("cause", row["cause"]),
            "codes": _shorten(row["codes"]),
            "failed": count(row["failed"]),
            "share": percent(row["failed"] / failed),
            "advice": words.name("advice", row["cause"]),
        }
        for row in figure.rows
    ]


def _shorten(codes: str, most: int = 4) -> str:
    listed = codes.split(", ")
    return ", ".join(listed[:most]) + (" …" if len(listed) > most else "")


def _interval(low: float | None, high: float | None, words: Words) -> str:
    if low is None or high is None:
        return ""
    return words.say("interval", bounds=show_interval(low, high))


def show_interval(low: float | None, high: float | None) -> str:
    """The bounds of a rate alone: 24.1–26.3%."""
    return "" if low is None or high is None else f"{percent(low).removesuffix('%')}–{percent(high)}"


def name_segment(name: str | None, labels: Mapping[str, str]) -> str:
    """What a segment is called; without a label its name in words, so that a narrow page can break it."""
    return labels.get(name or "", (name or "").replace("_", " "))
