"""Counting the arms of experiments in the marts: one row of sufficient statistics per arm, all plans in one scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tasks.experiments.evidence import ArmStats
from tasks.experiments.registration import Registration

_COUNT = Path(__file__).with_name("count_arms.sql").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class CountRequest:
    """A plan's arms to be counted, each with how many people the plan has in it."""

    plan_id: str
    registration: Registration
    planned: Mapping[str, int]


def count_arms(
    marts: Any, requests: Sequence[CountRequest], now: datetime, is_rollout: bool = False
) -> dict[str, tuple[ArmStats, ...]]:
    """The counts of the arms named in `planned`, by plan, each within the registered window.

    Args:
        marts: a connection to marts, or one on which they are being built.
        requests: the plans.
        now: a message without a receipt is no longer waited for 72 hours after it left.
        is_rollout: count the roll-out's messages instead of the test's.
    """
    if not requests:
        return {}
    arms = [(request, name) for request in requests for name in request.planned]
    parameters = {
        "plans": [request.plan_id for request, _ in arms],
        "arms": [name for _, name in arms],
        "costs": [float(request.registration.cost_of(name)) for request, name in arms],
        "planned": [request.planned[name] for request, name in arms],
        "windows": [float(request.registration.window_hours) for request, _ in arms],
        "is_rollout": is_rollout,
        "now": now,
    }
    cursor = marts.execute(_COUNT, parameters)
    names = [column[0] for column in cursor.description]
    counted: dict[str, tuple[ArmStats, ...]] = {request.plan_id: () for request in requests}
    for row in cursor.fetchall():
        values = dict(zip(names, row, strict=True))
        counted[values.pop("plan_id")] += (ArmStats.model_validate(values),)
    return counted
