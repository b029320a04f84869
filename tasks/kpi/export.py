"""Marts as files for people: one workbook with typed cells, or CSV that a spreadsheet opens as it is.

No cell can become a formula: text that begins like one is preceded by an apostrophe.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from chuda.clock import BUSINESS_ZONE
from chuda.errors import UsageError
from chuda.files import Lang
from chuda.stores.marts import Connection
from tasks.kpi.catalog import Column, Mart, published_marts

Form = Literal["xlsx", "csv"]
MOST_ROWS_IN_A_SHEET = 200_000
FORMULA_BEGINS = "=+-@\t\r"
# Beside these, which have a row per person, everything is small enough for a workbook.
_ROW_LEVEL = ("message_fact", "contact_event", "touchpoint")


def choose_marts(names: Sequence[str]) -> tuple[Mart, ...]:
    """The published marts of these names; without names all that count, but not those with a row per person.

    Raises:
        UsageError: a name is not that of a mart.
    """
    known = {mart.name: mart for mart in published_marts()}
    for name in names:
        if name not in known:
            raise UsageError(f"there is no mart {name!r}; there are: {', '.join(known)}")
    return tuple(known[name] for name in names or [name for name in known if name not in _ROW_LEVEL])


def export_csv(marts: Connection, mart: Mart, path: Path, language: Lang) -> int:
    """Write a mart as CSV with a byte order mark, rates as fractions, times in Asia/Shanghai; returns its rows."""
    titles = _titles(mart, language)
    # The mark is part of the first title, so that the file begins with it and DuckDB can write all of it.
    titles[0] = "\ufeff" + titles[0]
    shown = ", ".join(f'{_for_csv(column)} as "{title}"' for column, title in zip(mart.columns, titles, strict=True))
    quoted = str(path).replace("'", "''")
    row = marts.execute(f"copy (select {shown} from {mart.name}) to '{quoted}' (header, delimiter ',')").fetchone()
    assert row is not None
    return int(row[0])


def export_workbook(marts: Connection, chosen: Sequence[Mart], path: Path, language: Lang) -> dict[str, int]:
    """Write marts as sheets of one workbook, with a sheet that explains every column; returns rows by mart.

    Raises:
        UsageError: a mart has more rows than a sheet should; CSV has no such bound.
    """
    for mart in chosen:
        rows = _count(marts, mart)
        if rows > MOST_ROWS_IN_A_SHEET:
            raise UsageError(f"{mart.name} has {rows:,} rows, a sheet takes {MOST_ROWS_IN_A_SHEET:,}: use --form csv")
    with xlsxwriter.Workbook(str(path), {"default_date_format": "yyyy-mm-dd hh:mm:ss"}) as book:
        formats = {name: book.add_format(each) for name, each in _FORMATS.items()}
        written = {mart.name: _write_sheet(book, formats, marts, mart, language) for mart in chosen}
        _write_meanings(book, formats, chosen, language)
    return written


_FORMATS: dict[str, dict[str, Any]] = {
    "title": {"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"},
    "rate": {"num_format": "0.00%"},
    "money": {"num_format": "#,##0.00"},
    "count": {"num_format": "#,##0"},
    "number": {"num_format": "#,##0.00"},
    "moment": {"num_format": "yyyy-mm-dd hh:mm:ss"},
    "day": {"num_format": "yyyy-mm-dd"},
    "text": {},
    "wrapped": {"text_wrap": True, "valign": "top"},
}


def _write_sheet(book: Any, formats: dict[str, Any], marts: Connection, mart: Mart, language: Lang) -> int:
    sheet = book.add_worksheet((mart.zh if language == "zh" else mart.name)[:31])
    kinds = [_kind(column) for column in mart.columns]
    for place, (title, kind) in enumerate(zip(_titles(mart, language), kinds, strict=True)):
        sheet.write_string(0, place, title, formats["title"])
        sheet.set_column(place, place, {"moment": 19, "text": 18}.get(kind, 11))
    rows = 0
    for rows, values in enumerate(_rows(marts, mart), start=1):
        for place, (value, kind) in enumerate(zip(values, kinds, strict=True)):
            _write_cell(sheet, rows, place, value, formats[kind])
    sheet.freeze_panes(1, 1)
    sheet.autofilter(0, 0, max(rows, 1), len(kinds) - 1)
    return rows


def _write_cell(sheet: Worksheet, row: int, place: int, value: Any, form: Any) -> None:
    if value is None:
        return  # what cannot be measured is an empty cell, never 0
    if isinstance(value, bool):
        sheet.write_boolean(row, place, value)
    elif isinstance(value, int | float | Decimal):
        sheet.write_number(row, place, float(value), form)
    elif isinstance(value, datetime):
        sheet.write_datetime(row, place, value.astimezone(BUSINESS_ZONE).replace(tzinfo=None), form)
    elif isinstance(value, str):
        sheet.write_string(row, place, f"'{value}" if value[:1] in FORMULA_BEGINS and value else value)
    else:
        sheet.write_datetime(row, place, value, form)


def _write_meanings(book: Any, formats: dict[str, Any], chosen: Sequence[Mart], language: Lang) -> None:
    sheet = book.add_worksheet("字段说明" if language == "zh" else "columns")
    sheet.set_column(0, 2, 20)
    sheet.set_column(3, 3, 100)
    titles = ("表", "字段", "中文名", "含义") if language == "zh" else ("table", "column", "中文名", "meaning")
    for place, title in enumerate(titles):
        sheet.write_string(0, place, title, formats["title"])
    lines = ((mart.name, column.name, column.zh, column.meaning) for mart in chosen for column in mart.columns)
    for row, line in enumerate(lines, start=1):
        for place, text in enumerate(line):
            sheet.write_string(row, place, text, formats["wrapped"])
    sheet.freeze_panes(1, 0)


def _rows(marts: Connection, mart: Mart) -> Iterator[tuple[Any, ...]]:
    cursor = marts.execute(f"select * from {mart.name} order by all")
    while block := cursor.fetchmany(5000):
        yield from block


def _kind(column: Column) -> str:
    if column.type.startswith("TIMESTAMP"):
        return "moment"
    if column.type == "DATE":
        return "day"
    if column.type in ("BIGINT", "INTEGER"):
        return "count"
    if column.type.startswith("DECIMAL"):
        return "money"
    if column.type == "DOUBLE":
        return "rate" if "rate" in column.name or "share" in column.name else "number"
    return "text"


def _titles(mart: Mart, language: Lang) -> list[str]:
    return [column.zh if language == "zh" else column.name for column in mart.columns]


def _for_csv(column: Column) -> str:
    if column.type == "VARCHAR":
        begins = FORMULA_BEGINS.replace("-", r"\-")
        return (
            f"case when regexp_matches({column.name}, '^[{begins}]') then '''' || {column.name} else {column.name} end"
        )
    if column.type.startswith("TIMESTAMP"):
        return f"strftime({column.name}, '%Y-%m-%d %H:%M:%S')"
    return column.name


def _count(marts: Connection, mart: Mart) -> int:
    row = marts.execute(f"select count(*) from {mart.name}").fetchone()
    assert row is not None
    return int(row[0])
