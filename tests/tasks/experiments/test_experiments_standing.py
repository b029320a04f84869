"""From marts to the record and back: arms counted within their windows, bad tests named, what came late beside it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from kpi_world import NOW, World

from tasks.experiments.decision import Decision, Registration
from tasks.experiments.health import HealthCode
from tasks.experiments.page import tell_experiment
from tasks.experiments.record import decide_on_marts

Register = Callable[..., Registration]
SENT_AT = "2026-11-20 10:00:00+08"


@pytest.fixture
def world() -> World:
    return World()


def plan(world: World, registration: Registration, **columns: Any) -> None:
    world.put("plan_made", {
        "experiment_variable": registration.variable, "primary_metric": registration.primary_metric,
        "registration": registration.model_dump_json(), **columns,
    })  # fmt: skip


def decide(world: World, registration: Registration, planned: int = 1000) -> Decision:
    with world.marts() as marts:
        return decide_on_marts(marts, registration, "p1", dict.fromkeys(registration.arm_names, planned), NOW)


def keep(world: World, decision: Decision) -> None:
    for arm in decision.registration.arm_names:
        world.put("experiment_decision", {
            "variant": arm, "verdict": decision.verdict, "chosen": decision.roll_out.arm,
            "sentence_zh": decision.explanation.zh, "sentence_en": decision.explanation.en,
            "record": decision.to_json(),
        })  # fmt: skip


def arms(world: World, counts: dict[str, int], wave: str = "sample", size: int = 1000, **columns: Any) -> None:
    for name, clicked in counts.items():
        world.put_messages(size, delivered=size - 10, clicked=clicked, variant=name, wave=wave, **columns)


def codes(decision: Decision) -> set[HealthCode]:
    return {finding.code for finding in decision.health if finding.is_invalidating}


def test_two_arms_are_counted_and_decided(world: World, register: Register) -> None:
    plan(world, register())
    arms(world, {"A": 250, "B": 300})
    decision = decide(world, register())
    assert (decision.verdict, decision.winner) == ("WINNER", "B")
    assert [(arm.sent, arm.delivered, arm.undelivered, arm.clicked) for arm in decision.arms] == [
        (1000, 990, 10, 250), (1000, 990, 10, 300)
    ]  # fmt: skip


def test_three_arms_are_decided_with_holm(world: World, register: Register) -> None:
    plan(world, register("ABC"))
    arms(world, {"A": 250, "B": 290, "C": 250})
    decision = decide(world, register("ABC"))
    assert decision.verdict == "INCONCLUSIVE"
    assert decision.comparisons[0].p_adjusted == pytest.approx(2 * decision.comparisons[0].p_value)


def test_a_learning_test_over_everybody_has_a_verdict_for_next_time(world: World, register: Register) -> None:
    full = register(mode="full", sample_fraction=1)
    plan(world, full)
    arms(world, {"A": 250, "B": 300}, wave="all")
    decision = decide(world, full)
    assert (decision.verdict, decision.roll_out.scope) == ("WINNER", "next_time")


def test_what_happens_after_the_window_counts_for_nobody(world: World, register: Register) -> None:
    brief = register(window_hours=1)
    plan(world, brief)
    arms(world, {"A": 250, "B": 300})
    world.warehouse.execute("UPDATE click_received SET clicked_at = clicked_at + INTERVAL 1 HOUR WHERE token IN "
                            "(SELECT token FROM plan_message WHERE variant = 'B')")  # fmt: skip
    assert [arm.clicked for arm in decide(world, brief).arms] == [250, 0]


def test_only_the_orders_within_the_window_make_the_margin(world: World, register: Register) -> None:
    brief = register(window_hours=24, variable="offer", costs={"A": "1", "B": "2"})
    plan(world, brief)
    arms(world, {"A": 0, "B": 0})
    both, early, late = (row[0] for row in world.warehouse.execute(
        "SELECT token FROM plan_message WHERE variant = 'B' AND position < 3 ORDER BY token").fetchall())  # fmt: skip
    for token, day, amount in [(both, 20, 100), (both, 22, 900), (early, 20, 50), (early, 20, 7), (late, 22, 700)]:
        world.put("order_clean", {"order_id": f"{token}{amount}", "token": token, "amount": str(amount),
                                  "paid_at": f"2026-11-{day} 12:00:00+08"})  # fmt: skip
    arm_a, arm_b = decide(world, brief).arms
    assert (arm_a.converted, arm_b.converted) == (0, 2)
    price = -float(arm_a.margin_sum or 0) / 1000 - 1
    assert price > 0
    margins = [100 - price - 2, 57 - price - 2] + [-price - 2] * 998
    assert float(arm_b.margin_sum or 0) == pytest.approx(sum(margins))
    assert float(arm_b.margin_sum_squares or 0) == pytest.approx(sum(m * m for m in margins))


def test_an_arm_without_receipts_makes_it_invalid(world: World, register: Register) -> None:
    plan(world, register())
    arms(world, {"A": 250})
    world.put_messages(1000, delivered=0, clicked=300, variant="B", wave="sample", receipts=False)
    decision = decide(world, register())
    assert decision.verdict == "INVALID"
    assert "arm_without_receipts" in codes(decision)
    assert "arm B has no receipt at all" in decision.explanation.en


def test_an_arm_that_was_paused_half_way_makes_it_invalid(world: World, register: Register) -> None:
    plan(world, register())
    arms(world, {"A": 250})
    world.put_messages(500, delivered=495, clicked=150, variant="B", wave="sample")
    world.put("batch_state", {"batch_id": "held", "state": "expired", "sent_at": None, "accepted_at": None})
    world.put_messages(500, delivered=0, variant="B", wave="sample", batch="held", receipts=False)
    decision = decide(world, register())
    assert decision.verdict == "INVALID"
    assert "arm_stopped_early" in codes(decision)
    assert "arm B stopped half-way: 50% of it was sent" in decision.explanation.en


def test_zero_conversions_are_not_enough_data(world: World, register: Register) -> None:
    bought = register(primary_metric="converted")
    plan(world, bought)
    arms(world, {"A": 0, "B": 0})
    assert decide(world, bought).verdict == "INCONCLUSIVE_NOT_ENOUGH_DATA"


def test_people_who_got_another_arm_of_the_campaign_within_the_window_are_exposed(
    world: World, register: Register
) -> None:
    plan(world, register())
    arms(world, {"A": 250, "B": 300})
    world.put("plan_made", {"plan_id": "p2", "occurrence": "2026-11-21"})
    world.put("batch_state", {"batch_id": "b2", "plan_id": "p2", "sent_at": "2026-11-21 10:00:00+08"})
    world.warehouse.execute("INSERT INTO plan_message SELECT * REPLACE ('p2' AS plan_id, 'B' AS variant, "
                            "'b2' AS batch_id) FROM plan_message WHERE variant = 'A' ORDER BY token "
                            "LIMIT 20")  # fmt: skip
    decision = decide(world, register())
    assert decision.verdict == "INVALID"
    assert codes(decision) == {"cross_exposure"}


def test_what_comes_after_the_decision_is_shown_and_not_folded_in(world: World, register: Register) -> None:
    plan(world, register())
    arms(world, {"A": 250, "B": 300})
    keep(world, decide(world, register()))
    world.warehouse.execute("DELETE FROM click_received WHERE token IN (SELECT token FROM click_received c JOIN "
                            "plan_message m USING (token) WHERE variant = 'B' ORDER BY token LIMIT 100)")  # fmt: skip
    rows = {row["variant"]: row for row in world.rows("experiment_result")}
    assert rows["B"]["late_changes"].startswith("clicked 300 -> 200")
    assert rows["A"]["late_changes"] is None
    assert {row["verdict"] for row in rows.values()} == {"WINNER"}
    assert rows["B"]["difference"] == pytest.approx(0.05)


def _rolled_out(world: World, registration: Registration) -> list[dict[str, Any]]:
    plan(world, registration)
    arms(world, {"A": 250, "B": 300})
    keep(world, decide(world, registration))
    arms(world, {"B": 1120}, wave="rollout", size=4000, segment="rest")
    world.put("rollout_wave", {"variant": "B", "people": 4000})
    world.warehouse.execute("INSERT INTO plan_exclusion SELECT 'p1', md5('held' || i), 'holdout' FROM range(500) t(i)")
    world.warehouse.execute(
        "INSERT INTO order_clean BY NAME SELECT 'o' || row_number() OVER () AS order_id, token, "
        "'2026-11-21 12:00:00+08'::timestamptz AS paid_at, 50.00 AS amount FROM "
        "(FROM (SELECT token FROM plan_message ORDER BY token LIMIT 300) "
        "UNION ALL FROM (SELECT token FROM plan_exclusion ORDER BY token LIMIT 10))"
    )
    return sorted(world.rows("experiment_result"), key=lambda row: row["variant"])


def test_realised_stands_beside_predicted_and_increment_against_the_holdout(world: World, register: Register) -> None:
    a, b = _rolled_out(world, register())
    assert b["realised_rate"] == pytest.approx(0.28)
    assert b["realised_difference"] == pytest.approx(0.03)
    assert (b["difference"], b["is_as_predicted"]) == (pytest.approx(0.05), True)
    assert a["realised_rate"] is None
    assert (b["treated_people"], b["treated_converted"], b["holdout_people"], b["holdout_converted"]) == (
        6000, 300, 500, 10
    )  # fmt: skip
    assert b["incremental_rate"] == pytest.approx(0.03)
    assert b["extra_converted"] == pytest.approx(180)
    assert b["rollout_outcome"] == "running"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_page_says_the_verdict_first_and_marks_what_is_exploratory(
    world: World, register: Register, language: Any
) -> None:
    rows = _rolled_out(world, register())
    segments = [{"segment": "new", "variant": name, "sent": 100, "events": 30} for name in "AB"]
    sections = tell_experiment(rows, segments, language)
    assert [section.key for section in sections] == [
        "verdict", "tested", "lift", "why", "next", "progress", "guardrails", "health", "late", "realised",
        "incrementality", "segments", "record",
    ]  # fmt: skip
    assert sections[0].lines[0] == rows[0][f"sentence_{language}"]
    assert [section.key for section in sections if section.is_exploratory] == ["segments"]
    told = " ".join(line for section in sections for line in section.lines)
    assert ("第 1" in told or "1 of 2 waves" in told or "1/2" in told) and "--replay" in told


def test_before_the_decision_it_says_when_and_how_far(world: World, register: Register) -> None:
    plan(world, register())
    arms(world, {"A": 25, "B": 30}, size=100)
    sections = tell_experiment(world.rows("experiment_result", NOW - timedelta(days=9)), [], "en")
    assert sections[0].lines[0].startswith("Still observed; it is decided at 2026-11-23 10:00")
    assert "100 sent in the smallest variant (at least 500)" in " ".join(
        line for section in sections for line in section.lines
    )
