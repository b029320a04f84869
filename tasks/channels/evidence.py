"""From the ledger to a verdict: the messages of a stage are read, judged, and the verdict kept with its evidence."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime

from chuda.clock import to_us
from chuda.records.channel import ChannelRecord
from chuda.stores.ledger.channels import Shot, TestPhone, TestStep, Verdict
from tasks.channels.fitness import verdict_until
from tasks.channels.judging import Arrival, Judgement, judge_basic, judge_scenario, judge_stress, read_arrivals
from tasks.channels.lines import ChannelLines
from tasks.channels.phones import group_of


def judge_stage(
    stage: str, steps: Sequence[TestStep], shots: Sequence[Shot], phones: Sequence[TestPhone], lines: ChannelLines
) -> Judgement:
    """Judge one stage by all its sends so far; `steps` are those of the stage, `shots` their messages.

    Where the provider tells of resends, automatic resend is not off, whatever was declared: that fails any stage.
    """
    resent = sum((shot.attempts or 1) > 1 for shot in shots)
    judged = _judge_measures(stage, steps, shots, phones, lines)
    if not resent:
        return judged
    zh = f"{judged.zh}；平台回执承认补发了 {resent} 条：自动补发没有关，关掉再测"
    en = f"{judged.en}; its receipts admit {resent} resends: automatic resend is not off, have it switched off first"
    return replace(judged, verdict="failed", zh=zh, en=en)


def _judge_measures(
    stage: str, steps: Sequence[TestStep], shots: Sequence[Shot], phones: Sequence[TestPhone], lines: ChannelLines
) -> Judgement:
    by_step = {step.plan_id: [shot for shot in shots if shot.plan_id == step.plan_id] for step in steps}
    unsent = [step for step in steps if not _has_left(by_step[step.plan_id])]
    if unsent:
        return _wait_for(stage, unsent, is_all=not any(shot.sent_us for shot in shots))
    groups = {phone.token: group_of(phone) for phone in phones}
    arrived = {plan_id: read_arrivals(found, groups, lines) for plan_id, found in by_step.items()}
    if stage == "basic":
        return judge_basic([each for found in arrived.values() for each in found], lines)
    if stage == "scenario":
        return judge_scenario({step.tested_type: arrived[step.plan_id] for step in steps}, lines)
    rounds = max(step.round for step in steps)
    sends: dict[int, list[Arrival]] = {}
    for step in steps:
        sends.setdefault(step.number, []).extend(arrived[step.plan_id])
    return judge_stress(list(sends.values()), lines, rounds if stage == "stress" else lines.stress.rounds, stage)


def _has_left(shots: Sequence[Shot]) -> bool:
    return bool(shots) and all(shot.sent_us is not None for shot in shots)


def _wait_for(stage: str, unsent: Sequence[TestStep], *, is_all: bool) -> Judgement:
    """No verdict: what did not leave says nothing of the channel, and the other sends alone are not the stage."""
    if is_all:
        zh, en = "没有发出", "nothing was sent"
    else:
        named = [f"{step.round}.{step.number} {step.tested_type} ({step.plan_id})" for step in unsent]
        zh, en = (
            f"有发送没有（全部）发出：{'、'.join(named)}",
            f"a send did not leave, or not wholly: {', '.join(named)}",
        )
    return Judgement(
        stage, "pending", 0, f"{zh}：没有批准，或时间已过；重新开始测试",
        f"{en}: not approved, or too late; begin the test again", "", "",
    )  # fmt: skip


def tell_resend(record: ChannelRecord, shots: Sequence[Shot]) -> str:
    """What is known of the provider's automatic resend: told by its receipts, declared, or neither."""
    told = [shot.attempts for shot in shots if shot.attempts is not None]
    if told:
        return f"told: {sum(n > 1 for n in told)} of {len(told)} receipts report a resend"
    if record.resend is None:
        return "neither told nor declared"
    return f"declared {'off' if record.resend.is_off else 'on'} by {record.resend.by} on {record.resend.on}"


def write_verdict(
    test_id: str, record: ChannelRecord, judged: Judgement, steps: Sequence[TestStep], shots: Sequence[Shot],
    phones: Sequence[TestPhone], lines: ChannelLines, now: datetime,
) -> Verdict:  # fmt: skip
    """The verdict with all it rests on; numbers are masked."""
    shown = {phone.token: phone.shown for phone in phones}
    evidence: Mapping[str, object] = {
        **asdict(replace(judged, measures=dict(judged.measures))),
        "plans": [step.plan_id for step in steps],
        "not_delivered": sorted(shown.get(shot.token, "?") for shot in shots if shot.status != "delivered"),
        "resend": tell_resend(record, shots),
        "lines": lines.model_dump(mode="json", exclude={"vetting", "canary"}),
    }
    text = json.dumps(evidence, ensure_ascii=False, sort_keys=True)
    return Verdict(test_id, record.name, judged.stage, judged.verdict, judged.messages, text, to_us(now),
                   verdict_until(now, lines.valid_days))  # fmt: skip
