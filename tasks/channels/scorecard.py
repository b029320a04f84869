"""The scorecard of a channel: every vetting question, its answer, what it is worth and what is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from chuda.records.channel import ChannelRecord
from chuda.records.licence import NATIONWIDE_CAPITAL_CNY, NORMAL_PRICE_CNY, SUSPICIOUS_SHARE, licence_problems
from tasks.channels.lines import VettingWeights

HEALTHY_LARGE_SHARE = (Decimal("0.15"), Decimal("0.5"))
"""Around the healthy 30 % that a few large customers make; above it the pyramid stands on its head."""

_VERIFIED_WAYS = 3
_GOOD_REFERENCES = 2


@dataclass(frozen=True, slots=True)
class Answer:
    """One question: `answer` is None where nobody asked yet; points are out of `weight`."""

    question: str
    zh: str
    en: str
    answer: str | None
    weight: int
    points: float
    advice_zh: str = ""
    advice_en: str = ""


@dataclass(frozen=True, slots=True)
class Scorecard:
    """All answers; the score is a share of the weights, the questions without an answer counting nothing."""

    channel: str
    answers: tuple[Answer, ...]

    @property
    def score(self) -> float:
        """Points over weights, a fraction."""
        weights = sum(each.weight for each in self.answers)
        return sum(each.points for each in self.answers) / weights if weights else 0.0

    @property
    def missing(self) -> tuple[str, ...]:
        """The questions nobody asked yet."""
        return tuple(each.question for each in self.answers if each.answer is None)


@dataclass(frozen=True, slots=True)
class _Found:
    """What a record says to a question: the answer and the share of its points, and what to do about it."""

    answer: str | None
    share: float
    zh: str = ""
    en: str = ""


def score_channel(record: ChannelRecord, weights: VettingWeights, today: date) -> Scorecard:
    """The scorecard of a channel's record as it stands today."""
    answers = []
    for question, (zh, en, look) in _QUESTIONS.items():
        found = look(record, today)
        weight = int(getattr(weights, question))
        advice = (found.zh, found.en) if found.answer is not None else ("去问服务商并写进档案", "ask, and record it")
        answers.append(Answer(question, zh, en, found.answer, weight, weight * found.share, *advice))
    return Scorecard(record.name, tuple(answers))


def _licence(record: ChannelRecord, today: date) -> _Found:
    if record.licence is None:
        return _Found(None, 0)
    codes = {problem.code for problem in licence_problems(record, today)}
    shown = f"{record.licence.number}, {record.licence.scope}, {record.licence.expires_on}"
    if "licence_expired" in codes:
        return _Found(shown, 0, "许可证已到期", "the licence has expired")
    if record.licence.scope == "provincial":
        return _Found(shown, 0.5, "只覆盖部分省", "some provinces only")
    return _Found(shown, 1)


def _capital(record: ChannelRecord, _today: date) -> _Found:
    if record.licence is None:
        return _Found(None, 0)
    capital = record.licence.registered_capital_cny
    is_enough = record.licence.scope == "provincial" or capital >= NATIONWIDE_CAPITAL_CNY
    return _Found(f"CNY {capital:,}", float(is_enough), *(() if is_enough else ("注册资本不足", "capital too small")))


def _verified(record: ChannelRecord, today: date) -> _Found:
    if record.licence is None:
        return _Found(None, 0)
    codes = {problem.code for problem in licence_problems(record, today)}
    shown = f"{record.licence.verified_by}, {record.licence.verified_on}: {record.licence.evidence}"
    if codes & {"verified_long_ago", "verified_in_future"}:
        return _Found(shown, 0.5, "到工信部系统重新核验", "verify it again in the ministry's system")
    return _Found(shown, 1)


def _price(record: ChannelRecord, _today: date) -> _Found:
    low, high = NORMAL_PRICE_CNY
    shown = f"CNY {record.price_cny_per_part} ({record.billing})"
    if record.price_cny_per_part < low * SUSPICIOUS_SHARE:
        return _Found(shown, 0, "远低于正常价，问清走哪些通道", "far below normal: ask which routes are used")
    if record.price_cny_per_part > high:
        return _Found(shown, 0.5, "高于正常价", "above the normal price")
    return _Found(shown, 1)


def _flag(value: bool | None) -> _Found:
    return _Found(None, 0) if value is None else _Found("yes" if value else "no", float(value))


def _overseas(record: ChannelRecord, _today: date) -> _Found:
    return _flag(record.vetting.hong_kong_macau_taiwan if record.vetting else None)


def _languages(record: ChannelRecord, _today: date) -> _Found:
    return _flag(record.vetting.traditional_and_english if record.vetting else None)


def _console(record: ChannelRecord, _today: date) -> _Found:
    return _flag(record.vetting.self_service_console if record.vetting else None)


def _capacity(record: ChannelRecord, _today: date) -> _Found:
    peak = record.vetting.peak_per_day if record.vetting else None
    return _Found(None, 0) if peak is None else _Found(f"{peak:,} / day", float(peak > 0))


def _references(record: ChannelRecord, _today: date) -> _Found:
    listed = record.vetting.references if record.vetting else ()
    if not listed:
        return _Found(None, 0)
    ways = sum(len(set(each.verified)) for each in listed[:_GOOD_REFERENCES])
    share = min(1.0, ways / (_GOOD_REFERENCES * _VERIFIED_WAYS))
    shown = ", ".join(f"{each.customer} ({len(set(each.verified))}/{_VERIFIED_WAYS})" for each in listed)
    if share == 1:
        return _Found(shown, share)
    return _Found(shown, share, "至少两家客户，各用三种方式核实", "two customers at least, each verified three ways")


def _distribution(record: ChannelRecord, _today: date) -> _Found:
    if record.vetting is None or record.vetting.volume is None:
        return _Found(None, 0)
    share = record.vetting.volume.large_customers_share
    low, high = HEALTHY_LARGE_SHARE
    if low <= share <= high:
        return _Found(f"{share:.0%}", 1)
    return _Found(f"{share:.0%}", 0, "客户结构倒置或过散，健康的约为 30%", "healthy is about 30% from a few large ones")


def _resend(record: ChannelRecord, _today: date) -> _Found:
    if record.resend is None:
        return _Found(None, 0)
    shown = f"{'off' if record.resend.is_off else 'on'}, {record.resend.told_by}, {record.resend.on}"
    if not record.resend.is_off:
        return _Found(shown, 0, "测试期间必须关闭自动补发", "automatic resend has to be off for tests")
    return _Found(shown, 1 if record.resend.told_by == "provider" else 0.5)


_QUESTIONS: dict[str, tuple[str, str, Callable[[ChannelRecord, date], _Found]]] = {
    "licence": ("许可证与有效期", "licence and its expiry", _licence),
    "capital": ("注册资本", "registered capital", _capital),
    "verified": ("谁在工信部系统里核验过", "who verified it, when, with what evidence", _verified),
    "price": ("单价与计费方式", "price and billing mode", _price),
    "overseas": ("是否覆盖港澳台", "Hong Kong, Macau and Taiwan", _overseas),
    "languages": ("是否支持繁体和英文", "traditional Chinese and English", _languages),
    "capacity": ("每天峰值能力", "peak daily capacity", _capacity),
    "console": ("自助平台：签名、模板、实时记录", "self-service console", _console),
    "references": ("参考客户，三种方式核实", "reference customers, verified three ways", _references),
    "distribution": ("客户量分布", "volume distribution of its customers", _distribution),
    "resend": ("自动补发已关闭", "automatic resend off", _resend),
}
