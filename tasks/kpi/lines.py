"""The lines of domain.md §8 as a file a person edits, and how one value stands against its line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from scipy import special

from chuda.files import Finding, Lang, load_yaml
from chuda.files.model import FileModel
from chuda.files.types import Flag, Fraction, Items, Number, Slug, Text, Whole

REFERENCE = Path(__file__).resolve().parents[2] / "data" / "reference"
MessageType = Literal["marketing", "notification", "otp", "test"]
Verdict = Literal["met", "near", "missed", "waiting", "not_measured"]
Volume = Annotated[int, Whole(1, 1_000_000)]
Multiple = Annotated[Decimal, Number("0", "1000")]


class Wording(FileModel):
    """The same in both languages."""

    zh: Text
    en: Text

    def say(self, lang: Lang) -> str:
        """It in one of them."""
        return self.zh if lang == "zh" else self.en


class KpiLine(FileModel):
    """One KPI and its line: events / base >= at_least, or <= at_most where that stands alone."""

    kpi: Slug
    label: Wording
    events: Slug | None = None
    base: Slug | None = None
    at_least: Multiple | None = None
    at_most: Multiple | None = None
    alert: Flag = False
    peer: Flag = False
    only_for: Items[MessageType] = ()
    advice: Wording

    @property
    def line(self) -> float:
        """The end of the band that can be missed."""
        limit = self.at_least if self.at_least is not None else self.at_most
        return float(limit or 0)

    def applies_to(self, message_type: str) -> bool:
        """Whether messages of this type are measured against it."""
        return not self.only_for or message_type in self.only_for

    @classmethod
    def cross_check(cls, parts: Mapping[str, Any]) -> Iterable[Finding]:
        """A line needs an end; an alert needs counts to test."""
        if parts.get("at_least") is None and parts.get("at_most") is None:
            yield Finding(("at_least",), "missing_key", {"key": "at_least"})
        if parts.get("alert") and not (parts.get("events") and parts.get("base")):
            yield Finding(("events",), "missing_key", {"key": "events"})


class UnknownLine(FileModel):
    """How many outcomes may be unknown, as a fraction of the submitted."""

    at_most: Fraction
    advice: Wording


class SegmentLine(FileModel):
    """Below which open rate a segment is low (fraction); `advice` when it stays so, `once` when it was so once."""

    at_least: Fraction
    advice: Wording
    once: Wording


class CellLine(FileModel):
    """By how much (a fraction) a cell's delivery must be lower than before, over how many messages on both sides."""

    at_least_lower: Fraction
    minimum: Volume
    advice: Wording


class KpiLines(FileModel):
    """All lines, and the one-sided error allowed when one is called missed."""

    alpha: Fraction
    lines: Items[KpiLine]
    unknown_outcomes: UnknownLine
    low_open_segment: SegmentLine
    cell_drop: CellLine


@dataclass(frozen=True, slots=True)
class Standing:
    """How a value stands: `p_value` is the exact chance of such counts on the right side of the line, if counted."""

    verdict: Verdict
    value: float | None
    p_value: float | None = None


def load_lines(path: Path = REFERENCE / "kpi_lines.yaml") -> KpiLines:
    """Read the lines; raises `BadFile` with every problem of the file."""
    return load_yaml(path, KpiLines)


def judge(line: KpiLine, row: Mapping[str, Any], alpha: float) -> Standing:
    """How one row of a KPI mart stands against a line.

    A miss must be beyond chance (p < alpha), and messages that still wait for their receipt are taken at their best:
    nobody is blamed for what may yet come. `near` is on the wrong side by no more than chance.
    """
    value = measure(line.kpi, row)
    if value is None:
        return Standing("not_measured", None)
    is_right = value >= line.line if line.at_least is not None else value <= line.line
    if line.events is None or line.base is None:
        return Standing("met" if is_right else "missed", value)
    events, base = _best_case(line, row)
    p_value = chance(events, base, line.line, at_least=line.at_least is not None)
    if is_right:
        return Standing("met", value, p_value)
    if p_value < alpha:
        return Standing("missed", value, p_value)
    return Standing("near" if row["is_receipts_complete"] else "waiting", value, p_value)


def measure(kpi: str, row: Mapping[str, Any]) -> float | None:
    """The value of a KPI in a row of a KPI mart (fraction, or multiple for roi); None where it cannot be measured."""
    if kpi != "repurchase_change":
        return None if row[kpi] is None else float(row[kpi])
    after, before = row["repurchase_rate"], row["repurchase_rate_before"]
    return None if after is None or not before else float(after) / float(before) - 1


def chance(events: int, base: int, line: float, *, at_least: bool) -> float:
    """P of counts as far or farther on the wrong side of `line`, exactly, if the true rate stood on it."""
    # scipy.special alone: scipy.stats takes a second to import, and every report would wait for it.
    return float(special.bdtr(events, base, line) if at_least else special.bdtrc(events - 1, base, line))


def _best_case(line: KpiLine, row: Mapping[str, Any]) -> tuple[int, int]:
    assert line.events is not None and line.base is not None
    base = int(row[line.base])
    pending = 0
    if line.kpi == "delivery_rate" and not row["is_receipts_complete"]:
        pending = int(row["awaiting_receipt"]) + int(row["unknown"])
    return min(base, int(row[line.events]) + pending), base
