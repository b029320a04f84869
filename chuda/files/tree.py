"""The text of a YAML file as plain values, with the line and column of every key and value.

Only the part of YAML that means one thing to everybody: one document, mappings, lists, scalars. Anchors, aliases, tags,
merge keys and duplicate keys are refused by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from ruamel.yaml.reader import ReaderError

from chuda.files.diagnosis import NotYaml, diagnose
from chuda.files.problems import Finding, Loc
from chuda.files.scalars import read_plain, refuse_plain

MAX_DEPTH = 20
Style = Literal["plain", "'", '"', "|", ">", "mapping", "list"]


class Refused:
    """Stands where a value was refused, so that nobody complains about it twice."""


REFUSED = Refused()


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a key or value begins and ends (lines and columns from 1) and how it is written."""

    line: int
    column: int
    end_line: int
    style: Style
    raw: str


@dataclass(slots=True)
class Tree:
    """A file's values (`data`), the place of each value and key by path, and what was refused on the way."""

    data: Any = None
    values: dict[Loc, Spot] = field(default_factory=dict)
    keys: dict[Loc, Spot] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


@lru_cache(maxsize=64)
def read_tree(text: str) -> Tree:
    """Read YAML text; raises `NotYaml` with a place when it cannot be read at all.

    One run reads the same records many times, and parsing costs 20 ms a page: the tree is kept; nobody changes it.
    """
    try:
        return _Builder(text).build()
    except ReaderError as error:
        before = text[: error.position]
        line = before.count("\n") + 1
        raise NotYaml("control_character", line, len(before) - before.rfind("\n")) from None
    except MarkedYAMLError as error:
        raise diagnose(text.splitlines(), error) from None
    except YAMLError:
        raise NotYaml("not_yaml", 1, 1) from None


class _Builder:
    """Turns the parser's events into a tree; one per file."""

    def __init__(self, text: str) -> None:
        self._events: Iterator[Event] = YAML(typ="safe", pure=True).parse(text)
        self._tree = Tree()

    def build(self) -> Tree:
        """Read the one document of the file."""
        documents = 0
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise NotYaml("several_documents", event.start_mark.line + 1, 1)
                self._tree.data = self._read(next(self._events), ())
            elif isinstance(event, StreamEndEvent):
                break
        if documents == 0:
            raise NotYaml("empty_file", 1, 1)
        return self._tree

    def _read(self, event: Event, loc: Loc) -> Any:
        if len(loc) > MAX_DEPTH:
            raise NotYaml("nested_too_deeply", event.start_mark.line + 1, event.start_mark.column + 1)
        if isinstance(event, AliasEvent):
            self._tree.values[loc] = _spot(event, "plain", "")
            return self._refuse(loc, "yaml_anchor")
        marked = self._refuse_marks(event, loc)
        if isinstance(event, MappingStartEvent):
            value: Any = self._read_mapping(event, loc)
        elif isinstance(event, SequenceStartEvent):
            value = self._read_list(event, loc)
        else:
            value = self._read_scalar(event, loc)
        return REFUSED if marked else value

    def _refuse_marks(self, event: Event, loc: Loc) -> bool:
        """Refuse an anchor or a tag: they let a file say other things than one sees."""
        assert isinstance(event, NodeEvent)
        if event.anchor is not None:
            self._refuse(loc, "yaml_anchor")
        elif getattr(event, "ctag", None) is not None:
            self._refuse(loc, "yaml_tag")
        else:
            return False
        return True

    def _read_mapping(self, start: MappingStartEvent, loc: Loc) -> dict[str, Any]:
        self._tree.values[loc] = _spot(start, "mapping", "{…}")
        found: dict[str, Any] = {}
        for event in self._events:
            if isinstance(event, MappingEndEvent):
                break
            if not isinstance(event, ScalarEvent) or event.anchor is not None or event.ctag is not None:
                raise NotYaml("odd_key", event.start_mark.line + 1, event.start_mark.column + 1)
            self._read_entry(event, loc, found)
        return found

    def _read_entry(self, key: ScalarEvent, loc: Loc, found: dict[str, Any]) -> None:
        name: str = key.value
        here = (*loc, name)
        spot = _spot(key, _style(key), name)
        if name == "<<" and spot.style == "plain":
            self._tree.keys[here] = spot
            self._tree.findings.append(Finding(here, "yaml_merge", on_key=True))
            self._read(next(self._events), here)
        elif name in found:
            first = self._tree.keys[here]
            # Under a path that no model asks for, so that the first value keeps its place.
            shadow = (*loc, f"{name}\0{key.start_mark.line}")
            self._tree.keys[shadow] = spot
            self._tree.findings.append(
                Finding(shadow, "duplicate_key", {"key": name, "first": str(first.line)}, on_key=True)
            )
            self._read(next(self._events), shadow)
        else:
            self._tree.keys[here] = spot
            found[name] = self._read(next(self._events), here)

    def _read_list(self, start: SequenceStartEvent, loc: Loc) -> list[Any]:
        self._tree.values[loc] = _spot(start, "list", "[…]")
        found: list[Any] = []
        for event in self._events:
            if isinstance(event, SequenceEndEvent):
                break
            found.append(self._read(event, (*loc, len(found))))
        return found

    def _read_scalar(self, event: Event, loc: Loc) -> Any:
        assert isinstance(event, ScalarEvent)
        raw: str = event.value
        style = _style(event)
        self._tree.values[loc] = _spot(event, style, raw)
        if style != "plain":
            return raw
        code = refuse_plain(raw)
        return self._refuse(loc, code) if code else read_plain(raw)

    def _refuse(self, loc: Loc, code: str) -> Refused:
        self._tree.findings.append(
            Finding(loc, code, {"raw": self._tree.values[loc].raw} if loc in self._tree.values else {})
        )
        return REFUSED


def _style(event: ScalarEvent) -> Style:
    styles: dict[str | None, Style] = {"'": "'", '"': '"', "|": "|", ">": ">"}
    return styles.get(event.style, "plain")


def _spot(event: Event, style: Style, raw: str) -> Spot:
    start, end = event.start_mark, event.end_mark
    return Spot(start.line + 1, start.column + 1, end.line + 1, style, raw)
