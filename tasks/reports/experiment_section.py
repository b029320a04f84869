"""The experiment's part of the report: what the verdict rests on, in the same words as `chuda experiment`."""

from __future__ import annotations

from typing import Any

from chuda.stores.marts import Connection
from tasks.experiments.comparison import Comparison
from tasks.experiments.decision import Decision
from tasks.experiments.page import tell_experiment
from tasks.experiments.wording import METRIC_NAMES
from tasks.reports.figures import read_figure
from tasks.reports.wording import Words


def show_experiment(marts: Connection, campaign_id: str, words: Words) -> dict[str, Any] | None:
    """The sections of the campaign's newest experiment, with the queries behind them; None without an experiment."""
    figure = read_figure(marts, "experiment", campaign_id)
    if not figure.rows:
        return None
    segments = read_figure(marts, "experiment_segments", campaign_id)
    sections = [
        section
        for section in tell_experiment(figure.rows, segments.rows, words.lang)
        if section.key not in ("verdict",)  # the page shows it above the chart
    ]
    record = figure.first["record"]
    why = explain_no_winner(Decision.from_json(record), words) if record else ""
    return {"sections": sections, "figure": figure, "segments": segments, "why": why}


def explain_no_winner(decision: Decision, words: Words) -> str:
    """Why rates that look different, in the table beside it, are no win: which measure decides. "" where one won."""
    if decision.verdict != "INCONCLUSIVE":
        return ""
    metric = METRIC_NAMES[decision.registration.primary_metric]
    name = metric.zh if words.lang == "zh" else metric.en
    if decision.reason == "not_significant":
        return words.say("why_not_significant", metric=name)
    if decision.reason == "margin_not_measured":
        return words.say("why_no_margin", metric=name)
    margins = (_tell_margin(each, words) for each in decision.comparisons if each.is_proven() and each.margin)
    chosen = decision.roll_out.arm
    kept = words.say("why_kept", arm=chosen) if chosen and decision.roll_out.scope == "rest" else ""
    return words.say("why_margin", metric=name, margins=words.say("list_comma").join(margins), kept=kept)


def _tell_margin(comparison: Comparison, words: Words) -> str:
    margin = comparison.margin
    assert margin is not None
    return words.say(
        "why_margin_of",
        arm=comparison.arm,
        other=comparison.reference,
        mine=f"{margin.mean_b:,.2f}",
        theirs=f"{margin.mean_a:,.2f}",
        difference=f"{margin.difference:+,.2f}",
        low=f"{margin.interval.low:+,.2f}",
        high=f"{margin.interval.high:+,.2f}",
    )
