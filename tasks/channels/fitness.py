"""Whether a channel may carry messages of a type today, and if not, why: licence, filed signature, passed test.

Simulator channels play a provider on this machine: they need no licence and no test, but a test they failed counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from chuda.clock import from_us, to_us
from chuda.errors import Refused
from chuda.files import Lang, Source
from chuda.records.channel import ChannelRecord
from chuda.records.licence import licence_problems
from chuda.stores.ledger.channels import Verdict

_LANGUAGES: tuple[Lang, Lang] = ("zh", "en")
STAGES = ("basic", "stress", "scenario")
HOLIDAY = "stress_holiday"


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that speaks against a channel: a stable code, and what it is and what to do in both languages."""

    code: str
    zh: str
    en: str

    def __str__(self) -> str:
        return f"{self.zh} / {self.en}"

    @property
    def is_of_test(self) -> bool:
        """Whether it is about a test of ours, which can be done."""
        return self.code.startswith("test_")

    def in_language(self, language: Lang) -> str:
        """What it is and what to do, in one language."""
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a channel stands in one stage: passed, failed, pending, expired or missing, since when, until when."""

    stage: str
    state: str
    since: datetime | None = None
    until: datetime | None = None
    test_id: str = ""


def standing_of(record: ChannelRecord, stage: str, verdicts: Iterable[Verdict], now: datetime) -> Standing:
    """The last word on a stage: of all verdicts of ours and the one in the record the newest that is certain.

    A test that is still running leaves an earlier verdict in force.
    """
    known = [
        Standing(stage, v.verdict, from_us(v.decided_us), from_us(v.expires_us), v.test_id)
        for v in verdicts
        if v.channel == record.name and v.stage == stage
    ]
    known += _from_record(record, stage, now)
    if not known:
        return Standing(stage, "missing")
    certain = [each for each in known if each.state != "pending"] or known
    newest = max(certain, key=lambda each: each.since or now)
    if newest.state == "passed" and newest.until is not None and now >= newest.until:
        return Standing(stage, "expired", newest.since, newest.until, newest.test_id)
    return newest


def _from_record(record: ChannelRecord, stage: str, now: datetime) -> list[Standing]:
    written = getattr(record.tested, stage, None) if record.tested else None
    if written is None:
        return []
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    since = midnight.replace(year=written.on.year, month=written.on.month, day=written.on.day)
    last = written.last_day
    until = midnight.replace(year=last.year, month=last.month, day=last.day, hour=23, minute=59, second=59)
    return [Standing(stage, written.verdict, since, until, written.evidence)]


def reasons_against(
    record: ChannelRecord,
    message_type: str,
    verdicts: Sequence[Verdict],
    now: datetime,
    signatures: frozenset[str] | None = None,
) -> list[Reason]:
    """Everything that keeps a channel from carrying messages of a type now; empty if it may.

    Args:
        record: the channel.
        message_type: marketing, notification, otp or test; only marketing needs a filed signature and a passed test.
        verdicts: of our own tests.
        now: aware.
        signatures: what the business may sign with; None where that was looked at before.
    """
    reasons = licence_reasons(record, now)
    if message_type == "marketing":
        reasons += _signature_reasons(record, signatures)
        reasons += _test_reasons(record, verdicts, now)
    return reasons


def licence_reasons(record: ChannelRecord, now: datetime) -> list[Reason]:
    """What the provider's licence on record lacks today; a simulator needs none."""
    in_zh, in_en = (licence_problems(record, now.date(), Source(record.name, lang)) for lang in _LANGUAGES)
    return [
        Reason(zh.code, f"{zh.message} – {zh.advice}", f"{en.message} – {en.advice}")
        for zh, en in zip(in_zh, in_en, strict=True)
        if zh.severity == "error"
    ]


def _signature_reasons(record: ChannelRecord, signatures: frozenset[str] | None) -> list[Reason]:
    filed = frozenset(record.signatures)
    if filed and (signatures is None or filed & signatures):
        return []
    return [
        Reason(
            "signature_not_filed",
            f"渠道“{record.name}”没有报备过可用的签名，不能发营销 – 报备后写进 signatures",
            f"channel '{record.name}' has no filed signature that this business may use: no marketing – file one and "
            "list it under signatures",
        )
    ]


def _test_reasons(record: ChannelRecord, verdicts: Sequence[Verdict], now: datetime) -> list[Reason]:
    reasons = []
    for stage in (*STAGES, HOLIDAY):
        state = standing_of(record, stage, verdicts, now).state
        is_needed = not record.simulator and stage != HOLIDAY
        if state == "failed" or (is_needed and state != "passed"):
            zh = {"failed": "未通过", "expired": "已过期", "pending": "未完成", "missing": "没有做过"}[state]
            reasons.append(
                Reason(
                    f"test_{state}",
                    f"渠道“{record.name}”的 {stage} 测试{zh}，不能发营销 – chuda channel test {record.name}",
                    f"the {stage} test of channel '{record.name}' is {state}: no marketing – "
                    f"`chuda channel test {record.name}`",
                )
            )
    return reasons


def refuse_unfit(
    record: ChannelRecord, message_type: str, verdicts: Sequence[Verdict], now: datetime,
    signatures: frozenset[str] | None = None,
) -> None:  # fmt: skip
    """Refuse a channel that may not carry messages of this type now.

    Raises:
        Refused: every reason, by name.
    """
    reasons = reasons_against(record, message_type, verdicts, now, signatures)
    if reasons:
        raise Refused("\n".join(str(reason) for reason in reasons))


def verdict_until(now: datetime, valid_days: int) -> int:
    """When a verdict of now expires, in microseconds UTC."""
    return to_us(now) + valid_days * 86_400_000_000
