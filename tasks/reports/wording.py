"""The words of the report in one language, and how its numbers are written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

from ruamel.yaml import YAML

from chuda.clock import BUSINESS_ZONE
from chuda.files import Lang

MISSING = "–"


@dataclass(frozen=True, slots=True)
class Words:
    """The catalogue wording.yaml in one language."""

    lang: Lang

    def say(self, key: str, **filled: object) -> str:
        """The sentence of this key with its braces filled."""
        return _catalogue()[key][0 if self.lang == "zh" else 1].format(**filled)

    def name(self, kind: str, value: str) -> str:
        """What `value` of a kind (reason, cause, …) is called; the value itself where nobody gave it a name."""
        return self.say(f"{kind}_{value}") if f"{kind}_{value}" in _catalogue() else value

    def plain(self, key: str) -> str:
        """What `key` is called; the key itself where nobody gave it a name."""
        return self.say(key) if key in _catalogue() else key

    def moment(self, moment: datetime | None) -> str:
        """Date and minute in Asia/Shanghai."""
        return MISSING if moment is None else moment.astimezone(BUSINESS_ZONE).strftime("%Y-%m-%d %H:%M")

    def duration(self, seconds: float | None) -> str:
        """Seconds below two minutes, minutes below two hours, else hours."""
        if seconds is None:
            return MISSING
        if seconds < 120:
            return self.say("seconds", count=round(seconds))
        return (
            self.say("minutes", count=round(seconds / 60))
            if seconds < 7200
            else self.say("hours_long", count=f"{seconds / 3600:.1f}")
        )

    def money(self, amount: Decimal | float | None) -> str:
        """CNY with two digits, four below one yuan."""
        if amount is None:
            return MISSING
        digits = 4 if 0 < abs(float(amount)) < 1 else 2
        sign = "-" if amount < 0 else ""
        return f"{sign}{'¥' if self.lang == 'zh' else 'CNY '}{abs(float(amount)):,.{digits}f}"


def percent(fraction: float | None, digits: int | None = None) -> str:
    """A fraction as percentage; two digits below 1% and above 99%, where they matter, else one."""
    if fraction is None:
        return MISSING
    if digits is None:
        digits = 2 if 0 < fraction < 0.01 or 0.99 < fraction < 1 else 1
    return f"{100 * fraction:.{digits}f}%"


def short_percent(fraction: float) -> str:
    """A line as people say it: 98%, 0.5%."""
    return f"{100 * fraction:.4g}%"


def count(number: int | None) -> str:
    """A number with separators."""
    return MISSING if number is None else f"{number:,}"


@cache
def _catalogue() -> dict[str, tuple[str, str]]:
    return dict(YAML(typ="safe").load(Path(__file__).with_name("wording.yaml")))
