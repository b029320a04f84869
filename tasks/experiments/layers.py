"""Mutual exclusion: experiments of one layer that run at the same time share nobody.

Disjoint bucket ranges guarantee it for every audience; overlapping ones are let through only where nobody is in both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from chuda.errors import UsageError


class LayerClaim(BaseModel):
    """The half-open bucket range [low, high) of one layer that an experiment holds during [starts_at, ends_at)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    experiment_id: str
    plan_id: str = ""
    layer: str
    low: float = Field(ge=0, lt=1)
    high: float = Field(gt=0, le=1)
    starts_at: datetime
    ends_at: datetime

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if not self.low < self.high:
            raise UsageError(f"{self.experiment_id}: bucket range {self.low:g}-{self.high:g} of {self.layer} is empty.")
        if not self.starts_at < self.ends_at:
            raise UsageError(f"{self.experiment_id}: the experiment ends before it starts.")
        return self

    def overlaps(self, other: LayerClaim) -> bool:
        """Whether the two could hold the same person at the same time."""
        return (
            self.layer == other.layer
            and self.low < other.high
            and other.low < self.high
            and self.starts_at < other.ends_at
            and other.starts_at < self.ends_at
        )


def check_layer(
    claim: LayerClaim, running: Iterable[LayerClaim], count_shared: Callable[[LayerClaim], int] | None = None
) -> None:
    """Refuse a claim that would share people with another experiment of its layer; its own row is ignored.

    Args:
        claim: the experiment that is planned.
        running: what others hold.
        count_shared: how many people of the two samples are the same; without it every overlap counts as shared.

    Raises:
        UsageError: with the holder, its range and its end, and what to do.
    """
    for other in running:
        is_own = (other.experiment_id, other.plan_id) == (claim.experiment_id, claim.plan_id)
        if is_own or not claim.overlaps(other):
            continue
        shared = count_shared(other) if count_shared else 1
        if shared:
            people = f" ({shared:,} people are in both samples)" if count_shared else ""
            plan = f" (plan {other.plan_id})" if other.plan_id else ""
            raise UsageError(
                f"experiment {claim.experiment_id} claims buckets {claim.low:g}-{claim.high:g} of layer {claim.layer}, "
                f"but {other.experiment_id}{plan} holds {other.low:g}-{other.high:g} until "
                f"{other.ends_at.isoformat(timespec='minutes')}{people}: choose a free range (`layer: {{low, high}}` "
                "in the campaign file), another layer, or wait."
            )
