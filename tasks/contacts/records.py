"""Orders and events cleaned: rows that belong to a person, known by phone or by the user's own member number.

The frames made here hold phone numbers in clear and never leave the process; the stage turns phones into tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import polars as pl

from chuda.clock import BUSINESS_ZONE
from tasks.contacts.batches import Batch, FieldColumn, Source, count_problems, list_problems, open_batches
from tasks.contacts.columns import ColumnMatch, TableKind
from tasks.contacts.counts import CleanCounts
from tasks.contacts.dates import read_times
from tasks.contacts.parameters import CleanParameters
from tasks.contacts.phones import read_phones
from tasks.contacts.reference import ContactReference
from tasks.contacts.rejects import PROBLEM_SCHEMA, REJECT_SCHEMA, count_reasons, reject_ragged
from tasks.contacts.text import holds_text, only_where, read_free_text, read_identifiers
from tasks.contacts.words import read_event_kinds, read_money

_MOMENT = pl.Datetime("us", str(BUSINESS_ZONE))
ORDER_SCHEMA = pl.Schema(
    {
        "order_id": pl.String(),
        "phone": pl.String(),
        "source_id": pl.String(),
        "paid_at": _MOMENT,
        "amount": pl.Decimal(12, 2),
        "discount": pl.Decimal(12, 2),
        "product": pl.String(),
        "campaign": pl.String(),
        "source_row": pl.UInt32(),
    }
)
EVENT_SCHEMA = pl.Schema(
    {
        "event_id": pl.String(),
        "phone": pl.String(),
        "source_id": pl.String(),
        "kind": pl.String(),
        "at": _MOMENT,
        "detail": pl.String(),
        "source_row": pl.UInt32(),
    }
)
# Cash registers may be a little ahead of us; appointments are made for the future.
_PAID_AHEAD = timedelta(days=1)
_EVENTS_AHEAD = timedelta(days=5 * 366)


@dataclass(frozen=True, slots=True, repr=False)
class CleanedRecords:
    """What became of a file of orders, events or do-not-contact entries.

    `records`: one row per id (`ORDER_SCHEMA`, `EVENT_SCHEMA`) or phone (`DO_NOT_CONTACT_SCHEMA`). The other frames are
    as in `CleanedContacts`; a row dropped for a newer one with its id but other content is a field problem
    (`conflicting_row`).
    """

    records: pl.DataFrame
    rejects: pl.DataFrame
    rejected_rows: pl.DataFrame
    field_problems: pl.DataFrame
    counts: CleanCounts
    match: ColumnMatch


@dataclass(frozen=True, slots=True)
class _Required:
    """A field without which a row is rejected: its reason where the cell is empty."""

    meaning: str
    missing: str


@dataclass(frozen=True, slots=True)
class _RecordKind:
    kind: TableKind
    schema: pl.Schema
    required: Sequence[_Required]
    newest_by: str
    read: Callable[[Batch, CleanParameters], list[FieldColumn]]


def clean_orders(source: Source, parameters: CleanParameters, reference: ContactReference) -> CleanedRecords:
    """Clean a file of orders (`ORDER_SCHEMA`); of rows with one order id the newest is kept.

    Raises:
        UsageError: a required column is missing or the mapping is wrong; bad rows never raise.
    """
    return _clean("orders", source, parameters, reference)


def clean_events(source: Source, parameters: CleanParameters, reference: ContactReference) -> CleanedRecords:
    """Clean a file of events (`EVENT_SCHEMA`); of rows with one event id the newest is kept. Raises like orders."""
    return _clean("events", source, parameters, reference)


def clean_record_batches(
    table: Literal["orders", "events"], source: Source, parameters: CleanParameters, reference: ContactReference
) -> Iterator[CleanedRecords]:
    """Clean a file of orders or events batch by batch, at least one; an id may stand in several. Raises as above."""
    kind = _KINDS[table]
    match, batches = open_batches(table, source, parameters, reference)
    for batch in batches:
        yield _put_together(kind, match, [_clean_batch(kind, batch, parameters, reference)], parameters)


def _read_order(batch: Batch, parameters: CleanParameters) -> list[FieldColumn]:
    return [
        FieldColumn("order_id", read_identifiers(batch.texts("order_id"))),
        FieldColumn("paid_at", read_times(batch.texts("paid_at"), parameters.now + _PAID_AHEAD)),
        batch.read("amount", read_money),
        batch.read("discount", read_money),
        batch.read("product", read_free_text),
        batch.read("campaign", read_free_text),
    ]


def _read_event(batch: Batch, parameters: CleanParameters) -> list[FieldColumn]:
    return [
        FieldColumn("event_id", read_identifiers(batch.texts("event_id"))),
        batch.read("kind", read_event_kinds),
        FieldColumn("at", read_times(batch.texts("at"), parameters.now + _EVENTS_AHEAD)),
        batch.read("detail", read_free_text),
    ]


_ORDER_NEEDS = (
    _Required("order_id", "missing_id"),
    _Required("paid_at", "missing_date"),
    _Required("amount", "missing_amount"),
)
_EVENT_NEEDS = (
    _Required("event_id", "missing_id"),
    _Required("kind", "missing_kind"),
    _Required("at", "missing_date"),
)
_KINDS = {
    "orders": _RecordKind("orders", ORDER_SCHEMA, _ORDER_NEEDS, "paid_at", _read_order),
    "events": _RecordKind("events", EVENT_SCHEMA, _EVENT_NEEDS, "at", _read_event),
}


def _clean(
    table: Literal["orders", "events"], source: Source, parameters: CleanParameters, reference: ContactReference
) -> CleanedRecords:
    kind = _KINDS[table]
    match, batches = open_batches(kind.kind, source, parameters, reference)
    return _put_together(
        kind, match, [_clean_batch(kind, batch, parameters, reference) for batch in batches], parameters
    )


@dataclass(frozen=True, slots=True, repr=False)
class _Part:
    rows: int
    records: pl.DataFrame
    rejects: pl.DataFrame
    rejected_rows: pl.DataFrame
    problems: pl.DataFrame


def _clean_batch(kind: _RecordKind, batch: Batch, parameters: CleanParameters, reference: ContactReference) -> _Part:
    person = _find_person(batch, reference)
    fields = kind.read(batch, parameters)
    values = person.hstack([field.value for field in fields])
    reasons = pl.DataFrame([person["person_reason"], *_find_faults(kind, fields)])
    verdict = reasons.select(reason=pl.coalesce(pl.all()), column=_find_column(reasons, batch.match))
    is_good = verdict["reason"].is_null()
    cells = batch.cells.with_columns(verdict).filter(~is_good)
    shown = [
        pl.when(pl.col("column") == column).then(pl.col(meaning)) for meaning, column in batch.match.columns.items()
    ]
    rejected = cells.select(
        pl.lit(parameters.source_file).alias("source_file"),
        "source_row",
        "column",
        pl.coalesce(shown).alias("cell"),
        "reason",
        pl.lit(False).alias("repaired"),
    )
    optional = [field for field in fields if field.meaning not in {each.meaning for each in kind.required}]
    kept = [FieldColumn(field.meaning, field.frame.filter(is_good)) for field in optional]
    rejects = pl.concat([rejected.cast(REJECT_SCHEMA), reject_ragged(batch.raw.ragged, parameters.source_file)])
    return _Part(
        rows=batch.cells.height + batch.raw.ragged.height,
        records=values.filter(is_good).select(pl.col(name).cast(dtype) for name, dtype in kind.schema.items()),
        rejects=rejects,
        rejected_rows=batch.raw.rows.join(rejects.select("source_row"), on="source_row", how="semi"),
        problems=list_problems(batch.cells.filter(is_good), batch.match, kept, parameters.source_file),
    )


def _find_person(batch: Batch, reference: ContactReference) -> pl.DataFrame:
    """Per row: source_row, phone, source_id, and person_reason if neither is good; source_id may hold the phone."""
    ids = read_identifiers(batch.texts("source_id"))
    cells = pl.DataFrame(
        {"row": batch.cells["source_row"], "cell": batch.texts("phone"), "id_cell": batch.texts("source_id")}
    ).with_columns(ids.rename({"value": "source_id", "problem": "id_problem"}))
    stands_in = ~holds_text(pl.col("cell")) & (pl.col("id_problem") == "holds_phone")
    cells = cells.with_columns(cell=pl.when(stands_in).then("id_cell").otherwise("cell"))
    phones = read_phones(cells.select("row", "cell"), reference.prefixes)
    why_not = phones.rejected.unique("row", keep="first", maintain_order=True).select("row", "reason")
    reason = pl.when(pl.col("reason") == "empty").then(pl.lit("no_person")).otherwise("reason")
    return (
        cells.join(phones.persons.select("row", "phone"), on="row", how="left", maintain_order="left")
        .join(why_not, on="row", how="left", maintain_order="left")
        .select(
            pl.col("row").alias("source_row"),
            "phone",
            "source_id",
            person_reason=only_where(pl.col("phone").is_null() & pl.col("source_id").is_null(), reason),
        )
    )


def _find_faults(kind: _RecordKind, fields: list[FieldColumn]) -> list[pl.Series]:
    """For each required field why a row cannot do without it."""
    by_meaning = {field.meaning: field for field in fields}
    return [
        by_meaning[each.meaning]
        .frame.select(
            pl.when(pl.col("value").is_null()).then(pl.coalesce("problem", pl.lit(each.missing))).alias(each.meaning)
        )
        .to_series()
        for each in kind.required
    ]


def _find_column(reasons: pl.DataFrame, match: ColumnMatch) -> pl.Expr:
    """The file's own name of the column of the first reason."""
    person = match.columns.get("phone", match.columns.get("source_id"))
    names = {"person_reason": person, **match.columns}
    return pl.coalesce(only_where(pl.col(name).is_not_null(), pl.lit(names[name])) for name in reasons.columns)


