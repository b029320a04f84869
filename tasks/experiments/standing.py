"""How decided experiments stand now: what came late, how the roll-out goes, realised beside predicted, incrementality.

Worked out anew whenever the marts are built; the decision itself never changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from tasks.experiments.counting import CountRequest, count_arms
from tasks.experiments.decision import Decision, LateChange, find_late_changes
from tasks.experiments.evidence import ArmStats
from tasks.experiments.rollout import (
    GroupCounts,
    Incrementality,
    RealisedLift,
    compare_realised,
    measure_incrementality,
)

_HOLDOUTS = Path(__file__).with_name("count_holdouts.sql").read_text(encoding="utf-8")
_DECIDED = """
SELECT d.plan_id, any_value(d.record) AS record, min(d.decided_at) AS decided_at
FROM experiment_decision d SEMI JOIN plan_made p ON p.plan_id = d.plan_id
GROUP BY d.plan_id ORDER BY d.plan_id
"""
_WAVES = """
SELECT plan_id, count(*), any_value(waves), sum(people)::bigint FROM rollout_wave GROUP BY plan_id
"""
_FROZEN = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class HoldoutCounts(BaseModel):
    """People with an order of the campaign's time: those meant to get a message, and those held out."""

    model_config = _FROZEN

    treated: int
    treated_events: int
    holdout: int
    holdout_events: int
    is_final: bool


class Standing(BaseModel):
    """One decided experiment as it stands: what the mart, the command and the report show beside the decision."""

    model_config = _FROZEN

    plan_id: str
    decision: Decision
    decided_at: datetime
    late: tuple[LateChange, ...]
    waves_planned: int
    waves: int
    wave_people: int
    rolled_out: ArmStats | None
    realised: RealisedLift | None
    incrementality: Incrementality | None
    is_incrementality_final: bool


def read_standings(connection: Any, now: datetime) -> list[Standing]:
    """All decided experiments, on a connection that finds warehouse and marts by plain names."""
    decided = [
        (plan_id, Decision.from_json(record), decided_at)
        for plan_id, record, decided_at in connection.execute(_DECIDED).fetchall()
    ]
    if not decided:
        return []
    tested = count_arms(connection, [_test_of(plan_id, decision) for plan_id, decision, _ in decided], now)
    rolled = count_arms(connection, [r for p, d, _ in decided for r in _rollout_of(p, d)], now, is_rollout=True)
    waves = {row[0]: row[1:] for row in connection.execute(_WAVES).fetchall()}
    held = _count_holdouts(connection, now)
    return [
        _stand(plan_id, decision, at, tested[plan_id], rolled.get(plan_id, ()), waves.get(plan_id), held.get(plan_id))
        for plan_id, decision, at in decided
    ]


def _test_of(plan_id: str, decision: Decision) -> CountRequest:
    return CountRequest(plan_id, decision.registration, {arm.arm: arm.planned for arm in decision.arms})


def _rollout_of(plan_id: str, decision: Decision) -> list[CountRequest]:
    arm = decision.roll_out.arm
    if arm is None or decision.roll_out.scope == "next_time":
        return []
    return [CountRequest(plan_id, decision.registration, {arm: 0})]


def _count_holdouts(connection: Any, now: datetime) -> Mapping[str, HoldoutCounts]:
    cursor = connection.execute(_HOLDOUTS, {"now": now})
    names = [column[0] for column in cursor.description][1:]
    return {row[0]: HoldoutCounts(**dict(zip(names, row[1:], strict=True))) for row in cursor.fetchall()}


def _stand(
    plan_id: str, decision: Decision, decided_at: datetime, tested: tuple[ArmStats, ...],
    rolled: tuple[ArmStats, ...], waves: tuple[int, int, int] | None, held: HoldoutCounts | None,
) -> Standing:  # fmt: skip
    rolled_out = rolled[0] if rolled and rolled[0].sent else None
    counts = None
    if rolled_out is not None:
        events = rolled_out.events(decision.registration.primary_metric)
        counts = GroupCounts(people=rolled_out.sent, events=events)
    caused = None
    if held is not None and held.holdout and held.treated:
        caused = measure_incrementality(
            GroupCounts(people=held.treated, events=held.treated_events),
            GroupCounts(people=held.holdout, events=held.holdout_events),
            decision.registration.alpha,
        )
    planned, total, people = waves or (0, len(decision.registration.wave_fractions), 0)
    return Standing(
        plan_id=plan_id,
        decision=decision,
        decided_at=decided_at,
        late=find_late_changes(decision, tested),
        waves_planned=planned,
        waves=total,
        wave_people=people,
        rolled_out=rolled_out,
        realised=compare_realised(decision, counts) if counts else None,
        incrementality=caused,
        is_incrementality_final=held is not None and held.is_final,
    )


