"""A contact file of any kind, read as strings: CSV and TSV in several encodings, Excel, Parquet.

What kind a file is, its bytes say, not its name. Nothing here knows what columns mean, and nothing is written to disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

import fastexcel
import numpy as np
import numpy.typing as npt
import polars as pl
from polars.exceptions import PanicException, PolarsError

from chuda.clock import BUSINESS_ZONE
from chuda.errors import UsageError
from tasks.contacts.columns import HeaderNames, count_known_headers
from tasks.contacts.delimited import Dialect, parse_block
from tasks.contacts.encodings import SAMPLE_BYTES, Encoding, TextBlock, detect_encoding, iterate_blocks
from tasks.contacts.layout import Layout, find_layout, find_text_layout
from tasks.contacts.raw_lines import Mask, Prints, RawLines, fingerprint_rows

BLOCK_BYTES = 32 << 20
_BATCH_ROWS = 300_000
_LAYOUT_ROWS = 200
_HEAD_ROWS = 25
_SNIFFED_CHARACTERS = 1 << 16
_SPREADSHEET = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_UNSUITABLE = {
    b"\x1f\x8b": "is compressed; unpack it first",
    b"Rar!": "is an archive; unpack it first",
    b"7z\xbc\xaf": "is an archive; unpack it first",
    b"%PDF": "is a PDF; export the list as .csv or .xlsx",
}
_WEB_PAGE = (b"<html", b"<!doctype", b"<table", b"<?xml", b"<meta")

FileKind = Literal["text", "excel", "parquet", "sql"]
Choose = Callable[[npt.NDArray[np.uint32], Prints], Mask]
"""Which rows to read, by their numbers and fingerprints (0 for one that has none by itself)."""


@dataclass(frozen=True, slots=True, repr=False)
class RawBatch:
    """A part of a file: `rows` (source_row UInt32, then one String column per column) and `ragged` (source_row, text).

    source_row counts the lines (text) or rows (Excel, Parquet) of the file from 1, the header included.
    """

    rows: pl.DataFrame
    ragged: pl.DataFrame = field(default_factory=lambda: no_ragged_rows())


@dataclass(frozen=True, slots=True)
class RawRows:
    """An opened file: what it is, its columns, and its rows batch by batch, each time from the beginning.

    `iterate_chosen`, where there is one, leaves rows out before it takes them apart.
    """

    path: Path
    kind: FileKind
    layout: Layout
    encoding: Encoding | None
    iterate: Callable[[], Iterator[RawBatch]]
    iterate_chosen: Callable[[Choose], Iterator[RawBatch]] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the file; those without a header are called `column_1` and so on."""
        return self.layout.columns

    def choose(self, choose: Choose) -> RawRows:
        """The same file with only the rows that are chosen; ragged rows have a fingerprint only in text files."""
        chosen = self.iterate_chosen
        if chosen is not None:
            return replace(self, iterate=lambda: chosen(choose), iterate_chosen=None)
        return replace(self, iterate=lambda: (self._choose_from(batch, choose) for batch in self.iterate()))

    def _choose_from(self, batch: RawBatch, choose: Choose) -> RawBatch:
        prints = fingerprint_rows(batch.rows.select(self.columns))
        keep = choose(batch.rows["source_row"].to_numpy(), prints)
        return RawBatch(batch.rows.filter(pl.Series(keep)), batch.ragged)


def no_ragged_rows() -> pl.DataFrame:
    """The frame of ragged rows when there are none: source_row, text."""
    return pl.DataFrame(schema={"source_row": pl.UInt32, "text": pl.String})


def open_rows(path: Path, names: HeaderNames, *, sheet: str | None = None, block_bytes: int = BLOCK_BYTES) -> RawRows:
    """Find out what a file is and how it is laid out; its rows are read when they are iterated.

    `sheet` names the sheet of a workbook (default: the first visible one with rows); `block_bytes` bounds how much text
    is in memory at a time.

    Raises:
        UsageError: the file does not exist, is empty, or is no table; the message names the file and says what to do.
    """
    try:
        with path.open("rb") as file:
            sample = file.read(SAMPLE_BYTES)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); check the path and its permissions") from None
    if not sample.strip():
        raise UsageError(f"{path}: the file is empty")
    if sample.startswith(b"PAR1"):
        return _open_parquet(path)
    if sample.startswith(_SPREADSHEET):
        return _open_excel(path, names, sheet)
    _refuse_unsuitable(path, sample)
    return _open_text(path, sample, names, block_bytes)


def _refuse_unsuitable(path: Path, sample: bytes) -> None:
    for mark, advice in _UNSUITABLE.items():
        if sample.startswith(mark):
            raise UsageError(f"{path}: the file {advice}")
    if sample.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \r\n\t").lower().startswith(_WEB_PAGE):
        raise UsageError(f"{path}: this is a web page, whatever its name says; open it in Excel and save it as .xlsx")


def _open_text(path: Path, sample: bytes, names: HeaderNames, block_bytes: int) -> RawRows:
    encoding = detect_encoding(sample, str(path))
    beginning = next((block.text for block in iterate_blocks(path, encoding, SAMPLE_BYTES)), b"").decode(
        "utf-8", "replace"
    )
    if not beginning.strip():
        raise UsageError(f"{path}: the file is empty")
    layout = find_text_layout(beginning[:_SNIFFED_CHARACTERS], names)

    def iterate(choose: Choose | None = None) -> Iterator[RawBatch]:
        wanted = None if choose is None else partial(_choose_lines, choose, layout.header_row)
        for block in _gather(iterate_blocks(path, encoding, block_bytes, wanted), block_bytes):
            yield _parse(path, block, layout)

    return RawRows(path, "text", layout, encoding, iterate, iterate)


