"""After the decision: waves, the next slot, what was promised beside what came, and what the messages caused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import duckdb
import pytest

from chuda.clock import BUSINESS_ZONE
from chuda.errors import UsageError
from tasks.experiments.assignment import bucket
from tasks.experiments.decision import ArmStats, Registration, decide
from tasks.experiments.guardrails import find_harm
from tasks.experiments.rollout import (
    GroupCounts,
    assign_waves,
    check_wave,
    compare_realised,
    measure_incrementality,
    next_occurrence,
)

Register = Callable[..., Registration]
Observe = Callable[..., ArmStats]
FRIDAY_THREE = datetime(2026, 11, 20, 15, 0, tzinfo=BUSINESS_ZONE)


def test_waves_split_the_rest_by_their_own_bucket_and_leave_the_others_alone() -> None:
    with duckdb.connect() as connection:
        connection.execute(
            "create table audience_assigned as select printf('%032x', i) as token, "
            "if(i % 10 = 0, 'sample', 'rest') as role from range(5000) as t(i)"
        )
        sizes = assign_waves(connection, "spring:w", (0.2, 0.8))
        rows = connection.execute("select token, wave from audience_waves").fetchall()
    assert sum(sizes) == len(rows) == 4500
    assert sizes[0] == pytest.approx(900, abs=120)
    assert all(wave == (1 if bucket("spring:w", token) < 0.2 else 2) for token, wave in rows)


@pytest.mark.parametrize("fractions", [(), (0.2, 0.2), (0.0, 1.0)])
def test_waves_must_add_up(fractions: tuple[float, ...]) -> None:
    with duckdb.connect() as connection, pytest.raises(UsageError, match="add up to 1"):
        assign_waves(connection, "spring:w", fractions)


def test_a_wave_is_judged_at_its_share_of_alpha(register: Register, observe: Observe) -> None:
    # P(X >= 11 | 1000, .005) = .0135: a breach at .025, none at .025 / 2.
    assert not find_harm(check_wave(register(), observe("B", opted_out=11)))
    assert find_harm(check_wave(register(wave_fractions=(1.0,)), observe("B", opted_out=11)))
    assert find_harm(check_wave(register(), observe("B", opted_out=12)))


@pytest.mark.parametrize(
    ("now", "weeks"),
    [
        (timedelta(days=-1), 0),
        (timedelta(), 1),
        (timedelta(days=3), 1),
        (timedelta(days=7), 2),
        (timedelta(days=15), 3),
    ],
)
def test_a_winning_slot_comes_again_on_the_same_weekday(now: timedelta, weeks: int) -> None:
    occurrence = next_occurrence(FRIDAY_THREE, FRIDAY_THREE + now)
    assert occurrence == FRIDAY_THREE + timedelta(weeks=weeks)
    assert (occurrence.weekday(), occurrence.hour) == (4, 15)


def test_the_realised_lift_stands_beside_the_predicted(register: Register, observe: Observe) -> None:
    decision = decide(register(), [observe("A", 250), observe("B", 300)])
    realised = compare_realised(decision, GroupCounts(people=20_000, events=5_600))
    assert realised.predicted_difference == pytest.approx(0.05)
    assert realised.realised_difference == pytest.approx(0.03)
    assert realised.realised_lift == pytest.approx(0.12)
    assert realised.is_as_predicted is True
    assert compare_realised(decision, GroupCounts(people=20_000, events=5_000)).is_as_predicted is False


def test_a_rolled_out_fallback_promised_nothing_and_an_invalid_test_realises_nothing(
    register: Register, observe: Observe
) -> None:
    kept = compare_realised(
        decide(register(), [observe("A", 250), observe("B", 255)]), GroupCounts(people=100, events=25)
    )
    assert (kept.arm, kept.predicted_lift, kept.is_as_predicted) == ("A", None, None)
    invalid = decide(register(), [observe("A"), observe("B", planned=1)])
    with pytest.raises(UsageError, match="nothing was rolled out"):
        compare_realised(invalid, GroupCounts(people=100, events=25))


def test_incrementality_counts_the_extra_people_against_the_holdout() -> None:
    caused = measure_incrementality(GroupCounts(people=19_000, events=950), GroupCounts(people=1_000, events=30))
    assert caused.difference == pytest.approx(0.02)
    assert caused.extra_events == pytest.approx(380)
    assert caused.extra_events_interval.low == pytest.approx(19_000 * caused.interval.low)
    assert caused.lift == pytest.approx(2 / 3)
    assert caused.p_value < 0.01


def test_a_holdout_without_buyers_has_no_lift_but_a_difference() -> None:
    caused = measure_incrementality(GroupCounts(people=5000, events=10), GroupCounts(people=250, events=0))
    assert caused.lift is None
    assert caused.interval.low < 0 < caused.interval.high