# Grain: one row per decided plan and arm; what is of the whole plan stands on every row of it.
_TABLE = """
CREATE OR REPLACE TEMP TABLE experiment_standing (
    plan_id VARCHAR, variant VARCHAR, decided_at TIMESTAMPTZ,
    difference DOUBLE, difference_low DOUBLE, difference_high DOUBLE, lift DOUBLE, lift_low DOUBLE, lift_high DOUBLE,
    p_adjusted DOUBLE, chance_to_win DOUBLE, late_changes VARCHAR,
    rollout_waves INTEGER, rollout_waves_planned INTEGER, rollout_people BIGINT, rollout_sent BIGINT,
    realised_rate DOUBLE, realised_difference DOUBLE, realised_low DOUBLE, realised_high DOUBLE, realised_lift DOUBLE,
    is_as_predicted BOOLEAN,
    treated_people BIGINT, treated_converted BIGINT, holdout_people BIGINT, holdout_converted BIGINT,
    incremental_rate DOUBLE, incremental_low DOUBLE, incremental_high DOUBLE, incremental_p DOUBLE,
    extra_converted DOUBLE, is_incrementality_final BOOLEAN
)
"""
_COLUMNS = 32


def insert_standings(connection: Any, now: datetime) -> None:
    """Create and fill the temporary table `experiment_standing` for the mart."""
    connection.execute(_TABLE)
    rows = [row for standing in read_standings(connection, now) for row in standing_rows(standing)]
    if rows:
        connection.executemany(f"INSERT INTO experiment_standing VALUES ({', '.join('?' * _COLUMNS)})", rows)


def standing_rows(standing: Standing) -> list[tuple[object, ...]]:
    """The rows of one experiment, one per arm, in the order of the columns of `experiment_standing`."""
    return [
        (
            standing.plan_id, arm, standing.decided_at, *_compared(standing.decision, arm), _late_of(standing, arm),
            standing.waves, standing.waves_planned, standing.wave_people,
            standing.rolled_out.sent if standing.rolled_out else 0,
            *_realised(standing, arm), *_caused(standing),
        )
        for arm in standing.decision.registration.arm_names
    ]  # fmt: skip


def _compared(decision: Decision, arm: str) -> tuple[float | None, ...]:
    found = next((c for c in decision.comparisons if c.arm == arm), None)
    if found is None:
        return (None,) * 8
    lift = (found.lift, found.lift_interval.low, found.lift_interval.high) if found.lift is not None else (None,) * 3
    interval = (found.difference, found.interval.low, found.interval.high)
    return (*interval, *lift, found.p_adjusted, found.chance_to_win)


def _late_of(standing: Standing, arm: str) -> str | None:
    changes = [f"{change.field} {change.decided_on} -> {change.now}" for change in standing.late if change.arm == arm]
    return "; ".join(changes) or None


def _realised(standing: Standing, arm: str) -> tuple[object, ...]:
    found = standing.realised
    if found is None or found.arm != arm:
        return (None,) * 6
    interval = found.realised_interval
    return (
        found.realised_rate, found.realised_difference, interval.low, interval.high, found.realised_lift,
        found.is_as_predicted,
    )  # fmt: skip


def _caused(standing: Standing) -> tuple[object, ...]:
    found = standing.incrementality
    if found is None:
        return (*(None,) * 9, None)
    return (
        found.treated.people, found.treated.events, found.holdout.people, found.holdout.events, found.difference,
        found.interval.low, found.interval.high, found.p_value, found.extra_events, standing.is_incrementality_final,
    )  # fmt: skip
