"""Mutual exclusion: experiments of one layer that run at the same time need disjoint bucket ranges."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from chuda.errors import UsageError


class LayerClaim(BaseModel):
    """The half-open bucket range [low, high) of one layer that an experiment holds during [starts_at, ends_at)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    experiment_id: str
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


def check_layer(claim: LayerClaim, running: Iterable[LayerClaim]) -> None:
    """Raise UsageError if `claim` would share people with another experiment of its layer; its own row is ignored."""
    for other in running:
        if other.experiment_id != claim.experiment_id and claim.overlaps(other):
            raise UsageError(
                f"experiment {claim.experiment_id} claims buckets {claim.low:g}-{claim.high:g} of layer {claim.layer}, "
                f"but {other.experiment_id} holds {other.low:g}-{other.high:g} until "
                f"{other.ends_at.isoformat(timespec='minutes')}: choose a free range, another layer, or wait."
            )
