"""Orders and events that belong to nobody we know, or to somebody who was erased: rejected, with their rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from tasks.contacts.columns import ColumnMatch
from tasks.contacts.counts import CleanCounts, add_mappings
from tasks.contacts.merging import RecordTable
from tasks.contacts.opening import Opened
from tasks.contacts.reading import RawRows
from tasks.contacts.records import CleanedRecords
from tasks.contacts.rejects import REJECT_SCHEMA


def list_unresolved(
    connection: Any, kind: RecordTable, match: ColumnMatch | None, opened: Opened
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rejects for rows of nobody known, after `merge_records` has named them, and the rows as they stand there."""
    stem = kind.removesuffix("s")
    rows: pl.DataFrame = connection.execute(f"SELECT source_row, source_id FROM {stem}_unresolved").pl()
    column = match.columns.get("source_id") if match else None
    rejects = _rejects(rows, opened.name, column, "unknown_person")
    return rejects, _reread(opened.rows, rejects["source_row"]) if rejects.height else pl.DataFrame()


def hold_back_erased(
    cleaned: CleanedRecords, records: pl.DataFrame, erased: Sequence[str], source_file: str
) -> tuple[CleanedRecords, pl.DataFrame]:
    """The account and the records (with token) without those of erased people, who are named by line only."""
    is_erased = pl.col("token").is_in(pl.Series(erased, dtype=pl.String).implode()).fill_null(False)
    gone = records.filter(is_erased)
    if gone.is_empty():
        return cleaned, records
    named = gone.select("source_row", source_id=pl.lit(None, pl.String))
    return _reject(cleaned, _rejects(named, source_file, None, "erased")), records.filter(~is_erased)


def _reject(cleaned: CleanedRecords, rejects: pl.DataFrame) -> CleanedRecords:
    counts, count, reason = cleaned.counts, rejects.height, rejects["reason"][0]
    return replace(
        cleaned,
        rejects=pl.concat([cleaned.rejects, rejects]),
        counts=CleanCounts(
            rows=counts.rows,
            extra_numbers=counts.extra_numbers,
            kept=counts.kept - count,
            merged=counts.merged,
            alternates=counts.alternates,
            rejected=counts.rejected + count,
            rejected_by_reason=add_mappings([counts.rejected_by_reason, {reason: count}]),
            repairs=counts.repairs,
            field_problems=counts.field_problems,
        ),
    )


def _rejects(rows: pl.DataFrame, source_file: str, column: str | None, reason: str) -> pl.DataFrame:
    """Rejects (`REJECT_SCHEMA`) for rows (source_row, source_id)."""
    return rows.select(
        source_file=pl.lit(source_file),
        source_row="source_row",
        column=pl.lit(column),
        cell="source_id",
        reason=pl.lit(reason),
        repaired=pl.lit(False),
    ).cast(dict(REJECT_SCHEMA))  # type: ignore[arg-type]


def _reread(source: RawRows, numbers: pl.Series) -> pl.DataFrame:
    """The rows with these numbers as they stand in the file; it is read a second time, so that none need be kept."""
    wanted = numbers.to_frame("source_row")
    return pl.concat([batch.rows.join(wanted, on="source_row", how="semi") for batch in source.iterate()])
