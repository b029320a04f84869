"""The door of the KPI room."""

from __future__ import annotations

from typing import Any

from chuda.results import StageResult
from chuda.workspace import open_workspace
from expectations.gate import Gatekeeper, GateResult, record_results
from expectations.suites.kpis import KPIS
from tasks.contacts.merging import create_contact_tables
from tasks.experiments.record import create_experiment_tables
from tasks.feedback.mirror import create_mirror
from tasks.kpi.refresh import refresh_marts
from tasks.planning.plan import create_plan_tables
from tasks.stage import show_verdicts, stage_task


@stage_task("refresh KPIs")
def refresh_kpis() -> StageResult:
    """Build all marts from the warehouse and publish them by renaming the file; a failed gate leaves the old one."""
    with open_workspace() as workspace:
        now = workspace.clock.now()
        with workspace.warehouse.write() as connection:
            create_contact_tables(connection)
            create_plan_tables(connection)
            create_mirror(connection)
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
                summary = refresh_marts(connection, workspace.settings.marts_file, now, check)
        finally:
            with workspace.warehouse.write() as connection:
                record_results(connection, results)
            show_verdicts(results)
        details = {name: str(rows) for name, rows in summary.rows.items()}
        rows = sum(summary.rows.values())
        return StageResult("kpi", "marts", rows, rows, verdict=results[0].verdict, details=details)
