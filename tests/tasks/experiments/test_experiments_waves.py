"""The roll-out as a state machine, and carried out on a real warehouse and ledger: each wave once, whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from chuda.clock import BUSINESS_ZONE
from tasks.experiments.decision import ArmStats, Decision, Registration, decide
from tasks.experiments.waves import WaveState, next_step

Register = Callable[..., Registration]
Observe = Callable[..., ArmStats]
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=BUSINESS_ZONE)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def won(register: Register, observe: Observe) -> Decision:
    return decide(register(), [observe("A", 250), observe("B", 300)])


def wave(number: int = 1, *, sealed: bool = True, is_open: bool = False, sent: datetime | None = NOON, **changes: Any):
    values = {"people": 200, "opens_at": NOON, "expires_at": NOON + 24 * HOUR} | changes
    return WaveState(number=number, is_sealed=sealed, is_open=is_open, last_sent_at=sent, **values)


def step(decision: Decision, waves: list[WaveState], hours: float = 0, checked: int = 0, control: str = "running"):
    found = next_step(decision, waves, checked, control, NOON + hours * HOUR)
    return (found.action, found.wave, found.waits_for or found.outcome)


@pytest.mark.parametrize(
    ("waves", "hours", "checked", "expected"),
    [
        ([], 0, 0, ("plan", 1, None)),
        ([wave(sealed=False, sent=None)], 1, 0, ("wait", 1, "approval")),
        ([wave(sealed=False, sent=None)], 24, 0, ("close", 1, "not_approved")),
        ([wave(is_open=True, sent=None)], -1, 0, ("wait", 1, "sending")),
        ([wave(is_open=True)], 1, 0, ("wait", 1, "sending")),
        ([wave()], 23.9, 0, ("wait", 1, "watching")),
        ([wave()], 24, 0, ("check", 1, None)),
        ([wave()], 24, 1, ("plan", 2, None)),
        ([wave(), wave(2, is_open=True)], 25, 1, ("wait", 2, "sending")),
        ([wave(), wave(2)], 25, 1, ("done", 2, "done")),
        ([wave(people=0, sealed=True, sent=None)], 24, 0, ("check", 1, None)),
    ],
)
def test_one_step_follows_from_the_state(
    waves: list[WaveState], hours: float, checked: int, expected: tuple[str, int, str | None], won: Decision
) -> None:
    if len(waves) == 2:
        waves = [waves[0], WaveState(**{**_values(waves[1]), "expires_at": NOON + 72 * HOUR})]
    assert step(won, waves, hours, checked) == expected


def _values(state: WaveState) -> dict[str, Any]:
    return {name: getattr(state, name) for name in WaveState.__dataclass_fields__}


def test_a_wave_that_expired_in_part_does_not_stop_the_next(won: Decision) -> None:
    assert step(won, [wave(is_open=True)], 25)[0] == "check"


def test_nothing_is_rolled_out_of_an_invalid_test_of_harm_or_of_a_learning_test(
    register: Register, observe: Observe
) -> None:
    invalid = decide(register(), [observe("A"), observe("B", planned=1)])
    assert step(invalid, []) == ("close", 0, "nothing_decided")
    harmful = decide(register(), [observe("A", opted_out=30), observe("B", opted_out=30)])
    assert step(harmful, []) == ("close", 0, "nothing_decided")
    learnt = decide(register(mode="full", sample_fraction=1), [observe("A", 250), observe("B", 300)])
    assert step(learnt, []) == ("done", 0, "next_time")


def test_a_cancelled_plan_ends_its_roll_out(won: Decision) -> None:
    assert step(won, [wave(is_open=True)], control="cancelled") == ("close", 1, "cancelled")
    assert step(won, [], control="cancelled") == ("close", 0, "cancelled")
