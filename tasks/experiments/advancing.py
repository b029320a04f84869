"""Carrying a roll-out on: its state read from warehouse and ledger, its next step carried out, each once.

Everything happens in one transaction of the warehouse; what the ledger is told there is the same when it is told again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chuda.clock import from_us
from chuda.errors import UsageError
from chuda.stores.ledger import Ledger
from chuda.stores.ledger.releases import find_control
from chuda.stores.ledger.rollouts import release_progress
from tasks.channels.routing import Routing
from tasks.experiments.counting import CountRequest, count_arms
from tasks.experiments.decision import Decision
from tasks.experiments.record import check_fresh, find_decision
from tasks.experiments.rollout import check_wave
from tasks.experiments.waves import CLOSING, Step, WaveState, describe_check, look_due, next_step
from tasks.experiments.wording import Text
from tasks.planning.rollout import close_release, close_rest, plan_wave, read_rollout_plan


@dataclass(frozen=True, slots=True)
class Rollout:
    """An open roll-out: the warehouse in a writing transaction, ledger and marts, the plan and its decision."""

    connection: Any
    ledger: Ledger
    marts: Any
    plan_id: str
    decision: Decision
    now: datetime
    routing: Routing | None = None


def open_rollout(connection: Any, ledger: Ledger, marts: Any, plan_id: str, now: datetime) -> Rollout:
    """The roll-out of a decided plan.

    Raises:
        UsageError: the experiment is not decided yet.
    """
    decision = find_decision(connection, plan_id)
    if decision is None:
        raise UsageError(f"plan {plan_id}: its experiment is not decided yet; `chuda experiment {plan_id}` says when")
    return Rollout(connection, ledger, marts, plan_id, decision, now)


def advance(rollout: Rollout) -> Step:
    """Carry the roll-out on as far as it can go now; the last step says what it waits for, or how it ended."""
    ended = find_end(rollout.connection, rollout.plan_id)
    while ended is None:
        step = _ask(rollout)
        if step.action == "plan":
            plan = read_rollout_plan(rollout.connection, rollout.plan_id)
            fractions = rollout.decision.registration.wave_fractions
            plan_wave(rollout.connection, plan, str(rollout.decision.roll_out.arm), step.wave, fractions, rollout.now,
                      rollout.routing)  # fmt: skip
            continue
        if step.action == "wait":
            return step
        step = _check(rollout, step.wave) if step.action == "check" else step
        if step.outcome is not None:
            return _end(rollout, step)
    return ended


def find_end(connection: Any, plan_id: str) -> Step | None:
    """How a roll-out ended, None while it is not over."""
    row = connection.execute(
        "SELECT outcome, sentence_zh, sentence_en FROM rollout_end WHERE plan_id = ?", [plan_id]
    ).fetchone()
    return None if row is None else Step("done", 0, Text(zh=row[1], en=row[2]), outcome=row[0])


def read_waves(connection: Any, ledger: Ledger, plan_id: str) -> list[WaveState]:
    """The waves planned so far, with how far each is in the ledger."""
    rows = connection.execute(
        "SELECT w.wave, w.people, w.opens_at, coalesce(max(r.expires_at), w.expires_at), first_release, last_release "
        "FROM rollout_wave w LEFT JOIN plan_release r ON r.plan_id = w.plan_id "
        "AND r.number BETWEEN w.first_release AND w.last_release "
        "WHERE w.plan_id = ? GROUP BY w.wave, w.people, w.opens_at, w.expires_at, first_release, last_release "
        "ORDER BY w.wave",
        [plan_id],
    ).fetchall()
    waves = []
    for wave, people, opens_at, expires_at, first, last in rows:
        releases = [f"{plan_id}-{number}" for number in range(first, last + 1)]
        with ledger.read() as reading:
            progress = release_progress(reading, releases)
        last_sent_at = from_us(progress.last_intent_us) if progress.last_intent_us else None
        is_sealed = progress.sealed == len(releases)
        waves.append(WaveState(wave, people, opens_at, expires_at, is_sealed, progress.open_batches > 0, last_sent_at))
    return waves


def _ask(rollout: Rollout) -> Step:
    waves = read_waves(rollout.connection, rollout.ledger, rollout.plan_id)
    with rollout.ledger.read() as reading:
        control = find_control(reading, rollout.plan_id)
    checked = rollout.connection.execute(
        "SELECT coalesce(max(wave), 0) FROM rollout_check WHERE plan_id = ? AND verdict = 'go'", [rollout.plan_id]
    ).fetchone()[0]
    return next_step(rollout.decision, waves, checked, control.state if control else "running", rollout.now)


def _check(rollout: Rollout, number: int) -> Step:
    """Look at the guardrails after a wave, once, and record what was seen."""
    wave = read_waves(rollout.connection, rollout.ledger, rollout.plan_id)[number - 1]
    check_fresh(rollout.marts, look_due(rollout.decision, wave))
    registration, arm = rollout.decision.registration, str(rollout.decision.roll_out.arm)
    planned = rollout.connection.execute(
        "SELECT sum(people) FROM rollout_wave WHERE plan_id = ?", [rollout.plan_id]
    ).fetchone()[0]
    request = CountRequest(rollout.plan_id, registration, {arm: int(planned)})
    counted = count_arms(rollout.marts, [request], rollout.now, is_rollout=True)[rollout.plan_id]
    guardrails = check_wave(registration, counted[0])
    total = len(registration.wave_fractions)
    may_go_on, text = describe_check(guardrails, number, total, registration.fallback_arm)
    record = {"counts": counted[0].model_dump(mode="json"), "guardrails": [g.model_dump() for g in guardrails]}
    rollout.connection.execute(
        "INSERT INTO rollout_check VALUES (?, ?, ?, ?, ?, ?, ?)",
        [rollout.plan_id, number, "go" if may_go_on else "stop", text.zh, text.en, json.dumps(record), rollout.now],
    )
    return Step("check", number, text) if may_go_on else Step("close", number, text, outcome="stopped")


def _end(rollout: Rollout, step: Step) -> Step:
    """Record the end; whoever was not rolled out to is closed in plan and ledger."""
    assert step.outcome is not None
    connection, plan_id = rollout.connection, rollout.plan_id
    people = 0
    state = CLOSING.get(step.outcome)
    if state is not None:
        people = _close_missed(rollout, state) if step.outcome == "not_approved" else 0
        with rollout.ledger.write() as ledger:
            people += close_rest(connection, ledger, plan_id, state, rollout.now)
    connection.execute(
        "INSERT INTO rollout_end VALUES (?, ?, ?, ?, ?, ?)",
        [plan_id, step.outcome, people, step.text.zh, step.text.en, rollout.now],
    )
    return Step("done", step.wave, step.text, outcome=step.outcome)


def _close_missed(rollout: Rollout, state: str) -> int:
    """Close the releases of the last wave that nobody approved in time; those that were sealed stay."""
    first, last = rollout.connection.execute(
        "SELECT first_release, last_release FROM rollout_wave WHERE plan_id = ? ORDER BY wave DESC LIMIT 1",
        [rollout.plan_id],
    ).fetchone()
    with rollout.ledger.write() as ledger:
        missed = [n for n in range(first, last + 1) if not release_progress(ledger, [f"{rollout.plan_id}-{n}"]).sealed]
        for number in missed:
            close_release(rollout.connection, ledger, rollout.plan_id, number, state, rollout.now)
    people = rollout.connection.execute(
        "SELECT count(*) FROM plan_message WHERE plan_id = ? AND list_contains(?, release_number)",
        [rollout.plan_id, missed],
    ).fetchone()[0]
    return int(people)
