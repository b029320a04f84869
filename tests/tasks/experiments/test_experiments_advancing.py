"""A roll-out carried on in warehouse, ledger and marts: once, stopped by harm, and everybody ends in a state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from rollout_world import DECIDED, FRIDAY, PLAN, REST, SAMPLE, RolloutWorld
from sqlalchemy import text

from chuda.errors import UsageError
from chuda.stores.ledger import Ledger
from chuda.stores.ledger.releases import Control, set_control
from tasks.experiments.assignment import bucket
from tasks.experiments.decision import ArmStats, Decision, Registration, decide
from tasks.planning import rollout as planning

Register = Callable[..., Registration]
Observe = Callable[..., ArmStats]
DAY = timedelta(hours=24)


@pytest.fixture(scope="module")
def won(register: Register, observe: Observe) -> Decision:
    return decide(register(), [observe("A", 250), observe("B", 300)])


@pytest.fixture
def world(ledger: Ledger, won: Decision) -> Iterator[RolloutWorld]:
    world = RolloutWorld.of(ledger, won)
    yield world
    world.warehouse.close()
    world.marts.close()


def first_wave(world: RolloutWorld) -> int:
    """Wave 1 planned, sent and a day old; how many people it has."""
    assert world.go(DECIDED).waits_for == "approval"
    world.send(2, DECIDED)
    assert world.go(DECIDED).waits_for == "watching"
    return int(world.rows("SELECT people FROM rollout_wave WHERE wave = 1")[0][0])


def test_the_winner_goes_out_in_two_waves_and_every_message_has_a_state(world: RolloutWorld) -> None:
    people = first_wave(world)
    assert people == pytest.approx(0.2 * REST, abs=90)
    world.report(DECIDED + DAY)
    assert world.go(DECIDED + DAY).waits_for == "approval"
    world.send(3, DECIDED + DAY)
    ended = world.go(DECIDED + DAY)
    assert (ended.action, ended.outcome) == ("done", "done")
    assert world.rows("SELECT DISTINCT variant, text FROM plan_message WHERE wave = 'rollout'") == [("B", "text of B")]
    assert world.states() == {"accepted": SAMPLE + REST}


def test_who_is_in_which_wave_is_fixed_by_a_salt(world: RolloutWorld) -> None:
    first_wave(world)
    waves = world.rows("SELECT token, batch_id IS NOT NULL FROM plan_message WHERE wave = 'rollout'")
    assert all(is_first == (bucket(f"{PLAN}:w", token) < 0.2) for token, is_first in waves)


def test_repeating_and_being_killed_changes_nothing(world: RolloutWorld) -> None:
    for _ in range(3):
        assert world.go(DECIDED).waits_for == "approval"
    before = world.rows("SELECT * FROM rollout_wave")
    assert len(before) == 1
    world.send(2, DECIDED)
    world.report(DECIDED + DAY)
    # Killed after the guardrails were looked at, before the next wave was published: all of it rolls back.
    world.warehouse.execute("ALTER TABLE rollout_wave RENAME TO gone")
    with pytest.raises(Exception, match="rollout_wave"):
        world.go(DECIDED + DAY)
    world.warehouse.execute("ALTER TABLE gone RENAME TO rollout_wave")
    assert world.rows("SELECT * FROM rollout_check") == []
    for _ in range(3):
        assert world.go(DECIDED + DAY).waits_for == "approval"
    assert [row[0] for row in world.rows("SELECT wave FROM rollout_check")] == [1]
    assert [row[0] for row in world.rows("SELECT wave FROM rollout_wave ORDER BY wave")] == [1, 2]
    assert world.rows("SELECT sum(size)::int FROM plan_release WHERE wave = 'rollout'") == [(REST,)]


def test_harm_in_a_wave_stops_the_next_says_why_and_closes_the_rest(world: RolloutWorld) -> None:
    people = first_wave(world)
    world.report(DECIDED + DAY, opted_out=12)
    ended = world.go(DECIDED + DAY)
    assert ended.outcome == "stopped"
    assert f"the opt-out rate of arm B, {100 * 12 / people:.3g}% (12/{people}), is above the limit of 0.5%" in (
        ended.text.en
    )
    assert world.states() == {"accepted": SAMPLE + people, "cancelled": REST - people}
    again = world.go(DECIDED + 9 * DAY)
    assert (again.outcome, again.text) == ("stopped", ended.text)
    assert world.rows("SELECT count(*) FROM rollout_end") == [(1,)]


def test_a_crash_between_ledger_and_warehouse_closes_the_rest_once(world: RolloutWorld) -> None:
    people = first_wave(world)
    world.report(DECIDED + DAY, opted_out=12)
    world.warehouse.execute("ALTER TABLE rollout_end RENAME TO gone")
    world.warehouse.execute("CREATE VIEW rollout_end AS SELECT * FROM gone")  # it can be read, not written
    with pytest.raises(Exception, match="rollout_end"):
        world.go(DECIDED + DAY)  # the ledger has committed, the warehouse has not
    world.warehouse.execute("DROP VIEW rollout_end")
    world.warehouse.execute("ALTER TABLE gone RENAME TO rollout_end")
    assert world.go(DECIDED + DAY).outcome == "stopped"
    assert world.states() == {"accepted": SAMPLE + people, "cancelled": REST - people}


def test_marts_from_before_the_look_are_refused(world: RolloutWorld) -> None:
    first_wave(world)
    world.report(DECIDED + timedelta(hours=23))
    with pytest.raises(UsageError, match="chuda feedback pull"):
        world.go(DECIDED + DAY)


def test_a_wave_nobody_approved_expires_and_ends_the_roll_out(world: RolloutWorld) -> None:
    assert world.go(DECIDED).waits_for == "approval"
    world.report(DECIDED + 2 * DAY)
    ended = world.go(DECIDED + 2 * DAY)
    assert ended.outcome == "not_approved"
    assert world.states() == {"accepted": SAMPLE, "expired": REST}
    assert world.rows("SELECT people FROM rollout_end") == [(REST,)]


def test_a_cancelled_plan_closes_the_rest(world: RolloutWorld) -> None:
    with world.ledger.write() as connection:
        set_control(connection, PLAN, Control("cancelled", "by hand", "test"), 1)
    assert world.go(DECIDED).outcome == "cancelled"
    assert world.states() == {"accepted": SAMPLE, "cancelled": REST}


def test_of_an_invalid_test_nothing_leaves_and_everybody_has_a_state(
    ledger: Ledger, register: Register, observe: Observe
) -> None:
    world = RolloutWorld.of(ledger, decide(register(), [observe("A"), observe("B", planned=1)]))
    ended = world.go(DECIDED)
    assert (ended.outcome, ended.text.en) == (
        "nothing_decided", "nothing is sent by itself: find the cause, then a person decides"
    )  # fmt: skip
    assert world.states() == {"accepted": SAMPLE, "cancelled": REST}
    with ledger.read() as connection:
        sealed = connection.execute(text("SELECT count(*) FROM batch WHERE state = 'cancelled' AND sealed IS NOT NULL"))
        assert sealed.scalar() == 0


def test_a_slot_test_is_rolled_out_at_the_slots_next_occurrence_week_by_week(
    ledger: Ledger, register: Register, observe: Observe
) -> None:
    won = decide(register(variable="send_slot"), [observe("A", 250), observe("B", 300)])
    world = RolloutWorld.of(ledger, won, "send_slot")
    world.go(DECIDED)
    assert world.rows("SELECT opens_at FROM rollout_wave") == [(FRIDAY + 7 * DAY,)]
    world.send(2, FRIDAY + 7 * DAY)
    later = FRIDAY + 8 * DAY
    world.report(later, sent_at=FRIDAY + 7 * DAY)
    world.go(later)
    openings = [row[0] for row in world.rows("SELECT opens_at FROM rollout_wave ORDER BY wave")]
    assert openings == [FRIDAY + 7 * DAY, FRIDAY + 14 * DAY]
    assert {(moment.weekday(), moment.hour) for moment in openings} == {(4, 15)}


def test_an_undecided_experiment_is_not_rolled_out(world: RolloutWorld) -> None:
    world.warehouse.execute("DELETE FROM experiment_decision")
    with pytest.raises(UsageError, match="not decided yet"):
        world.go(DECIDED)


def test_a_wave_is_published_once_even_if_asked_for_by_hand(world: RolloutWorld, won: Decision) -> None:
    plan = planning.read_rollout_plan(world.warehouse, PLAN)
    added = [planning.plan_wave(world.warehouse, plan, "B", 1, (0.2, 0.8), DECIDED) for _ in range(2)]
    assert added[0] > 0 and added[1] == 0
