"""What is built and what it means: `marts/marts.yaml` read into frozen records, with the SQL beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from ruamel.yaml import YAML

MART_FOLDER = Path(__file__).parent / "marts"
Kind = Literal["table", "view", "kept", "scratch", "scratch_view", "computed"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its DuckDB type, its Chinese name and its meaning."""

    name: str
    type: str
    zh: str
    meaning: str

    @property
    def comment(self) -> str:
        """What COMMENT ON COLUMN says."""
        return f"{self.zh}：{self.meaning}"


@dataclass(frozen=True, slots=True)
class Mart:
    """One thing to build; `columns` is empty for what exists only while the marts are built."""

    name: str
    kind: Kind
    zh: str
    grain: str
    about: str
    columns: tuple[Column, ...]

    @property
    def is_published(self) -> bool:
        """Whether analysts see it."""
        return self.kind in ("table", "view")

    @property
    def comment(self) -> str:
        """What COMMENT ON TABLE says."""
        return f"{self.zh}：{self.grain}. {self.about}"

    @property
    def sql(self) -> str:
        """Its query."""
        return (MART_FOLDER / f"{self.name}.sql").read_text("utf-8")


@cache
def read_catalog() -> tuple[Mart, ...]:
    """All marts in the order in which they are built."""
    document = YAML(typ="safe").load(MART_FOLDER / "marts.yaml")
    shared = {name: entries for name, entries in document.items() if name != "marts"}
    return tuple(_read_mart(entry, shared) for entry in document["marts"])


def published_marts() -> tuple[Mart, ...]:
    """Those that analysts see."""
    return tuple(mart for mart in read_catalog() if mart.is_published)


def read_macros(name: Literal["macros", "helpers"]) -> str:
    """The published formulas (`macros`) or those of the build alone (`helpers`), as SQL statements."""
    return (MART_FOLDER / f"{name}.sql").read_text("utf-8")


def _read_mart(entry: Mapping[str, Any], shared: Mapping[str, Sequence[Any]]) -> Mart:
    return Mart(
        name=entry["name"],
        kind=entry["kind"],
        zh=entry.get("zh", ""),
        grain=entry.get("grain", ""),
        about=entry.get("about", ""),
        columns=tuple(_read_columns(entry.get("columns", ()), shared)),
    )


def _read_columns(entries: Sequence[Any], shared: Mapping[str, Sequence[Any]]) -> Iterator[Column]:
    for entry in entries:
        if isinstance(entry, Mapping):
            yield from _read_columns(shared[entry["use"]], shared)
        else:
            yield Column(*entry)
