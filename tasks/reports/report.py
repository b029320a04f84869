"""The report of one campaign: figures in, one self-contained HTML page out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from chuda.files import Lang
from chuda.stores.marts import Connection, open_marts
from tasks.kpi.lines import REFERENCE, KpiLines, load_lines
from tasks.reports.experiment_section import show_experiment
from tasks.reports.figures import Figure, Row, read_figure, read_headline
from tasks.reports.kpi_table import judge_campaign
from tasks.reports.pictures import picture_hours, picture_progress, picture_segments, picture_variants
from tasks.reports.sections import (
    show_cards,
    show_cells,
    show_cost,
    show_exclusions,
    show_failures,
    show_funnel,
    show_todo,
    sum_up,
)
from tasks.reports.wording import Words, count

PAGE = Path(__file__).parent / "page"
_FIGURES = (
    "funnel",
    "progress",
    "latency",
    "cells",
    "hours",
    "segments",
    "variants",
    "cost",
    "exclusions",
    "failures",
    "alerts",
    "freshness",
)


def render_report(
    marts: Connection | Path,
    campaign_id: str,
    language: Lang,
    segment_labels: Mapping[str, str] | None = None,
) -> str:
    """One HTML page about a campaign, in Chinese or English: no script, no address, nothing to fetch.

    `marts` is a marts file or an open connection to one. `segment_labels` says how segments are called; by default
    the shipped ones have their Chinese names on a Chinese page.

    Raises:
        UsageError: there are no marts, or no such campaign in them.
    """
    words = Words(language)
    labels = segment_labels if segment_labels is not None else segment_names(language)
    with connected(marts) as connection:
        headline = read_headline(connection, campaign_id)
        figures = {name: read_figure(connection, name, campaign_id) for name in _FIGURES}
        experiment = show_experiment(connection, campaign_id, words)
    page = _lay_out(headline, figures, load_lines(), words, labels) | {"experiment": experiment}
    return page_template("report.html.j2").render(
        page=page, words=words, css=Markup((PAGE / "report.css").read_text("utf-8"))
    )


@contextmanager
def connected(marts: Connection | Path) -> Iterator[Connection]:
    """The marts opened from their file, or as they were handed over."""
    if isinstance(marts, Path):
        with open_marts(marts) as connection:
            yield connection
    else:
        yield marts


def _lay_out(
    headline: Figure, figures: Mapping[str, Figure], lines: KpiLines, words: Words, labels: Mapping[str, str]
) -> dict[str, Any]:
    row = headline.first
    kpis = judge_campaign(row, lines, words)
    complaints = sum(each["alerts"] for each in figures["alerts"].rows if each["kind"] == "complaint")
    delivery_line = next((line.line for line in lines.lines if line.kpi == "delivery_rate"), 0.98)
    pictures = {
        "progress": picture_progress(figures["progress"], figures["latency"], words),
        "hours": picture_hours(figures["hours"], words),
        "segments": picture_segments(figures["segments"], float(lines.low_open_segment.at_least), words, labels),
        "variants": picture_variants(figures["variants"], words),
    }
    return {
        **_head(row, figures["freshness"].first, words),
        "headline": headline,
        "freshness": figures["freshness"],
        "alerts": figures["alerts"],
        "verdict": sum_up(row, kpis, complaints, words),
        "cards": show_cards(kpis, words),
        "todo": show_todo(figures["alerts"], lines, words, labels),
        **{name: with_safe_chart(picture) for name, picture in pictures.items()},
        "funnel": {"steps": show_funnel(figures["funnel"], words), "figure": figures["funnel"]},
        "cells": show_cells(figures["cells"], delivery_line, words),
        "cost": {"rows": show_cost(figures["cost"], words), "figure": figures["cost"]},
        "exclusions": {"rows": show_exclusions(figures["exclusions"], words), "figure": figures["exclusions"]},
        "failures": {"rows": show_failures(figures["failures"], words), "figure": figures["failures"]},
    }


def _head(row: Row, freshness: Row, words: Words) -> dict[str, Any]:
    first, last = words.moment(row["first_sent_at"]), words.moment(row["last_sent_at"])
    facts = [
        row["campaign_id"],
        words.say("sent_between", first=first, last=last) if row["submitted"] else words.say("not_sent"),
        words.say("channel", name=row["channel"]),
    ]
    if row["occurrences"] > 1:
        facts.append(words.say("occurrences", count=count(row["occurrences"])))
    facts.append(words.say("as_of", moment=words.moment(freshness["built_at"])))
    notes = [words.say(f"note_{name}", days=row["attribution_days"]) for name in _NOTES]
    return {
        "name": row["campaign_name"],
        "kind": words.say(f"type_{row['message_type']}"),
        "facts": facts,
        "notes": notes,
    }


_NOTES = ("open", "orders", "receipts", "lines", "people")


def with_safe_chart(picture: dict[str, Any] | None) -> dict[str, Any] | None:
    """A picture whose chart goes onto the page as it is."""
    # Vega escapes what it draws; everything else on the page is escaped by the template.
    return None if picture is None else {**picture, "chart": Markup(picture["chart"])}


@cache
def segment_names(language: Lang) -> Mapping[str, str]:
    """How the shipped segments are called in this language; a segment without an entry is called by its name."""
    if language != "zh":
        return {}
    from chuda.campaign.segments import load_segments

    return {segment.name: segment.label for segment in load_segments(REFERENCE / "segments.yaml")}


def page_template(name: str) -> Template:
    """A page of `page/`: everything filled in is escaped, everything missing is an error."""
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    loader = FileSystemLoader(PAGE)
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=False)
