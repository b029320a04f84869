"""The roll-out as a state machine: what to do next with a plan whose experiment is decided, and why.

Pure: the state of the waves and the time in, one step out. The stage carries the step out and asks again; a step that
was carried out changes the state, so that repeating is harmless and a crash between two steps loses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from tasks.experiments.decision import Decision
from tasks.experiments.guardrails import Guardrail, find_harm
from tasks.experiments.wording import Text, describe_guardrail, describe_roll_out

Action = Literal["plan", "wait", "check", "close", "done"]
WaitsFor = Literal["approval", "sending", "watching"]
Outcome = Literal["done", "stopped", "nothing_decided", "not_approved", "cancelled", "next_time"]
CLOSING: dict[Outcome, str] = {
    "stopped": "cancelled",
    "nothing_decided": "cancelled",
    "cancelled": "cancelled",
    "not_approved": "expired",
}


@dataclass(frozen=True, slots=True)
class WaveState:
    """A planned wave: who is in it, when it may leave, and how far its releases are in the ledger."""

    number: int
    people: int
    opens_at: datetime
    expires_at: datetime
    is_sealed: bool
    is_open: bool
    last_sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class Step:
    """What to do next: `wave` is the wave it is about, `until` when to ask again, `text` what is told about it."""

    action: Action
    wave: int
    text: Text
    until: datetime | None = None
    waits_for: WaitsFor | None = None
    outcome: Outcome | None = None


def next_step(
    decision: Decision, waves: Sequence[WaveState], last_checked: int, control: str, now: datetime
) -> Step:  # fmt: skip
    """The next step of a roll-out that is not over.

    Args:
        decision: the recorded decision.
        waves: the waves planned so far, in order.
        last_checked: the last wave after which the guardrails were looked at and held (0: none).
        control: the plan's state in the ledger: running, paused or cancelled.
        now: the time.
    """
    arm, total = decision.roll_out.arm, len(decision.registration.wave_fractions)
    number = len(waves)
    if decision.roll_out.scope == "next_time":
        return Step("done", 0, describe_roll_out(decision.roll_out), outcome="next_time")
    if arm is None:
        return Step("close", 0, describe_roll_out(decision.roll_out), outcome="nothing_decided")
    if control == "cancelled":
        return Step("close", number, _CANCELLED, outcome="cancelled")
    if not waves:
        return Step("plan", 1, _say_wave(_PLANNED, arm, 1, total))
    waiting = _wait_for(waves[-1], arm, total, now)
    if waiting is not None:
        return waiting
    if number >= total:
        return Step("done", number, _say_wave(_DONE, arm, number, total), outcome="done")
    if last_checked < number:
        return _check_or_wait(decision, waves[-1], arm, total, now)
    return Step("plan", number + 1, _say_wave(_PLANNED, arm, number + 1, total))


def _wait_for(wave: WaveState, arm: str, total: int, now: datetime) -> Step | None:
    """What a wave that has not left yet waits for; None if all of it has left or may not leave any more."""
    if not wave.people or now >= wave.expires_at:
        missed = wave.people > 0 and not wave.is_sealed
        return Step("close", wave.number, _NOT_APPROVED, outcome="not_approved") if missed else None
    if not wave.is_sealed:
        return Step("wait", wave.number, _say_wave(_UNAPPROVED, arm, wave.number, total), wave.expires_at, "approval")
    if wave.is_open:
        until = wave.opens_at if now < wave.opens_at else wave.expires_at
        return Step("wait", wave.number, _say_wave(_SENDING, arm, wave.number, total), until, "sending")
    return None


def _check_or_wait(decision: Decision, wave: WaveState, arm: str, total: int, now: datetime) -> Step:
    look_at = look_due(decision, wave)
    if now < look_at:
        return Step("wait", wave.number, _say_wave(_WATCHED, arm, wave.number, total), look_at, "watching")
    return Step("check", wave.number, _say_wave(_CHECKED, arm, wave.number, total))


def look_due(decision: Decision, wave: WaveState) -> datetime:
    """When the guardrails are looked at after a wave: its last message and the registered gap."""
    last = wave.last_sent_at or wave.opens_at
    return last + timedelta(hours=decision.registration.wave_gap_hours)


def describe_check(guardrails: tuple[Guardrail, ...], wave: int, total: int, fallback_arm: str) -> tuple[bool, Text]:
    """Whether the next wave may leave, and the sentence about it: what was found, or what stopped it."""
    harm = find_harm(guardrails)
    if not harm:
        return True, Text(
            zh=f"第 {wave}/{total} 批之后护栏未被触发，继续下一批。",
            en=f"No guardrail was breached after wave {wave} of {total}; the next one goes on.",
        )
    found = [describe_guardrail(guardrail, fallback_arm) for guardrail in harm]
    return False, Text(
        zh=f"第 {wave}/{total} 批之后触发护栏，停止推广：{'；'.join(text.zh for text in found)}。",
        en=f"The roll-out stops after wave {wave} of {total}: {'; '.join(text.en for text in found)}.",
    )


_PLANNED = Text(
    zh="推广第 {wave}/{total} 批已排入计划，发送版本 {arm}", en="wave {wave} of {total} is planned, with arm {arm}"
)
_UNAPPROVED = Text(
    zh="推广第 {wave}/{total} 批（版本 {arm}）等待批准", en="wave {wave} of {total} (arm {arm}) waits to be approved"
)
_SENDING = Text(
    zh="推广第 {wave}/{total} 批（版本 {arm}）正在等待时段或发送",
    en="wave {wave} of {total} (arm {arm}) waits for its slot or is being sent",
)
_WATCHED = Text(
    zh="推广第 {wave}/{total} 批（版本 {arm}）已发，观察护栏后再发下一批",
    en="wave {wave} of {total} (arm {arm}) has left; its guardrails are watched before the next",
)
_CHECKED = Text(
    zh="推广第 {wave}/{total} 批（版本 {arm}）：检查护栏", en="wave {wave} of {total} (arm {arm}): guardrails"
)
_DONE = Text(
    zh="推广完成：{total} 批都已发送版本 {arm}", en="the roll-out is complete: {total} waves were sent with arm {arm}"
)
_NOT_APPROVED = Text(
    zh="推广没有及时批准，已过期：其余的人不再发送",
    en="the roll-out was not approved in time: the rest gets nothing any more",
)
_CANCELLED = Text(zh="计划已被取消：其余的人不再发送", en="the plan was cancelled: the rest gets nothing any more")


def _say_wave(text: Text, arm: str, wave: int, total: int) -> Text:
    filled = {"wave": wave, "total": total, "arm": arm}
    return Text(zh=text.zh.format(**filled), en=text.en.format(**filled))
