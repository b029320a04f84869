"""The data dictionary: the catalog as a page. `python -m tasks.kpi.dictionary` writes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tasks.kpi.catalog import Mart, published_marts

DICTIONARY = Path(__file__).resolve().parents[2] / "docs" / "data_dictionary.md"
_HEAD = """# Data dictionary / 数据字典

What is in `marts.duckdb`. Written by `python -m tasks.kpi.dictionary` from `tasks/kpi/marts/marts.yaml`, the same
source as the comments in the file itself (`select comment from duckdb_columns()`); do not edit.

Rates are fractions (0-1), money is DECIMAL in CNY, times are TIMESTAMP WITH TIME ZONE (Asia/Shanghai for days, weeks
and hours). What cannot be measured is NULL, never 0. Nobody is named: `token` stands for a phone number.
The formulas `rate(x, n)`, `wilson_low(x, n)` and `wilson_high(x, n)` (95%) are in the file as macros.
"""


def render_dictionary() -> str:
    """The page as Markdown."""
    return "\n".join([_HEAD, *_contents(), *(line for mart in published_marts() for line in _section(mart))])


def write_dictionary(path: Path = DICTIONARY) -> None:
    """Write the page to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_dictionary(), "utf-8")


def _contents() -> Iterator[str]:
    yield "| table | | grain |"
    yield "| --- | --- | --- |"
    for mart in published_marts():
        yield f"| [{mart.name}](#{mart.name}) | {mart.zh} | {mart.grain} |"
    yield ""


def _section(mart: Mart) -> Iterator[str]:
    yield f"## {mart.name}"
    yield ""
    yield f"{mart.zh} ({mart.kind}): {mart.grain}. {mart.about}"
    yield ""
    yield "| column | 中文 | type | meaning |"
    yield "| --- | --- | --- | --- |"
    for column in mart.columns:
        meaning = column.meaning.replace("|", r"\|")
        yield f"| `{column.name}` | {column.zh} | {column.type} | {meaning} |"
    yield ""


if __name__ == "__main__":
    write_dictionary()
