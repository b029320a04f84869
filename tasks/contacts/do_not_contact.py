"""A do-not-contact list cleaned: every number that can be read in it counts, also from rows that are damaged otherwise.

The frames made here hold phone numbers in clear and never leave the process; the stage turns phones into tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import polars as pl

from chuda.clock import BUSINESS_ZONE
from tasks.contacts.batches import Batch, FieldColumn, Source, count_problems, list_problems, open_batches
from tasks.contacts.counts import CleanCounts, add_mappings
from tasks.contacts.dates import read_times
from tasks.contacts.parameters import CleanParameters
from tasks.contacts.phones import PhoneReading, read_phones
from tasks.contacts.records import CleanedRecords
from tasks.contacts.reference import ContactReference
from tasks.contacts.rejects import count_reasons, reject_cells, reject_ragged
from tasks.contacts.text import read_free_text

DO_NOT_CONTACT_SCHEMA = pl.Schema(
    {
        "phone": pl.String(),
        "reason": pl.String(),
        "at": pl.Datetime("us", str(BUSINESS_ZONE)),
        "source_row": pl.UInt32(),
    }
)


def clean_do_not_contact(source: Source, parameters: CleanParameters, reference: ContactReference) -> CleanedRecords:
    """Clean a do-not-contact list (`DO_NOT_CONTACT_SCHEMA`): all numbers of a cell, one row per number, the latest one.

    A bad date or reason is a field problem and never keeps a number off the list; a ragged row counts with all numbers
    that stand anywhere in it.

    Raises:
        UsageError: a required column is missing or the mapping is wrong; bad rows never raise.
    """
    parts = list(clean_stop_batches(source, parameters, reference))
    kept = _keep_latest(pl.concat([part.records for part in parts]))
    return CleanedRecords(
        records=kept,
        rejects=pl.concat([part.rejects for part in parts]),
        rejected_rows=pl.concat([part.rejected_rows for part in parts]),
        field_problems=pl.concat([part.field_problems for part in parts]),
        counts=add_stop_counts([part.counts for part in parts], kept=kept.height),
        match=parts[0].match,
    )


def clean_stop_batches(
    source: Source, parameters: CleanParameters, reference: ContactReference
) -> Iterator[CleanedRecords]:
    """Clean a do-not-contact list batch by batch, at least one; a number may stand in several. Raises as above."""
    _, batches = open_batches("do_not_contact", source, parameters, reference)
    for batch in batches:
        part = _clean_batch(batch, parameters, reference)
        kept = _keep_latest(part.records)
        yield replace(part, records=kept, counts=add_stop_counts([part.counts], kept=kept.height))


def add_stop_counts(counts: Sequence[CleanCounts], kept: int) -> CleanCounts:
    """The account of a list from those of its batches; `kept` numbers are different ones."""
    return CleanCounts(
        rows=sum(each.rows for each in counts),
        extra_numbers=sum(each.extra_numbers for each in counts),
        kept=kept,
        merged=sum(each.merged + each.kept for each in counts) - kept,
        rejected=sum(each.rejected for each in counts),
        rejected_by_reason=add_mappings(each.rejected_by_reason for each in counts),
        repairs=add_mappings(each.repairs for each in counts),
        field_problems=add_mappings(each.field_problems for each in counts),
    )


def _keep_latest(records: pl.DataFrame) -> pl.DataFrame:
    return records.sort("at", "source_row", nulls_last=False).unique("phone", keep="last", maintain_order=True)


def _clean_batch(batch: Batch, parameters: CleanParameters, reference: ContactReference) -> CleanedRecords:
    phones = read_phones(batch.cells.select(row="source_row", cell="phone"), reference.prefixes)
    in_ragged = read_phones(batch.raw.ragged.select(row="source_row", cell="text"), reference.prefixes)
    fields = [
        batch.read("reason", read_free_text),
        FieldColumn("at", read_times(batch.texts("at"), parameters.now)),
    ]
    said = batch.cells.select(row="source_row").hstack([field.value for field in fields])
    numbers = pl.concat([_all_numbers(phones), _all_numbers(in_ragged)])
    records = numbers.join(said, on="row", how="left", maintain_order="left").rename({"row": "source_row"})
    useless = batch.raw.ragged.join(in_ragged.persons, left_on="source_row", right_on="row", how="anti")
    rejects = pl.concat(
        [
            reject_cells(phones.rejected, batch.match.columns["phone"], parameters.source_file),
            reject_ragged(useless, parameters.source_file),
        ]
    )
    problems = list_problems(batch.cells, batch.match, fields, parameters.source_file)
    return CleanedRecords(
        records=records.select(pl.col(name).cast(dtype) for name, dtype in DO_NOT_CONTACT_SCHEMA.items()),
        rejects=rejects,
        rejected_rows=batch.raw.rows.join(rejects.select("source_row"), on="source_row", how="semi"),
        field_problems=problems,
        counts=CleanCounts(
            rows=batch.cells.height + batch.raw.ragged.height,
            extra_numbers=phones.numbers - batch.cells.height + in_ragged.alternates.height,
            kept=records.height,
            merged=phones.repeats,
            rejected=rejects.height,
            rejected_by_reason=count_reasons(rejects),
            repairs=dict(phones.repairs),
            field_problems=count_problems(problems, batch.match),
        ),
        match=batch.match,
    )


def _all_numbers(phones: PhoneReading) -> pl.DataFrame:
    """Row and phone of every good number, alternates included."""
    others = phones.alternates.select("row", phone="alternate")
    return pl.concat([phones.persons.select("row", "phone"), others])
