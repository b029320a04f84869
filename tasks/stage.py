"""What every stage's door shares: an open workspace, one transaction, gates whose verdicts are kept and shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prefect.artifacts import create_table_artifact
from prefect.context import FlowRunContext, TaskRunContext

from chuda.errors import GateBroken, GateFailed
from chuda.workspace import Workspace, open_workspace
from expectations.gate import Gatekeeper, GateResult, record_results


@dataclass(frozen=True, slots=True)
class Stage:
    """An open stage: its workspace, its transaction on the warehouse, its gate, and the moment it runs at."""

    workspace: Workspace
    connection: Any
    gate: Gatekeeper
    now: datetime


@contextmanager
def open_stage(draft_id: str | None = None) -> Iterator[Stage]:
    """Run a stage in one transaction of the warehouse; what it publishes is there whole or not at all.

    The verdicts of its gates are kept either way: in the warehouse and, inside a flow, as a Prefect artifact.
    """
    with open_workspace() as workspace:
        now = workspace.clock.now()
        results: list[GateResult] = []
        opened = workspace.warehouse.draft(draft_id) if draft_id else workspace.warehouse.write()
        try:
            with opened as connection:
                gate = Gatekeeper(connection, now)
                results = gate.results
                yield Stage(workspace, connection, gate, now)
                record_results(connection, results)
        except (GateFailed, GateBroken):
            with workspace.warehouse.write() as connection:
                record_results(connection, results)
            raise
        finally:
            show_verdicts(results)


def show_verdicts(results: Sequence[GateResult]) -> None:
    """Put the verdicts into a Prefect table artifact; outside a run there is nowhere to show them."""
    if FlowRunContext.get() is None and TaskRunContext.get() is None:
        return
    for result in results:
        table = [
            {"rule": f.rule, "meaning": f.meaning, "severity": f.severity, "met": "yes" if f.is_met else "NO",
             "rows that do not": f.unexpected}
            for f in result.findings
        ]  # fmt: skip
        create_table_artifact(
            key=f"gate-{result.gate}".replace("_", "-"), table=table, description=f"{result.subject}: {result.verdict}"
        )