def _choose_lines(choose: Choose, header_row: int, lines: RawLines) -> Mask:
    """Which lines are read: those of data that are chosen."""
    is_data = lines.numbers > header_row
    keep = np.zeros(len(lines), dtype=np.bool_)
    keep[is_data] = choose(lines.numbers[is_data], lines.fingerprints()[is_data])
    return keep


def _gather(blocks: Iterator[TextBlock], size: int) -> Iterator[TextBlock]:
    """Blocks of which little is left put together, until they have about `size` bytes."""
    held: list[TextBlock] = []
    for block in blocks:
        held.append(block)
        if sum(len(each.text) for each in held) * 2 > size:
            yield _together(held)
            held = []
    if held:
        yield _together(held)


def _together(blocks: list[TextBlock]) -> TextBlock:
    if len(blocks) == 1:
        return blocks[0]
    return TextBlock(b"".join(block.text for block in blocks), pl.concat([block.numbers for block in blocks]))


def _parse(path: Path, block: TextBlock, layout: Layout) -> RawBatch:
    dialect = Dialect(layout.delimiter, len(layout.columns))
    try:
        records = parse_block(block.text, block.numbers, dialect)
    except PolarsError:
        # The parser's own message shows cells.
        lines = f"{block.numbers[0]} to {block.numbers[-1]}"
        raise UsageError(f"{path}: lines {lines} cannot be read as a table") from None
    is_data = pl.col("source_row") > layout.header_row
    rows = records.rows.rename(dict(zip(dialect.cells, layout.columns, strict=True)))
    return RawBatch(rows.filter(is_data), records.ragged.filter(is_data))


def _open_excel(path: Path, names: HeaderNames, sheet: str | None) -> RawRows:
    try:
        cells = _load_sheet(fastexcel.read_excel(path), path, names, sheet)
    except fastexcel.FastExcelError:
        raise UsageError(
            f"{path}: cannot be opened as a workbook; it may be damaged, locked with a password, or a zip archive. "
            "Open it in Excel or WPS and save it as .xlsx"
        ) from None
    layout = find_layout([tuple(row) for row in cells.head(_LAYOUT_ROWS).iter_rows()], names)
    rows = (
        cells.rename(dict(zip(cells.columns, layout.columns, strict=True)))
        .with_row_index("source_row", 1)
        .cast({"source_row": pl.UInt32})
        .slice(layout.header_row)
        .filter(pl.any_horizontal(pl.col(layout.columns).str.strip_chars().fill_null("") != ""))
    )
    return RawRows(path, "excel", layout, None, lambda: (RawBatch(part) for part in rows.iter_slices(_BATCH_ROWS)))


def _load_sheet(workbook: fastexcel.ExcelReader, path: Path, names: HeaderNames, sheet: str | None) -> pl.DataFrame:
    """All cells of a sheet as strings, without its first rows left out: row 1 is row 1."""
    if sheet is not None and sheet not in workbook.sheet_names:
        raise UsageError(f"{path}: there is no sheet “{sheet}”; the sheets are: {', '.join(workbook.sheet_names)}")
    chosen = sheet or _choose_sheet(workbook, names)
    if chosen is None:
        raise UsageError(f"{path}: no visible sheet of the workbook has rows")
    return workbook.load_sheet(chosen, header_row=None, skip_rows=0, dtypes="string").to_polars()


def _choose_sheet(workbook: fastexcel.ExcelReader, names: HeaderNames) -> str | None:
    """The visible sheet with the most known headers in its first rows, the first of equals; None if all are empty."""
    found: dict[str, int] = {}
    for name in workbook.sheet_names:
        head = workbook.load_sheet(name, header_row=None, skip_rows=0, n_rows=_HEAD_ROWS, dtypes="string")
        if head.visible == "visible" and head.height:
            columns = find_layout([tuple(row) for row in head.to_polars().iter_rows()], names).columns
            found[name] = count_known_headers(columns, names)
    return max(found, key=lambda name: found[name], default=None)


def _open_parquet(path: Path) -> RawRows:
    try:
        frame = pl.scan_parquet(path, glob=False)
        schema = frame.collect_schema()
    except (PolarsError, PanicException, OSError):
        raise UsageError(f"{path}: the Parquet file cannot be read; it may be damaged. Write it again") from None
    columns = {name: _as_text(name, dtype) for name, dtype in schema.items() if name != "source_row"}
    texts = [expression for expression in columns.values() if expression is not None]
    layout = Layout(tuple(name for name, expression in columns.items() if expression is not None), 0)

    def iterate() -> Iterator[RawBatch]:
        start = 0
        while True:
            part = frame.slice(start, _BATCH_ROWS).select(texts).collect()
            if part.is_empty():
                return
            yield RawBatch(part.with_row_index("source_row", start + 1).cast({"source_row": pl.UInt32}))
            start += part.height

    return RawRows(path, "parquet", layout, None, iterate)


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr | None:
    """A column as text: lists joined by commas, times in Asia/Shanghai; None for what cannot be one cell."""
    column = pl.col(name)
    if isinstance(dtype, pl.List):
        return None if dtype.inner.is_nested() else column.cast(pl.List(pl.String)).list.join(",", ignore_nulls=True)
    if dtype.is_nested() or dtype in (pl.Binary, pl.Object):
        return None
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        return column.dt.convert_time_zone(str(BUSINESS_ZONE)).dt.replace_time_zone(None).cast(pl.String)
    return column.cast(pl.String)
