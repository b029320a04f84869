"""Where things stand in a file that was read, and how a finding becomes a problem with a place and words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from chuda.files.catalogue import render
from chuda.files.problems import Finding, Lang, Loc, Problem
from chuda.files.tree import Spot
from chuda.phones import mask_phones

_SHOWN = 60
_SHOWN_LISTS = 500


@dataclass(frozen=True, slots=True)
class Source:
    """A file's name and the places of its keys and values; `lang` is the language of its messages."""

    path: str
    lang: Lang = "zh"
    lines: Sequence[str] = ()
    values: Mapping[Loc, Spot] = field(default_factory=dict)
    keys: Mapping[Loc, Spot] = field(default_factory=dict)

    def problem(self, finding: Finding, *, secret: bool = False) -> Problem:
        """Give a finding its place and its words; values are shortened and masked, those of secrets left out."""
        line, column = self._place(finding)
        context = {"raw": self._raw(finding.loc), **finding.context}
        if secret:
            context = {key: value if key == "key" else "***" for key, value in context.items()}
        shown = {key: mask_phones(_shorten(key, value)) for key, value in context.items()}
        message, advice = render(finding.code, shown, self.lang)
        return Problem(mask_phones(self.path), line, column, finding.code, message, advice, finding.severity)

    def problems(self, findings: Iterable[Finding]) -> list[Problem]:
        """The problems of several findings, in the order of the file."""
        return sorted((self.problem(finding) for finding in findings), key=lambda each: (each.line, each.column))

    def _raw(self, loc: Loc) -> str:
        spot = self.values.get(loc)
        return spot.raw.strip() if spot else ""

    def _place(self, finding: Finding) -> tuple[int, int]:
        loc = finding.loc
        if finding.offset is not None and loc in self.values:
            return _place_in_text(self.values[loc], finding.offset, self.lines)
        if finding.on_key and loc in self.keys:
            return self.keys[loc].line, self.keys[loc].column
        while loc:
            # A section is best found by its name, a value by itself.
            value, key = self.values.get(loc), self.keys.get(loc)
            if value and (value.style not in ("mapping", "list") or key is None):
                return value.line, value.column
            if key:
                return key.line, key.column
            loc = loc[:-1]
        whole = self.values.get(())
        return (whole.line, whole.column) if whole else (1, 1)


def _shorten(key: str, value: str) -> str:
    text = value.replace("\n", " ")
    limit = _SHOWN_LISTS if key in ("known", "choices") else _SHOWN
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _place_in_text(spot: Spot, offset: int, lines: Sequence[str]) -> tuple[int, int]:
    """The line and column of a character of a text value; the value's beginning where folding moved the characters."""
    if spot.style == "|":
        return _place_in_block(spot, offset, lines)
    if spot.line != spot.end_line or (spot.style == '"' and "\\" in lines[spot.line - 1]) or spot.style == ">":
        return spot.line, spot.column
    if spot.style == "'":
        return spot.line, spot.column + 1 + offset + spot.raw[:offset].count("'")
    return spot.line, spot.column + offset + (spot.style == '"')


def _place_in_block(spot: Spot, offset: int, lines: Sequence[str]) -> tuple[int, int]:
    before = spot.raw[:offset]
    number = before.count("\n")
    content = spot.raw.split("\n")[number]
    line = spot.line + 1 + number
    if line > len(lines) or not lines[line - 1].endswith(content):
        return spot.line, spot.column
    return line, len(lines[line - 1]) - len(content) + len(before) - (before.rfind("\n") + 1) + 1
