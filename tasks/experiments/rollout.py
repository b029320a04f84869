"""Steps 10 and 11: after the decision. Waves with guardrails, the next slot, realised lift, incrementality."""

from __future__ import annotations

import itertools
import math
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from chuda.errors import UsageError
from tasks.experiments.assignment import Connection
from tasks.experiments.decision import Decision
from tasks.experiments.evidence import ArmStats
from tasks.experiments.guardrails import Guardrail, check_guardrails
from tasks.experiments.intervals import Interval, lift_interval, newcombe_interval, relative_lift, wilson_interval
from tasks.experiments.registration import Registration
from tasks.experiments.significance import pooled_z

_WAVES = Path(__file__).with_name("assign_waves.sql")
_WEEK = timedelta(days=7)
_FROZEN = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class GroupCounts(BaseModel):
    """People of a group and those of them with the event."""

    model_config = _FROZEN

    people: int = Field(gt=0)
    events: int = Field(ge=0)


class RealisedLift(BaseModel):
    """What the roll-out brought beside what the test promised; rates, differences and lifts are fractions.

    The realised numbers set the roll-out against the fallback's rate *in the test*: another time, not randomised. The
    unbiased measure is `Incrementality`. A winner is picked for being high, so the promise tends to be too high.
    `predicted_*` are None where the fallback itself was rolled out: then no lift was promised.
    """

    model_config = _FROZEN

    arm: str
    predicted_difference: float | None
    predicted_interval: Interval | None
    predicted_lift: float | None
    realised_rate: float
    realised_rate_interval: Interval
    realised_difference: float
    realised_interval: Interval
    realised_lift: float | None
    is_as_predicted: bool | None


class Incrementality(BaseModel):
    """What the messages caused: everyone meant to get one against the holdout, both by assignment.

    Rates are fractions of assigned people (not of sent, which the holdout has none of); `extra_events` is people.
    """

    model_config = _FROZEN

    treated: GroupCounts
    holdout: GroupCounts
    difference: float
    interval: Interval
    lift: float | None
    lift_interval: Interval
    p_value: float
    extra_events: float
    extra_events_interval: Interval


def assign_waves(connection: Connection, wave_salt: str, fractions: tuple[float, ...]) -> tuple[int, ...]:
    """Create TEMP table `audience_waves(token, wave)` from the rest in `audience_assigned`; people per wave.

    Raises UsageError unless the fractions are positive and add up to 1.
    """
    if min(fractions, default=0.0) <= 0 or not math.isclose(sum(fractions), 1.0):
        raise UsageError(f"the roll-out waves {fractions} must be positive and add up to 1.")
    cut_points = list(itertools.accumulate(fractions[:-1]))
    connection.execute(_WAVES.read_text(encoding="utf-8"), {"wave_salt": wave_salt, "cut_points": cut_points})
    counts = dict(connection.execute("select wave, count(*) from audience_waves group by wave").fetchall())
    return tuple(int(counts.get(wave, 0)) for wave in range(1, len(fractions) + 1))


def check_wave(registration: Registration, rolled_out: ArmStats) -> tuple[Guardrail, ...]:
    """The guardrails of the rolled-out arm over all waves so far, each wave at its share of alpha.

    A STOP among them (`guardrails.find_harm`) holds the next wave back.
    """
    looks = len(registration.wave_fractions)
    return check_guardrails((rolled_out,), None, registration.guardrails, looks=looks)


def next_occurrence(slot_at: datetime, now: datetime) -> datetime:
    """The first moment after `now` on the same weekday and at the same time as `slot_at` (both aware, one zone).

    A send-slot test is rolled out then: the slot that won has passed when the answer is known.
    """
    weeks = max(0, (now - slot_at) // _WEEK + 1)
    return slot_at + weeks * _WEEK


def compare_realised(decision: Decision, rolled_out: GroupCounts) -> RealisedLift:
    """The roll-out's primary rate (per sent message) beside the test's; raises UsageError if no arm was rolled out."""
    arm, registration = decision.roll_out.arm, decision.registration
    if arm is None:
        raise UsageError(f"experiment {registration.experiment_id}: nothing was rolled out, so nothing is realised.")
    fallback = next(result for result in decision.results if result.arm == registration.fallback_arm)
    promised = next((comparison for comparison in decision.comparisons if comparison.arm == arm), None)
    counts = (rolled_out.events, rolled_out.people, fallback.events, fallback.sent)
    interval, difference = newcombe_interval(*counts, registration.alpha), _rate_difference(*counts)
    return RealisedLift(
        arm=arm,
        predicted_difference=promised.difference if promised else None,
        predicted_interval=promised.interval if promised else None,
        predicted_lift=promised.lift if promised else None,
        realised_rate=rolled_out.events / rolled_out.people,
        realised_rate_interval=wilson_interval(rolled_out.events, rolled_out.people, registration.alpha),
        realised_difference=difference,
        realised_interval=interval,
        realised_lift=relative_lift(*counts),
        is_as_predicted=promised.interval.low <= difference <= promised.interval.high if promised else None,
    )


def measure_incrementality(treated: GroupCounts, holdout: GroupCounts, alpha: float = 0.05) -> Incrementality:
    """The effect of messaging at all, by the holdout: difference, lift, and the extra events among the treated."""
    counts = (treated.events, treated.people, holdout.events, holdout.people)
    interval, difference = newcombe_interval(*counts, alpha), _rate_difference(*counts)
    return Incrementality(
        treated=treated,
        holdout=holdout,
        difference=difference,
        interval=interval,
        lift=relative_lift(*counts),
        lift_interval=lift_interval(*counts, alpha),
        p_value=float(pooled_z(*counts)[1]),
        extra_events=difference * treated.people,
        extra_events_interval=Interval(low=interval.low * treated.people, high=interval.high * treated.people),
    )


def _rate_difference(events_b: int, sent_b: int, events_a: int, sent_a: int) -> float:
    return events_b / sent_b - events_a / sent_a
