"""Orders and events that belong to nobody we know, or to somebody who was erased: rejected, with their rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from tasks.contacts.counts import CleanCounts, add_mappings
from tasks.contacts.merging import RecordTable
from tasks.contacts.opening import Opened
from tasks.contacts.reading import RawRows
from tasks.contacts.records import CleanedRecords
from tasks.contacts.rejects import REJECT_SCHEMA


def reject_unresolved(connection: Any, kind: RecordTable, cleaned: CleanedRecords, opened: Opened) -> CleanedRecords:
    """The account with the rows of nobody known rejected, after `merge_records` has named them."""
    stem = kind.removesuffix("s")
    rows: pl.DataFrame = connection.execute(f"SELECT source_row, source_id FROM {stem}_unresolved").pl()
    if rows.is_empty():
        return cleaned
    column = cleaned.match.columns.get("source_id")
    return _reject(cleaned, _rejects(rows, opened.name, column, "unknown_person"), opened.rows)


def hold_back_erased(
    cleaned: CleanedRecords, records: pl.DataFrame, erased: Sequence[str], source_file: str
) -> tuple[CleanedRecords, pl.DataFrame]:
    """The account and the records (with token) without those of erased people, who are named by line only."""
    is_erased = pl.col("token").is_in(pl.Series(erased, dtype=pl.String).implode()).fill_null(False)
    gone = records.filter(is_erased)
    if gone.is_empty():
        return cleaned, records
    named = gone.select("source_row", source_id=pl.lit(None, pl.String))
    return _reject(cleaned, _rejects(named, source_file, None, "erased"), None), records.filter(~is_erased)


def _reject(cleaned: CleanedRecords, rejects: pl.DataFrame, source: RawRows | None) -> CleanedRecords:
    counts, count, reason = cleaned.counts, rejects.height, rejects["reason"][0]
    again = [_reread(source, rejects["source_row"])] if source else []
    return replace(
        cleaned,
        rejects=pl.concat([cleaned.rejects, rejects]),
        rejected_rows=pl.concat([cleaned.rejected_rows, *again]),
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
