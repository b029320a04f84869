"""Counting the arms of experiments in the marts: one row of sufficient statistics per arm, from one pass over them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tasks.experiments.evidence import ArmStats
from tasks.experiments.registration import Registration

RECEIPTS_COMPLETE_AFTER = timedelta(hours=72)
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
        requests: the plans; those with windows of one length are counted together.
        now: a message without a receipt is no longer waited for 72 hours after it left.
        is_rollout: count the roll-out's messages instead of the test's.
    """
    counted: dict[str, tuple[ArmStats, ...]] = {request.plan_id: () for request in requests}
    by_window: defaultdict[int, list[CountRequest]] = defaultdict(list)
    for request in requests:
        by_window[math.ceil(request.registration.window_hours * 3600)].append(request)
    for window_s, together in by_window.items():
        shared = {
            "window_s": window_s, "is_rollout": is_rollout, "receipts_since": now - RECEIPTS_COMPLETE_AFTER,
        }  # fmt: skip
        for values in _count(marts, _arms_of(together) | shared):
            counted[values.pop("plan_id")] += (ArmStats.model_validate(values),)
    return counted


def _arms_of(requests: Sequence[CountRequest]) -> dict[str, object]:
    arms = [(request, name) for request in requests for name in request.planned]
    return {
        "plans": [request.plan_id for request, _ in arms],
        "arms": [name for _, name in arms],
        "costs": [float(request.registration.cost_of(name)) for request, name in arms],
        "planned": [request.planned[name] for request, name in arms],
    }


def _count(marts: Any, parameters: dict[str, object]) -> list[dict[str, Any]]:
    cursor = marts.execute(_COUNT, parameters)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
