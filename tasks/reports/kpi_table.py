"""The KPIs of one campaign against their lines: for the cards of the report and the table of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chuda.files import Lang
from chuda.stores.marts import Connection
from tasks.experiments.intervals import wilson_interval
from tasks.kpi.lines import KpiLine, KpiLines, Standing, Verdict, judge, load_lines
from tasks.reports.figures import read_headline
from tasks.reports.wording import MISSING, Words, count, percent, short_percent

SMALL_BASE = 30
_MARKS: Mapping[Verdict, str] = {"met": "✓", "near": "≈", "missed": "✗", "waiting": "…", "not_measured": "–"}
_ROI_DIGITS_BELOW = 10


@dataclass(frozen=True, slots=True)
class KpiRow:
    """One KPI in words; `low` and `high` are the Wilson bounds (fractions), `position` the value itself."""

    kpi: str
    label: str
    value: str
    line: str
    verdict: Verdict
    mark: str
    verdict_text: str
    advice: str
    basis: str
    note: str
    is_peer: bool
    position: float | None = None
    low: float | None = None
    high: float | None = None
    line_position: float | None = None


def kpi_table(marts: Connection, campaign_id: str, language: Lang) -> list[tuple[str, str, str, str, str]]:
    """Label, value, line, verdict and advice (where the line is not met) of every KPI of a campaign.

    Raises:
        UsageError: the marts hold no such campaign.
    """
    rows = judge_campaign(read_headline(marts, campaign_id).first, load_lines(), Words(language))
    return [(row.label, row.value, row.line, f"{row.mark} {row.verdict_text}", row.advice) for row in rows]


def judge_campaign(headline: Mapping[str, Any], lines: KpiLines, words: Words) -> list[KpiRow]:
    """A row of campaign_kpi against every line that applies to its message type."""
    alpha = float(lines.alpha)
    applying = [line for line in lines.lines if line.applies_to(headline["message_type"])]
    return [_describe(line, judge(line, headline, alpha), headline, words) for line in applying]


def _describe(line: KpiLine, standing: Standing, headline: Mapping[str, Any], words: Words) -> KpiRow:
    needs_advice = standing.verdict in ("missed", "near") and not (line.peer and standing.verdict == "near")
    low, high = _bounds(line, headline)
    return KpiRow(
        kpi=line.kpi,
        label=line.label.say(words.lang),
        value=_value(line.kpi, standing.value, words),
        line=_line(line, words),
        verdict=standing.verdict,
        mark=_MARKS[standing.verdict],
        verdict_text=_verdict_text(line, standing.verdict, words),
        advice=line.advice.say(words.lang) if needs_advice else "",
        basis=_basis(line, headline),
        note=_note(line, standing, headline, words),
        is_peer=line.peer,
        position=standing.value if line.events else None,
        low=low,
        high=high,
        line_position=line.line if line.events else None,
    )


def _verdict_text(line: KpiLine, verdict: Verdict, words: Words) -> str:
    is_about_peer = line.peer and verdict in ("met", "missed")
    return words.say(f"verdict_peer_{verdict}" if is_about_peer else f"verdict_{verdict}")


def _value(kpi: str, value: float | None, words: Words) -> str:
    if value is None:
        return MISSING
    if kpi == "roi":
        return words.say("roi_value", ratio=f"{value:.1f}" if value < _ROI_DIGITS_BELOW else f"{value:,.0f}")
    return f"{100 * value:+.1f}%" if kpi == "repurchase_change" else percent(value)


def _line(line: KpiLine, words: Words) -> str:
    if line.kpi == "roi":
        text = words.say("roi_value", ratio=f"{line.line:g}")
    elif line.kpi == "repurchase_change":
        text = f"+{short_percent(line.line)}"
    elif line.at_least is not None and line.at_most is not None:
        low, high = short_percent(float(line.at_least)), short_percent(float(line.at_most))
        text = words.say("line_band", low=low, high=high)
    else:
        end = "line_at_least" if line.at_least is not None else "line_at_most"
        text = words.say(end, line=short_percent(line.line))
    return words.say("line_peer", line=text) if line.peer else text


def _bounds(line: KpiLine, headline: Mapping[str, Any]) -> tuple[float | None, float | None]:
    events, base = _counts(line, headline)
    if events is None or not base:
        return None, None
    bounds = wilson_interval(min(events, base), base)
    return bounds.low, bounds.high


def _counts(line: KpiLine, headline: Mapping[str, Any]) -> tuple[int | None, int | None]:
    if line.events is None or line.base is None:
        return None, None
    return headline[line.events], headline[line.base]


def _basis(line: KpiLine, headline: Mapping[str, Any]) -> str:
    events, base = _counts(line, headline)
    return "" if events is None or base is None else f"{count(events)} / {count(base)}"


def _note(line: KpiLine, standing: Standing, headline: Mapping[str, Any], words: Words) -> str:
    if standing.verdict == "not_measured":
        return _why_not_measured(line.kpi, headline, words)
    _, base = _counts(line, headline)
    if base is not None and base < SMALL_BASE:
        return words.say("small_sample")
    if line.kpi == "conversion_rate" and headline["clicked"]:
        return words.say("beside_per_click", rate=percent(min(1.0, headline["converted"] / headline["clicked"])))
    if line.kpi == "complaint_rate" and headline["complained"]:
        return words.say("beside_per_million", count=count(round(headline["complaints_per_million"])))
    return ""


def _why_not_measured(kpi: str, headline: Mapping[str, Any], words: Words) -> str:
    if not headline["submitted"]:
        return words.say("not_sent")
    if kpi == "open_rate" and headline["clicked"] is None:
        return words.say("no_clicks")
    if kpi in ("conversion_rate", "roi", "repurchase_change") and headline["converted"] is None:
        return words.say("no_orders")
    if kpi == "repurchase_change":
        return words.say("repurchase_wait" if headline["repurchase_rate"] is None else "no_baseline")
    return ""
