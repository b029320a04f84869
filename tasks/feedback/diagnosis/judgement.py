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
    pattern = _PATTERNS[cause](evidence) if cause in _PATTERNS else ""
    share = weight / failed if failed else 0.0
    codes = tuple(f"{row['code'] or '-'} x{row['messages']}" for row in rows[:5])
    return Finding(cause, _in_words(share, bool(pattern)), messages, codes, pattern)


def _in_words(share: float, has_pattern: bool) -> Likelihood:
    if share >= _MOSTLY:
        return "very_likely"
    if share >= _PARTLY or (has_pattern and share > 0):
        return "likely"
    return "possible" if has_pattern or share > 0 else "no_sign"


def _stubborn(evidence: Evidence) -> str:
    row = evidence.one("stubborn_numbers")
    return f"{row['stubborn']}/{row['failing']} numbers over templates and days" if row["stubborn"] else ""


def _bad_template(evidence: Evidence) -> str:
    for row in evidence.rows["templates"]:
        if row["people"] >= _FEW and _is_worse(row):
            return f"{row['template']}: {_rate(row)} failed, others {_other_rate(row)}"
    return ""


def _congested_cell(evidence: Evidence) -> str:
    for row in evidence.rows["cells"]:
        if _is_worse(row) and _is_slowing(row):
            place = f"{row['carrier']} {row['province']} {row['sent_hour']:%m-%d %H:00}"
            return f"{place}: {_rate(row)} failed, elsewhere {_other_rate(row)}, {_slowness(row)}"
    return ""


def _is_slowing(row: Row) -> bool:
    mine, other = row["latency_s"], row["other_latency_s"]
    is_slower = mine is not None and other is not None and mine > _SLOWER * other
    return is_slower or (row["latency_trend"] or 0) > 0


def _slowness(row: Row) -> str:
    mine, other = row["latency_s"], row["other_latency_s"]
    return f"median {mine or 0:.0f} s against {other or 0:.0f} s"


def _dead_channel(evidence: Evidence) -> str:
    for row in evidence.rows["channels"]:
        if row["sent"] >= _FEW and row["failed"] / row["sent"] >= _CHANNEL_DOWN:
            return f"{row['channel']}: {_rate(row)} of everything failed"
    return ""


def _crowded(evidence: Evidence) -> str:
    people = evidence.one("crowded")["people"]
    return f"{people} person-days with more than 3 messages" if people else ""


def _delivered_unseen(evidence: Evidence) -> str:
    row = evidence.one("standing")
    return f"{row['delivered']} receipts say delivered, {row['clicked']} clicked" if row["delivered"] else ""


_PATTERNS: Mapping[Cause, Callable[[Evidence], str]] = {
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
