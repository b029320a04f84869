"""Between campaigns: tests of one layer share nobody, and a holdout in force is held out of every campaign."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from rollout_world import DECIDED, FRIDAY, PLAN, RolloutWorld

from chuda.errors import UsageError
from chuda.stores.ledger import Ledger
from chuda.stores.ledger.releases import Control, set_control
from tasks.experiments.assignment import AssignmentSpec, assign, bucket
from tasks.experiments.decision import ArmStats, Registration, decide
from tasks.experiments.layers import LayerClaim
from tasks.experiments.running import RunningPlan, check_exclusion, claim_of, find_running, holdout_in_force

Register = Callable[..., Registration]
Observe = Callable[..., ArmStats]
DAY = timedelta(days=1)


@pytest.fixture
def world(ledger: Ledger, register: Register, observe: Observe) -> RolloutWorld:
    """spring-call runs since Friday; its sample are the first 1,200 of the people."""
    world = RolloutWorld.of(ledger, decide(register(), [observe("A", 250), observe("B", 300)]))
    world.warehouse.execute("DELETE FROM experiment_decision")
    return world


def running(world: RolloutWorld, campaign: str = "summer", days: float = 1) -> list[RunningPlan]:
    with world.ledger.read() as ledger:
        return find_running(world.warehouse, ledger, campaign, "once", FRIDAY + days * DAY)


def mine(world: RolloutWorld, first: int, register: Register, **layer: object) -> LayerClaim:
    """A sample of 100 people from number `first` on, and what it claims from Saturday on."""
    world.warehouse.execute("CREATE OR REPLACE TEMP TABLE audience_assigned AS SELECT md5(i::varchar) AS token, "
                            f"'sample' AS role FROM range({first}, {first + 100}) AS t(i)")  # fmt: skip
    return claim_of(register(experiment_id="summer", **layer), "", FRIDAY + DAY, FRIDAY + 3 * DAY)


def test_a_sample_with_people_of_a_running_test_is_refused_with_how_many(
    world: RolloutWorld, register: Register
) -> None:
    with pytest.raises(UsageError, match=r"spring-call \(plan p1\) holds 0-1 until .*\(60 people are in both"):
        check_exclusion(world.warehouse, mine(world, 1140, register), running(world))


@pytest.mark.parametrize(
    "layer", [{"layer": "other"}, {"layer_low": 0.0, "layer_high": 1.0, "first": 1300}], ids=["layer", "people"]
)
def test_other_layers_and_other_people_are_free(world: RolloutWorld, register: Register, layer: dict) -> None:
    first = layer.pop("first", 1140)
    check_exclusion(world.warehouse, mine(world, first, register, **layer), running(world))


def test_a_test_that_is_over_decided_or_cancelled_holds_nobody(
    world: RolloutWorld, register: Register, observe: Observe
) -> None:
    claim = mine(world, 1140, register)
    late = claim.model_copy(update={"starts_at": FRIDAY + 4 * DAY, "ends_at": FRIDAY + 6 * DAY})
    check_exclusion(world.warehouse, late, running(world))
    with world.ledger.write() as ledger:
        set_control(ledger, PLAN, Control("cancelled", "", "test"), 1)
    assert running(world) == []


def test_a_plan_nobody_approved_binds_until_its_time_is_over(world: RolloutWorld) -> None:
    world.warehouse.execute("UPDATE plan_made SET plan_id = 'p2'")
    assert [plan.plan_id for plan in running(world, days=0.5)] == ["p2"]
    assert running(world, days=2) == []


def test_a_draft_that_was_planned_anew_holds_nobody_any_more(world: RolloutWorld) -> None:
    for plan_id, minutes in (("draft", 1), ("redone", 2)):
        world.warehouse.execute(
            "INSERT INTO plan_made SELECT * REPLACE (? AS plan_id, 'draft' AS campaign_id, "
            "created_at + to_minutes(?) AS created_at) FROM plan_made WHERE plan_id = ?", [plan_id, minutes, PLAN]
        )  # fmt: skip
    assert {plan.plan_id for plan in running(world, days=0.5)} == {PLAN, "redone"}


def test_another_occurrence_of_the_same_campaign_is_another_test(world: RolloutWorld, register: Register) -> None:
    with world.ledger.read() as ledger:
        same = find_running(world.warehouse, ledger, "spring-call", "once", DECIDED)
        other = find_running(world.warehouse, ledger, "spring-call", "2026-11-21", DECIDED)
    assert (len(same), len(other)) == (0, 1)
    claim = mine(world, 1140, register).model_copy(update={"experiment_id": "spring-call"})
    with pytest.raises(UsageError, match="60 people"):
        check_exclusion(world.warehouse, claim, other)


def test_a_holdout_in_force_is_held_out_of_every_campaign_until_its_orders_are_counted(
    world: RolloutWorld, register: Register
) -> None:
    plans = running(world)
    assert holdout_in_force(plans, FRIDAY + DAY, FRIDAY + 2 * DAY) == 0.05
    # sent until Saturday, attribution 7 days: until the next Saturday 15:00
    assert holdout_in_force(plans, FRIDAY + 7.9 * DAY, FRIDAY + 9 * DAY) == 0.05
    assert holdout_in_force(plans, FRIDAY + 8 * DAY, FRIDAY + 9 * DAY) == 0
    spec = AssignmentSpec.for_experiment(register(holdout_fraction=0), 0.05)
    world.warehouse.execute("CREATE TEMP TABLE audience_eligible AS SELECT token, 's' AS segment, 'p' AS province "
                            "FROM plan_message")  # fmt: skip
    assign(world.warehouse, spec)
    held = world.rows("SELECT token FROM audience_assigned WHERE role = 'holdout'")
    everybody = [row[0] for row in world.rows("SELECT token FROM plan_message")]
    assert sorted(row[0] for row in held) == sorted(t for t in everybody if bucket("chuda-holdout", t) < 0.05)


def test_two_halves_of_a_layer_never_meet(world: RolloutWorld, register: Register) -> None:
    samples = []
    for low, high in ((0.0, 0.5), (0.5, 1.0)):
        registration = register(experiment_id=f"half-{low}", layer_low=low, layer_high=high, holdout_fraction=0)
        world.warehouse.execute("CREATE OR REPLACE TEMP TABLE audience_eligible AS SELECT token, 's' AS segment, "
                                "'p' AS province FROM plan_message")  # fmt: skip
        assign(world.warehouse, AssignmentSpec.for_experiment(registration))
        samples.append({row[0] for row in world.rows("SELECT token FROM audience_assigned WHERE role = 'sample'")})
    assert len(samples[0]) == len(samples[1]) == 320
    assert not samples[0] & samples[1]
