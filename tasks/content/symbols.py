"""Characters a text must not contain, from `symbols.yaml`, compiled for one text and for columns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chuda.errors import UsageError
from chuda.files.model import FileModel
from chuda.files.reader import load_yaml
from chuda.files.types import Flag, Slug, Text, Texts
from tasks.content.findings import Notice, Said

SIGNATURE_SOURCE = "^【[^【】]*】"
_SIGNATURE = re.compile(SIGNATURE_SOURCE)
_RANGE = re.compile(r"U\+([0-9A-F]{4,6})-U\+([0-9A-F]{4,6})")
_LAW = Said("运营商与通道商的字符规范", "Carriers' and providers' character rules")


class SymbolGroupFile(FileModel):
    """Characters refused for the same reason."""

    id: Slug
    characters: Text | None = None
    ranges: Texts = ()
    allowed: Text | None = None
    is_body_only: Flag = False
    message: Text
    message_en: Text
    advice: Text
    advice_en: Text


class SymbolFile(FileModel):
    """The whole of `symbols.yaml`."""

    groups: tuple[SymbolGroupFile, ...]


@dataclass(frozen=True, slots=True)
class SymbolGroup:
    """A group compiled: `python` finds one character, `polars` tells whether a text has one."""

    notice: Notice
    is_body_only: bool
    python: re.Pattern[str]
    polars: str

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """The spans of runs of such characters, outside the signature where the group is about the body."""
        signature = _SIGNATURE.match(text) if self.is_body_only else None
        for found in self.python.finditer(text, signature.end() if signature else 0):
            yield found.span()


def load_symbols(path: Path) -> tuple[SymbolGroup, ...]:
    """Load `symbols.yaml`; raises `UsageError` naming the group for a range that is none."""
    return tuple(_compile(group, path) for group in load_yaml(path, SymbolFile).groups)


def _compile(group: SymbolGroupFile, path: Path) -> SymbolGroup:
    spans = sorted(_subtract(_spans(group, path), group.allowed or ""))
    python = "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in spans)
    polars = "".join(f"\\x{{{low:x}}}-\\x{{{high:x}}}" for low, high in spans)
    notice = Notice(
        f"symbols.{group.id}",
        "block",
        Said(group.message, group.message_en),
        _LAW,
        Said(group.advice, group.advice_en),
    )
    return SymbolGroup(notice, group.is_body_only, re.compile(f"[{python}]+"), f"[{polars}]")


def _spans(group: SymbolGroupFile, path: Path) -> list[tuple[int, int]]:
    spans = [(ord(character), ord(character)) for character in group.characters or ""]
    for written in group.ranges:
        found = _RANGE.fullmatch(written)
        if found is None or int(found[1], 16) > int(found[2], 16):
            raise UsageError(f"{path}: “{written}” of the group “{group.id}” is no range; write it like U+25A0-U+25FF")
        spans.append((int(found[1], 16), int(found[2], 16)))
    return spans


def _subtract(spans: list[tuple[int, int]], allowed: str) -> list[tuple[int, int]]:
    """The spans without the allowed characters."""
    for point in map(ord, allowed):
        cut = [((low, point - 1), (point + 1, high)) if low <= point <= high else ((low, high),) for low, high in spans]
        spans = [(low, high) for parts in cut for low, high in parts if low <= high]
    return spans
