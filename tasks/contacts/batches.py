"""From the rows of a file to columns by meaning, batch by batch; and fields read with what was wrong in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from tasks.contacts.columns import ColumnMatch, TableKind, match_columns
from tasks.contacts.parameters import CleanParameters
from tasks.contacts.reading import RawBatch, RawRows
from tasks.contacts.reference import ContactReference
from tasks.contacts.rejects import PROBLEM_SCHEMA
from tasks.contacts.text import Reader, read_once

Source = RawRows | pl.DataFrame
"""A file as opened by `open_rows`, or a frame of strings with `source_row` (UInt32) and the columns of a file."""


@dataclass(frozen=True, slots=True, repr=False)
class FieldColumn:
    """One field of a batch: `frame` has value, problem and perhaps more columns; one row per row of the batch."""

    meaning: str
    frame: pl.DataFrame

    @property
    def value(self) -> pl.Series:
        """The values, named after the meaning."""
        return self.frame["value"].alias(self.meaning)


@dataclass(frozen=True, slots=True, repr=False)
class Batch:
    """A batch by meaning: `cells` has source_row and one String column per known meaning; `raw` is as it was read."""

    match: ColumnMatch
    cells: pl.DataFrame
    raw: RawBatch

    def texts(self, meaning: str) -> pl.Series:
        """The cells of a meaning; NULLs if the file has no such column."""
        if self.match.has(meaning):
            return self.cells[meaning]
        return pl.Series(meaning, [None], pl.String).new_from_index(0, self.cells.height)

    def read(self, meaning: str, reader: Reader, *more: str) -> FieldColumn:
        """Read a field with a reader; `more` names columns the reader gives beside value and problem."""
        return FieldColumn(meaning, read_once(self.texts(meaning), reader, ("value", "problem", *more)))


def open_batches(
    kind: TableKind, source: Source, parameters: CleanParameters, reference: ContactReference
) -> tuple[ColumnMatch, Iterator[Batch]]:
    """Match the columns of a source at once (raises `UsageError`), then give its batches, at least one."""
    columns = (
        source.columns if isinstance(source, RawRows) else [name for name in source.columns if name != "source_row"]
    )
    match = match_columns(kind, columns, reference.headers, parameters.mapping)

    def iterate() -> Iterator[Batch]:
        empty = pl.DataFrame(schema={"source_row": pl.UInt32, **dict.fromkeys(columns, pl.String)})
        batches = source.iterate() if isinstance(source, RawRows) else iter([RawBatch(source)])
        raw = next(batches, RawBatch(empty))
        yield _by_meaning(match, raw)
        for raw in batches:
            yield _by_meaning(match, raw)

    return match, iterate()


def list_problems(rows: pl.DataFrame, match: ColumnMatch, fields: list[FieldColumn], source_file: str) -> pl.DataFrame:
    """The fields that became NULL (`PROBLEM_SCHEMA`); `rows` has source_row and the cells the fields were read from."""
    found = [
        pl.DataFrame({"source_row": rows["source_row"], "cell": rows[field.meaning], "reason": field.frame["problem"]})
        .filter(pl.col("reason").is_not_null())
        .select(
            pl.lit(source_file).alias("source_file"),
            "source_row",
            pl.lit(match.columns[field.meaning]).alias("column"),
            "cell",
            "reason",
        )
        for field in fields
        if match.has(field.meaning) and field.frame["problem"].null_count() < rows.height
    ]
    return pl.concat([pl.DataFrame(schema=PROBLEM_SCHEMA), *found])


def count_problems(problems: pl.DataFrame, match: ColumnMatch) -> dict[str, int]:
    """How many field problems there are by meaning and reason, as `birthday.unreadable_date`."""
    meanings = {column: meaning for meaning, column in match.columns.items()}
    counted = problems.group_by("column", "reason").len().iter_rows()
    return {f"{meanings[column]}.{reason}": count for column, reason, count in counted}


def _by_meaning(match: ColumnMatch, raw: RawBatch) -> Batch:
    chosen = {meaning: pl.col(column) for meaning, column in match.columns.items()}
    return Batch(match, raw.rows.select("source_row", **chosen), raw)
