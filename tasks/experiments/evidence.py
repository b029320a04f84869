"""What an experiment is decided on: one row of sufficient statistics per arm, as DuckDB counts it."""

from __future__ import annotations

from decimal import Decimal
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from chuda.errors import UsageError
from tasks.experiments.registration import Metric, Registration

_PART_OF_SENT = ("delivered", "undelivered", "clicked", "converted", "opted_out", "complained", "receipts_missing")


class ArmStats(BaseModel):
    """One arm's counts of people, all within its own observation window.

    planned: in the plan; assigned: in the assignment table; sent: accepted by the provider (the test's denominator);
    delivered / undelivered: by receipt; receipts_missing: sent, but neither receipt nor closed as unconfirmed;
    clicked: unique clickers, None where clicks cannot be measured; cross_exposed: people who also got another arm.
    margin_sum and margin_sum_squares are in CNY and CNY squared over the sent messages, None where not measured.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    arm: str
    planned: int = Field(ge=0)
    assigned: int = Field(ge=0)
    sent: int = Field(ge=0)
    delivered: int = Field(ge=0)
    clicked: int | None = Field(default=None, ge=0)
    converted: int = Field(ge=0)
    opted_out: int = Field(ge=0)
    complained: int = Field(ge=0)
    undelivered: int = Field(ge=0)
    cross_exposed: int = Field(default=0, ge=0)
    receipts_missing: int = Field(default=0, ge=0)
    margin_sum: Decimal | None = None
    margin_sum_squares: Decimal | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.sent > self.assigned:
            raise UsageError(f"arm {self.arm}: sent {self.sent} exceeds assigned {self.assigned}; check the counting.")
        for name in _PART_OF_SENT:
            count = getattr(self, name)
            if count is not None and count > self.sent:
                raise UsageError(f"arm {self.arm}: {name} {count} exceeds sent {self.sent}; count people, not events.")
        if self.delivered + self.undelivered + self.receipts_missing > self.sent:
            raise UsageError(f"arm {self.arm}: delivered, undelivered and missing receipts together exceed sent.")
        if (self.margin_sum is None) != (self.margin_sum_squares is None):
            raise UsageError(f"arm {self.arm}: margin needs both its sum and its sum of squares.")
        return self

    def events(self, metric: Metric) -> int:
        """People of this arm with the primary event; raises UsageError where clicks were not measured (NULL)."""
        if metric == "converted":
            return self.converted
        if self.clicked is None:
            raise UsageError(
                f"arm {self.arm}: clicks were not measured (NULL is not 0), so a test on clicks cannot be decided. "
                "Register conversions as the primary metric, or use a channel whose links are tracked."
            )
        return self.clicked


def match_arms(registration: Registration, arms: tuple[ArmStats, ...]) -> tuple[ArmStats, ...]:
    """The arms in the registered order, whatever order they came in; raises UsageError if one is missing or unknown."""
    by_name = {arm.arm: arm for arm in arms}
    if len(by_name) != len(arms) or set(by_name) != set(registration.arm_names):
        raise UsageError(
            f"experiment {registration.experiment_id} was registered with arms {', '.join(registration.arm_names)}, "
            f"but the counts are of {', '.join(sorted(arm.arm for arm in arms)) or 'no arm'}."
        )
    return tuple(by_name[name] for name in registration.arm_names)
