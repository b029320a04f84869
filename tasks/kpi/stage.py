"""The door of the KPI room."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from chuda.providers.messengers import Answer, Messenger, tell
from chuda.results import StageResult
from chuda.stores.marts import open_marts, read_rows
from chuda.workspace import open_workspace
from expectations.gate import Gatekeeper, GateResult, record_results
from expectations.suites.kpis import KPIS
from tasks.channels.record import create_channel_tables
from tasks.contacts.merging import create_contact_tables
from tasks.experiments.record import create_experiment_tables
from tasks.feedback.mirror import create_mirror
from tasks.kpi.lines import load_lines
from tasks.kpi.refresh import refresh_marts
from tasks.kpi.telling import (
    Digest,
    compose,
    create_delivery_table,
    read_messengers,
    tell_all,
    worth_telling,
)
from tasks.planning.plan import create_plan_tables
from tasks.reports.report import segment_names
from tasks.stage import show_verdicts, stage_task

Row = Mapping[str, Any]


@stage_task("refresh KPIs")
def refresh_kpis(is_full: bool = False) -> StageResult:
    """Bring the marts up to the warehouse and publish them by renaming the file; a failed gate leaves the old one.

    Only what changed is made anew, unless `is_full`; `details` says how many rows that were, or why all of them.
    """
    with open_workspace() as workspace:
        now = workspace.clock.now()
        with workspace.warehouse.write() as connection:
            create_contact_tables(connection)
            create_plan_tables(connection)
            create_mirror(connection)
            create_channel_tables(connection)
            create_delivery_table(connection)
            create_experiment_tables(connection)
        results: list[GateResult] = []

        def check(connection: Any) -> None:
            gate = Gatekeeper(connection, now)
            try:
                gate.require(KPIS, "campaign KPIs")
            finally:
                results.extend(gate.results)

        try:
            with workspace.warehouse.read() as connection:
                summary = refresh_marts(connection, workspace.settings.marts_file, now, check, is_full=is_full)
        finally:
            with workspace.warehouse.write() as connection:
                record_results(connection, results)
            show_verdicts(results)
        details = {name: str(rows) for name, rows in {**summary.rows, **summary.changed}.items()}
        details["full"] = summary.why_full
        rows = sum(summary.rows.values())
        return StageResult("kpi", "marts", rows, rows, verdict=results[0].verdict, details=details)


@stage_task("tell alerts")
def tell_alerts() -> StageResult:
    """Tell the groups named in the environment what they were not told yet; how it went is in `alert_delivery`.

    `details` has the number of alerts by group and outcome; it is empty where no group is named.
    """
    with open_workspace() as workspace:
        settings, now = workspace.settings, workspace.clock.now()
        messengers = read_messengers(settings)
        if not messengers:
            return StageResult("alerts", "alert", 0, 0)
        with open_marts(settings.marts_file) as marts:
            alerts = worth_telling(read_rows(marts, "from alert"), settings.alert_from)
        lines, labels = load_lines(), segment_names(settings.lang)

        def write(change: Callable[[Any], Any]) -> Any:
            with workspace.warehouse.write() as connection:
                create_delivery_table(connection)
                return change(connection)

        def say(digest: Digest) -> Answer:
            return tell(digest.messenger, digest.text, digest.alerts, now)

        def texts(claimed: Sequence[Row], messenger: Messenger) -> Iterator[Digest]:
            return compose(claimed, messenger, lines, settings.lang, labels)

        told = tell_all(alerts, messengers, write, say, texts, now)
        sent = sum(count for key, count in told.items() if key.endswith(" sent"))
        return StageResult("alerts", "alert", sum(told.values()), sent, details={k: str(n) for k, n in told.items()})
