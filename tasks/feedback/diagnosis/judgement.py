"""The judgement: each possible cause in the order in which to look, how likely it is in words, and on what evidence.

The order is domain.md §8's: carrier blacklist, sensitive-word filter, channel congestion; then signature, ported
number, frequency limit, handset filter; then the number itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tasks.feedback.diagnosis.evidence import Evidence, Row
from tasks.kpi.lines import chance

Likelihood = Literal["very_likely", "likely", "possible", "no_sign"]
Cause = Literal[
    "blacklist", "content", "congestion", "signature", "ported", "frequency", "handset", "number", "unclear"
]  # fmt: skip
ORDER: tuple[Cause, ...] = (
    "blacklist", "content", "congestion", "signature", "ported", "frequency", "handset", "number", "unclear",
)  # fmt: skip
_CATEGORIES: Mapping[Cause, frozenset[str]] = {
    "number": frozenset({"empty_number", "suspended", "unreachable"}),
    "unclear": frozenset({"ambiguous", "unlisted", "out_of_hours"}),
}
Said = tuple[str, str]  # Chinese, English
_NO_PATTERN: Said = ("", "")
_BEYOND_CHANCE = 0.01
_FEW = 10  # fewer people prove no pattern
_SLOWER = 1.5
_MOSTLY, _PARTLY = 0.5, 0.2
_CHANNEL_DOWN = 0.8


@dataclass(frozen=True, slots=True)
class Finding:
    """One possible cause: how likely, how many failures carry its codes, and the pattern that points to it."""

    cause: Cause
    likelihood: Likelihood
    messages: int
    codes: tuple[str, ...]
    pattern: str = ""
    pattern_zh: str = ""


def judge_causes(evidence: Evidence, confidence: Mapping[str, str]) -> list[Finding]:
    """Every cause in order of looking.

    Args:
        evidence: from `gather_evidence`.
        confidence: how sure the meaning of a receipt code is, by code in capitals (high, medium, low).
    """
    return [_judge(cause, evidence, confidence) for cause in ORDER]


def _judge(cause: Cause, evidence: Evidence, confidence: Mapping[str, str]) -> Finding:
    categories = _CATEGORIES.get(cause, frozenset({cause}))
    rows = [row for row in evidence.rows["failures"] if row["cause"] in categories]
    messages = sum(row["messages"] for row in rows)
    failed = int(evidence.one("standing")["failed"])
    # A code whose meaning the sources dispute is half a sign.
    weight = sum(row["messages"] * (0.5 if confidence.get(row["code"].upper()) == "low" else 1) for row in rows)
    pattern_zh, pattern = _PATTERNS[cause](evidence) if cause in _PATTERNS else _NO_PATTERN
    share = weight / failed if failed else 0.0
    codes = tuple(f"{row['code'] or '-'} x{row['messages']}" for row in rows[:5])
    # That some were delivered and not clicked is no proof of a filter, so it never makes one likely.
    likelihood = _in_words(share, bool(pattern) and cause != "handset")
    if pattern and likelihood == "no_sign":
        likelihood = "possible"
    return Finding(cause, likelihood, messages, codes, pattern, pattern_zh)


def _in_words(share: float, has_pattern: bool) -> Likelihood:
    if share >= _MOSTLY:
        return "very_likely"
    if share >= _PARTLY or (has_pattern and share > 0):
        return "likely"
    return "possible" if has_pattern or share > 0 else "no_sign"


def _stubborn(evidence: Evidence) -> Said:
    row = evidence.one("stubborn_numbers")
    if not row["stubborn"]:
        return _NO_PATTERN
    share = f"{row['stubborn']}/{row['failing']}"
    return (f"{share} 个号码换模板、隔天都失败", f"{share} of the numbers fail over templates and days")


def _bad_template(evidence: Evidence) -> Said:
    for row in evidence.rows["templates"]:
        if row["people"] >= _FEW and _is_worse(row):
            name, mine, other = row["template"], _rate(row), _other_rate(row)
            return (f"{name}：失败 {mine}，其他模板 {other}", f"{name}: {mine} failed, others {other}")
    return _NO_PATTERN


def _congested_cell(evidence: Evidence) -> Said:
    for row in evidence.rows["cells"]:
        if _is_worse(row) and _is_slowing(row):
            place = f"{row['carrier']} {row['province']} {row['sent_hour']:%m-%d %H:00}"
            mine, other, (slow, usual) = _rate(row), _other_rate(row), _medians(row)
            return (
                f"{place}：失败 {mine}，别处 {other}；中位延迟 {slow:.0f} 秒，别处 {usual:.0f} 秒",
                f"{place}: {mine} failed, elsewhere {other}, median {slow:.0f} s against {usual:.0f} s",
            )
    return _NO_PATTERN


def _is_slowing(row: Row) -> bool:
    mine, other = row["latency_s"], row["other_latency_s"]
    is_slower = mine is not None and other is not None and mine > _SLOWER * other
    return is_slower or (row["latency_trend"] or 0) > 0


def _medians(row: Row) -> tuple[float, float]:
    return row["latency_s"] or 0.0, row["other_latency_s"] or 0.0


def _dead_channel(evidence: Evidence) -> Said:
    for row in evidence.rows["channels"]:
        if row["sent"] >= _FEW and row["failed"] / row["sent"] >= _CHANNEL_DOWN:
            name, mine = row["channel"], _rate(row)
            return (f"{name}：全部消息失败 {mine}", f"{name}: {mine} of everything failed")
    return _NO_PATTERN


def _crowded(evidence: Evidence) -> Said:
    people = evidence.one("crowded")["people"]
    if not people:
        return _NO_PATTERN
    return (f"{people} 人次一天收到 3 条以上", f"{people} times somebody got more than 3 messages in a day")


def _delivered_unseen(evidence: Evidence) -> Said:
    row = evidence.one("standing")
    delivered, clicked = row["delivered"], row["clicked"]
    if not delivered:
        return _NO_PATTERN
    return (f"回执送达 {delivered:,}，其中点击 {clicked:,}", f"receipts: {delivered:,} delivered, {clicked:,} clicked")


_PATTERNS: Mapping[Cause, Callable[[Evidence], Said]] = {
    "blacklist": _stubborn,
    "content": _bad_template,
    "congestion": _congested_cell,
    "signature": _dead_channel,
    "frequency": _crowded,
    "handset": _delivered_unseen,
}


def _is_worse(row: Row) -> bool:
    """Whether it failed more often than the rest beyond chance."""
    if not row["other_sent"]:
        return False
    line = max(row["other_failed"], 1) / row["other_sent"]
    return line < 1 and chance(row["failed"], row["sent"], line, at_least=False) < _BEYOND_CHANCE


def _rate(row: Row) -> str:
    return f"{row['failed']}/{row['sent']}"


def _other_rate(row: Row) -> str:
    return f"{row['other_failed']}/{row['other_sent']}"


def causes_found(findings: Sequence[Finding]) -> list[Finding]:
    """The causes there is any sign of, in order of looking."""
    return [finding for finding in findings if finding.likelihood != "no_sign"]
