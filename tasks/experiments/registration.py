"""The pre-registered row of an experiment: everything that is fixed before the first message leaves.

It is immutable and part of the plan's hash (`Registration.fingerprint`). What cannot be a fair test is refused
here, before anything is planned.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from chuda.errors import UsageError

Variable = Literal["send_slot", "offer", "call_to_action"]
Metric = Literal["clicked", "converted"]
Mode = Literal["sample", "full"]

VARIABLES: tuple[Variable, ...] = ("send_slot", "offer", "call_to_action")
SAMPLE_FRACTIONS = (0.10, 0.15)

_FROZEN = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Arm(BaseModel):
    """One variant: its name, what one message of it costs (CNY), and its value of each of the three variables."""

    model_config = _FROZEN

    name: str = Field(min_length=1)
    cost_cny: Decimal = Field(ge=0)
    send_slot: str | None = None
    offer: str | None = None
    call_to_action: str | None = None
    is_click_measured: bool = True


class GuardrailLimits(BaseModel):
    """The lines no arm may cross (fractions of the sent messages) and the levels at which crossing is proven."""

    model_config = _FROZEN

    opted_out: float = Field(default=0.005, gt=0, lt=1)
    complained: float = Field(default=0.002, gt=0, lt=1)
    undelivered: float = Field(default=0.02, gt=0, lt=1)
    alpha_limit: float = Field(default=0.025, gt=0, lt=1)
    alpha_worse: float = Field(default=0.05, gt=0, lt=1)


class Registration(BaseModel):
    """The pre-registered row. Rates and effects are fractions, the window is in hours after each arm's own sending.

    `wave_gap_hours` is how long a wave of the roll-out is watched before the next. `layer` with its half-open bucket
    range is what the sample is drawn from; experiments of one layer that run at the same time share nobody.

    Raises UsageError where the plan cannot be a fair test: more than one variable changed, a sample outside
    10-15% in the sampling mode, a click metric on an arm whose clicks nobody can count.
    """

    model_config = _FROZEN

    experiment_id: str = Field(min_length=1)
    variable: Variable
    arms: tuple[Arm, ...]
    primary_metric: Metric
    window_hours: float = Field(gt=0)
    target_mde: float = Field(gt=0, lt=1)
    sample_fraction: float = Field(gt=0, le=1)
    fallback_arm: str
    holdout_fraction: float = Field(ge=0, lt=0.5)
    mode: Mode = "sample"
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    power: float = Field(default=0.8, gt=0.5, lt=1)
    indifference_zone: float | None = Field(default=None, gt=0, lt=1)
    send_leader_unproven: bool = False
    minimum_sent: int = Field(default=500, ge=1)
    minimum_events: int = Field(default=150, ge=1)
    guardrails: GuardrailLimits = GuardrailLimits()
    wave_fractions: tuple[float, ...] = (0.2, 0.8)
    wave_gap_hours: float = Field(default=24, gt=0)
    layer: str = Field(default="default", min_length=1)
    layer_low: float = Field(default=0.0, ge=0, lt=1)
    layer_high: float = Field(default=1.0, gt=0, le=1)

    @model_validator(mode="after")
    def _is_a_fair_test(self) -> Self:
        _check_arm_names(self)
        _check_sample(self)
        check_one_variable(self.variable, {arm.name: _values(arm) for arm in self.arms})
        _check_clicks(self)
        return self

    @property
    def arm_names(self) -> tuple[str, ...]:
        """The names of the arms, in the registered order."""
        return tuple(arm.name for arm in self.arms)

    def cost_of(self, arm_name: str) -> Decimal:
        """What one message of the arm costs, in CNY."""
        return next(arm.cost_cny for arm in self.arms if arm.name == arm_name)

    def fingerprint(self) -> str:
        """SHA-256 (64 hex characters) of the whole row, for the plan's hash."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def due_at(self, last_sent_at: datetime) -> datetime:
        """When the one decision is taken: the last send of any arm plus the window."""
        return last_sent_at + timedelta(hours=self.window_hours)

    def check_due(self, last_sent_at: datetime, now: datetime) -> None:
        """Raise UsageError before the window has passed: looking early is for harm only (`guardrails`)."""
        due_at = self.due_at(last_sent_at)
        if now < due_at:
            raise UsageError(
                f"experiment {self.experiment_id}: the window of {self.window_hours:g} h is open until "
                f"{due_at.isoformat(timespec='minutes')}; decide then. Looking early is allowed for harm only."
            )


def check_one_variable(variable: str, values_by_arm: Mapping[str, Mapping[str, str | None]]) -> None:
    """Refuse arms that differ in anything but the registered variable.

    `values_by_arm` maps an arm to its value of each of the three variables; a variable that no arm states is the
    same for all. Raises UsageError naming what else differs, or two arms that do not differ at all.
    """
    differing = [name for name in VARIABLES if len({values.get(name) for values in values_by_arm.values()}) > 1]
    others = [name for name in differing if name != variable]
    if others:
        raise UsageError(
            f"the variants differ in {', '.join(differing)}, but the test is about {variable}: change one variable "
            f"only, so that the result has one cause. Make {', '.join(others)} the same in all variants."
        )
    seen: dict[str, str] = {}
    for arm, values in values_by_arm.items():
        value = values.get(variable)
        if value is None:
            continue
        if value in seen:
            raise UsageError(
                f"variants {seen[value]} and {arm} have the same {variable} ({value}): nothing to compare."
            )
        seen[value] = arm


def _values(arm: Arm) -> dict[str, str | None]:
    return {"send_slot": arm.send_slot, "offer": arm.offer, "call_to_action": arm.call_to_action}


def _check_arm_names(registration: Registration) -> None:
    names: Sequence[str] = registration.arm_names
    if len(names) < 2:
        raise UsageError("an experiment needs at least two variants; with one there is nothing to compare.")
    if len(set(names)) < len(names):
        raise UsageError(f"two variants have the same name ({', '.join(names)}): give each its own.")
    if registration.fallback_arm not in names:
        raise UsageError(f"fallback {registration.fallback_arm!r} is not one of the variants: {', '.join(names)}.")


def _check_sample(registration: Registration) -> None:
    low, high = SAMPLE_FRACTIONS
    fraction = registration.sample_fraction
    if registration.mode == "sample" and not low <= fraction <= high:
        raise UsageError(
            f"sample is {fraction:g} of the audience; allowed are {low:g} to {high:g}. For an audience too small to "
            "sample choose `mode: full`, a learning test over everybody without a roll-out."
        )
    if registration.mode == "full" and fraction != 1:
        raise UsageError(f"`mode: full` tests the whole audience: sample must be 1, not {fraction:g}.")
    is_whole = (registration.layer_low, registration.layer_high) == (0.0, 1.0)
    if registration.mode == "full" and not is_whole:
        raise UsageError("`mode: full` tests the whole audience: it cannot take a part of a layer only.")
    if registration.mode == "sample" and abs(sum(registration.wave_fractions) - 1) > 1e-9:
        raise UsageError(f"the roll-out waves {registration.wave_fractions} must add up to 1.")


def _check_clicks(registration: Registration) -> None:
    without = [arm.name for arm in registration.arms if not arm.is_click_measured]
    if registration.primary_metric == "clicked" and without:
        raise UsageError(
            f"the primary metric is clicks, but clicks on variant {', '.join(without)} cannot be measured (no link, or "
            "a channel that tracks none). Choose conversions as the primary metric or give every variant a link."
        )
