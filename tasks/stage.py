"""What every stage's door shares: an open workspace, one transaction, gates whose verdicts are kept and shown."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from prefect import Task, task
from prefect.artifacts import create_table_artifact
from prefect.context import FlowRunContext, TaskRunContext

from chuda.errors import ChudaError, GateBroken, GateFailed
from chuda.phones import mask_phones
from chuda.workspace import Workspace, open_workspace
from expectations.gate import Gatekeeper, GateResult, record_results

P = ParamSpec("P")
R = TypeVar("R")


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


def stage_task(name: str) -> Callable[[Callable[P, R]], Task[P, R]]:
    """A Prefect task of this name whose result is not kept and whose unforeseen errors name no person.

    Prefect stores the text of an exception, and the exception itself, in the clear. Ours carry no number; what a
    library raises may quote one, so only its kind and place are passed on, and its text with numbers masked.
    """

    def wrap(function: Callable[P, R]) -> Task[P, R]:
        @wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except ChudaError:
                raise
            except Exception as error:
                said = mask_phones(str(error)).partition("\n")[0][:300]
                message = f"unforeseen {type(error).__name__} at {_place_of(error)}: {said}"
            raise ChudaError(message)

        return task(name=name, persist_result=False)(guarded)

    return wrap


def _place_of(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"


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
