"""The experiment's part of the report: what the verdict rests on, in the same words as `chuda experiment`."""

from __future__ import annotations

from typing import Any

from chuda.stores.marts import Connection
from tasks.experiments.page import tell_experiment
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
    return {"sections": sections, "figure": figure, "segments": segments}
