"""Blocks of CSV or TSV text become rows of strings; a row with too few or too many cells is set aside, not guessed at.

Each line gets a mark of its own as a last cell before it is parsed: a row is whole when the mark stands exactly behind
its last column.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl
from polars.exceptions import PolarsError

from tasks.contacts.raw_lines import LONGEST_CELL

_MARK = "\x1e"
ROW_SCHEMA = pl.UInt32


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the lines of a file are written: the delimiter (one ASCII character) and the number of columns."""

    delimiter: str
    width: int

    @property
    def cells(self) -> list[str]:
        """The names of the cells of a parsed row."""
        return [f"cell_{place}" for place in range(self.width)]


@dataclass(frozen=True, slots=True, repr=False)
class Records:
    """Parsed rows: `rows` has source_row (line of the file, from 1) and a String per cell; `ragged` has the text."""

    rows: pl.DataFrame
    ragged: pl.DataFrame


def parse_block(block: bytes, numbers: pl.Series, dialect: Dialect) -> Records:
    """Parse whole lines of UTF-8 text, whose numbers in the file are given (UInt32); blank lines are no rows."""
    has_quotes = b'"' in block
    parsed = _parse_if_regular(block, dialect) if has_quotes else _parse(block, dialect, quoted=False)
    if parsed is None:
        return _parse_irregular(block, numbers, dialect)
    numbered = parsed.insert_column(0, numbers.alias("source_row"))
    is_whole = pl.col("mark") == _MARK
    is_broken = numbered.select(~is_whole.fill_null(False) & ~_is_blank_line(dialect)).to_series()
    rows = numbered.filter(is_whole & pl.any_horizontal(pl.col(dialect.cells).is_not_null())).drop("mark")
    return Records(rows, _take_lines(block, is_broken, numbers))


def _parse(block: bytes, dialect: Dialect, *, quoted: bool) -> pl.DataFrame:
    """The cells of every line and what stands behind them (`mark`); raises `PolarsError` for stray quotation marks."""
    marked = block.replace(b"\n", f"{dialect.delimiter}{_MARK}\n".encode())
    return pl.read_csv(
        marked,
        has_header=False,
        schema=dict.fromkeys([*dialect.cells, "mark"], pl.String),
        separator=dialect.delimiter,
        quote_char='"' if quoted else None,
        extra_columns="ignore",
        missing_columns="insert",
    )


def _parse_if_regular(block: bytes, dialect: Dialect) -> pl.DataFrame | None:
    """The rows where every quoted cell ends on its own line and no row is ragged; else None."""
    try:
        parsed = _parse(block, dialect, quoted=True)
    except PolarsError:
        return None
    is_regular = parsed.height == block.count(b"\n")
    broken = parsed.filter((pl.col("mark") != _MARK).fill_null(True) & ~_is_blank_line(dialect)).height
    return parsed if is_regular and broken == 0 else None


def _is_blank_line(dialect: Dialect) -> pl.Expr:
    """Of a line without anything only the mark is left, as the second cell."""
    second = pl.col("mark" if dialect.width == 1 else "cell_1")
    return (pl.col("cell_0").is_null() & (second == _MARK)).fill_null(False)


def _take_lines(block: bytes, is_taken: pl.Series, numbers: pl.Series) -> pl.DataFrame:
    if not is_taken.any():
        return pl.DataFrame(schema={"source_row": ROW_SCHEMA, "text": pl.String})
    lines = pl.DataFrame({"source_row": numbers, "text": pl.read_lines(block)["line"]})
    return lines.filter(is_taken)


def _parse_irregular(block: bytes, numbers: pl.Series, dialect: Dialect) -> Records:
    """Cells with line breaks inside, stray quotation marks, ragged rows: sort the lines first, then parse each sort."""
    lines = pl.read_lines(block, name="text").insert_column(0, numbers.alias("source_row"))
    lines = _join_open_cells(lines, dialect)
    is_well_formed = pl.col("text").str.contains(_record_pattern(dialect.delimiter))
    parts = []
    for quoted, part in ((True, lines.filter(is_well_formed)), (False, lines.filter(~is_well_formed))):
        if part.height:
            text = (part["text"].str.join("\n").item() + "\n").encode()
            # A line break inside a cell would be marked like a line end; it stands for itself again afterwards.
            parts.append(pl.concat([part, _parse(text, dialect, quoted=quoted)], how="horizontal"))
    parsed = pl.concat(parts).sort("source_row")
    is_whole = (pl.col("mark") == _MARK).fill_null(False)
    has_cell = pl.any_horizontal(pl.col(dialect.cells).is_not_null())
    inside = f"{dialect.delimiter}{_MARK}\n"
    return Records(
        parsed.filter(is_whole & has_cell).select(
            "source_row", pl.col(dialect.cells).str.replace_all(inside, "\n", literal=True)
        ),
        parsed.filter(~is_whole & ~_is_blank_line(dialect)).select("source_row", "text"),
    )