def _put_together(
    kind: _RecordKind, match: ColumnMatch, parts: list[_Part], parameters: CleanParameters
) -> CleanedRecords:
    records = pl.concat([part.records for part in parts])
    rejects = pl.concat([part.rejects for part in parts])
    key = next(iter(kind.schema))
    kept, dropped = _keep_newest(records, key, kind.newest_by)
    conflicts = dropped.select(
        pl.lit(parameters.source_file).alias("source_file"),
        "source_row",
        pl.lit(match.columns[key]).alias("column"),
        pl.col(key).alias("cell"),
        pl.lit("conflicting_row").alias("reason"),
    )
    problems = pl.concat([*(part.problems for part in parts), conflicts.cast(PROBLEM_SCHEMA)])
    counts = CleanCounts(
        rows=sum(part.rows for part in parts),
        kept=kept.height,
        merged=records.height - kept.height,
        rejected=rejects.height,
        rejected_by_reason=count_reasons(rejects),
        field_problems=count_problems(problems, match),
    )
    return CleanedRecords(kept, rejects, pl.concat([part.rejected_rows for part in parts]), problems, counts, match)


def _keep_newest(records: pl.DataFrame, key: str, newest_by: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One row per id, the newest; and the rows dropped for it that say something else."""
    is_repeated = records[key].is_duplicated()
    if not is_repeated.any():
        return records, records.clear()
    ordered = records.filter(is_repeated).sort(key, newest_by, "source_row")
    newest = ordered.unique(key, keep="last", maintain_order=True)
    content = [name for name in records.columns if name != "source_row"]
    different = ordered.join(newest, on=content, how="anti", nulls_equal=True)
    return pl.concat([records.filter(~is_repeated), newest]), different
