"""Builders of registrations and of one arm's counts, with everything that does not matter to a test filled in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tasks.experiments.evidence import ArmStats
from tasks.experiments.registration import Registration


@pytest.fixture(scope="session")
def register() -> Callable[..., Registration]:
    def build(names: str = "AB", costs: dict[str, str] | None = None, **changes: Any) -> Registration:
        row = {
            "experiment_id": "spring-call",
            "variable": "call_to_action",
            "arms": [{"name": name, "cost_cny": (costs or {}).get(name, "0.05")} for name in names],
            "primary_metric": "clicked",
            "window_hours": 48,
            "target_mde": 0.05,
            "sample_fraction": 0.1,
            "fallback_arm": names[0],
            "holdout_fraction": 0.05,
        }
        return Registration.model_validate(row | changes)

    return build


@pytest.fixture(scope="session")
def observe() -> Callable[..., ArmStats]:
    def build(arm: str, clicked: int | None = 250, sent: int = 1000, **changes: Any) -> ArmStats:
        undelivered = min(sent, 10)
        row: dict[str, Any] = {
            "arm": arm,
            "planned": 1000,
            "assigned": 1000,
            "sent": sent,
            "undelivered": undelivered,
            "delivered": sent - undelivered,
            "clicked": clicked,
            "converted": 0,
            "opted_out": 0,
            "complained": 0,
        }
        return ArmStats.model_validate(row | changes)

    return build