def _join_open_cells(lines: pl.DataFrame, dialect: Dialect) -> pl.DataFrame:
    """Put the lines of a quoted cell with line breaks together, where they make one well-formed row of the right width.

    A line that opens a cell goes with the next line that closes one, if none opens another in between. Whatever does
    not come out well-formed is left as single lines, so that one stray mark costs one line.
    """
    cell, sep = _cell_pattern(dialect.delimiter), re.escape(dialect.delimiter)
    text = pl.col("text")
    marks = lines.lazy().with_columns(is_record=text.str.contains(_record_pattern(dialect.delimiter)))
    opens = ~pl.col("is_record") & text.str.contains(rf'^(?:{cell}{sep})*"(?:[^"]|"")*$')
    closes = ~pl.col("is_record") & text.str.contains(rf'^(?:[^"]|"")*"(?:{sep}{cell})*$')
    events = marks.with_columns(opens=opens, closes=closes).filter(pl.col("opens") | pl.col("closes"))
    starts = _settle_either(events).with_columns(
        last=pl.col("source_row").shift(-1), is_pair=~pl.col("ends_cell") & pl.col("ends_cell").shift(-1)
    )
    is_near = pl.col("last") - pl.col("source_row") <= LONGEST_CELL
    pairs = starts.filter("is_pair", is_near).select(first="source_row", last="last")
    return _join_spans(lines, pairs.collect(), dialect)


def _settle_either(events: pl.LazyFrame) -> pl.LazyFrame:
    """Add `ends_cell`. A line that ends in its only mark could open or close a cell: such lines take turns.

    In a row of them the first closes where the line before it opens a cell, and else opens one.
    """
    either = pl.col("opens") & pl.col("closes")
    return (
        events.with_columns(
            either=either,
            stretch=(either != either.shift(1)).fill_null(True).cum_sum(),
            is_open=(pl.col("opens") & ~pl.col("closes")).shift(1).fill_null(False),
        )
        .with_columns(turn=pl.int_range(pl.len()).over("stretch"), is_open=pl.col("is_open").first().over("stretch"))
        .with_columns(
            ends_cell=pl.when("either").then((pl.col("turn") % 2 == 0) == pl.col("is_open")).otherwise("closes")
        )
    )


def _join_spans(lines: pl.DataFrame, spans: pl.DataFrame, dialect: Dialect) -> pl.DataFrame:
    if spans.is_empty():
        return lines
    inside = lines.join_asof(spans, left_on="source_row", right_on="first", strategy="backward").filter(
        pl.col("source_row") <= pl.col("last")
    )
    joined = inside.group_by("first", "last", maintain_order=True).agg(pl.col("text").str.join("\n"))
    good = joined.filter(pl.col("text").str.contains(_record_pattern(dialect.delimiter, dialect.width)))
    taken = inside.join(good, on="first", how="semi").select("source_row")
    whole = good.select(pl.col("first").alias("source_row"), "text")
    return pl.concat([lines.join(taken, on="source_row", how="anti"), whole]).sort("source_row")


def _cell_pattern(delimiter: str) -> str:
    """A well-formed cell: quoted, with the marks inside it doubled, or without any mark."""
    return rf'(?:"(?:[^"]|"")*"|[^"{re.escape(delimiter)}]*)'


def _record_pattern(delimiter: str, width: int | None = None) -> str:
    """A whole row of well-formed cells, of any width or of that one; line breaks may stand in quoted cells."""
    cell, sep = _cell_pattern(delimiter), re.escape(delimiter)
    more = "*" if width is None else f"{{{width - 1}}}"
    return rf"\A{cell}(?:{sep}{cell}){more}\z"
