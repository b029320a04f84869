"""Contact files cleaned: from rows of strings to candidates with a canonical phone, and an account of all the rest.

The frames made here hold phone numbers in clear and never leave the process; the stage turns phones into tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import polars as pl

from tasks.contacts.batches import Batch, Source, count_problems, list_problems, open_batches
from tasks.contacts.columns import ColumnMatch
from tasks.contacts.contact_fields import build_candidates, read_fields
from tasks.contacts.counts import CleanCounts, add_mappings
from tasks.contacts.duplicates import merge_duplicates
from tasks.contacts.parameters import CleanParameters
from tasks.contacts.phones import PhoneReading, read_phones
from tasks.contacts.reference import ContactReference
from tasks.contacts.rejects import count_reasons, reject_cells, reject_ragged

_EVIDENCE = ("consent_source", "consent_at", "consent_purpose")


@dataclass(frozen=True, slots=True, repr=False)
class CleanedContacts:
    """What became of a file or a batch.

    `candidates`: one row per person (`CANDIDATE_SCHEMA`). `alternates`: phone, alternate. `rejects`: `REJECT_SCHEMA`.
    `rejected_rows`: source_row and the file's own columns, for `build_reject_file`. `field_problems`: `PROBLEM_SCHEMA`.
    `states_consent` is False for a file that says nothing of consent: it must not change what is on record.
    """

    candidates: pl.DataFrame
    alternates: pl.DataFrame
    rejects: pl.DataFrame
    rejected_rows: pl.DataFrame
    field_problems: pl.DataFrame
    counts: CleanCounts
    match: ColumnMatch
    states_consent: bool


def clean_contacts(source: Source, parameters: CleanParameters, reference: ContactReference) -> CleanedContacts:
    """Clean a whole file: one candidate per person, everything else accounted for.

    Raises:
        UsageError: a required column is missing or the mapping is wrong; bad rows never raise.
    """
    return merge_cleaned(list(clean_batches(source, parameters, reference)))


def clean_batches(
    source: Source, parameters: CleanParameters, reference: ContactReference
) -> Iterator[CleanedContacts]:
    """Clean a file batch by batch, so that memory does not grow with it; a person may stand in several batches.

    Columns are matched before the first batch (raises `UsageError`). `contact_incoming` takes batches as they are: the
    merge in the warehouse follows the same rule as `merge_cleaned`.
    """
    _, batches = open_batches("contacts", source, parameters, reference)
    for batch in batches:
        yield _clean_batch(batch, parameters, reference)


def merge_cleaned(parts: Iterable[CleanedContacts]) -> CleanedContacts:
    """Put the batches of one file together, with one candidate per person."""
    parts = list(parts)
    candidates = pl.concat([part.candidates for part in parts])
    merged = merge_duplicates(candidates)
    all_alternates = pl.concat([part.alternates for part in parts])
    alternates = all_alternates.unique(maintain_order=True)
    repeated = candidates.height - merged.height + all_alternates.height - alternates.height
    counts = [part.counts for part in parts]
    return replace(
        parts[0],
        candidates=merged,
        alternates=alternates,
        rejects=pl.concat([part.rejects for part in parts]),
        rejected_rows=pl.concat([part.rejected_rows for part in parts]),
        field_problems=pl.concat([part.field_problems for part in parts]),
        counts=CleanCounts(
            rows=sum(each.rows for each in counts),
            extra_numbers=sum(each.extra_numbers for each in counts),
            kept=merged.height,
            merged=sum(each.merged for each in counts) + repeated,
            alternates=alternates.height,
            rejected=sum(each.rejected for each in counts),
            rejected_by_reason=add_mappings(each.rejected_by_reason for each in counts),
            repairs=add_mappings(each.repairs for each in counts),
            field_problems=add_mappings(each.field_problems for each in counts),
            granted_without_evidence=_count_without_evidence(merged),
        ),
    )


def _clean_batch(batch: Batch, parameters: CleanParameters, reference: ContactReference) -> CleanedContacts:
    phones = read_phones(batch.cells.select(row="source_row", cell="phone"), reference.prefixes)
    numbers = batch.cells.select(row="source_row").join(phones.persons, on="row", how="left", maintain_order="left")
    has_person = numbers["phone"].is_not_null()
    people = replace(batch, cells=batch.cells.filter(has_person))
    fields = read_fields(people, parameters)
    candidates = build_candidates(numbers.filter(has_person), fields, people, parameters, reference.prefixes)
    problems = list_problems(people.cells, batch.match, fields, parameters.source_file)
    rejects = pl.concat(
        [
            reject_cells(phones.rejected, batch.match.columns["phone"], parameters.source_file),
            reject_ragged(batch.raw.ragged, parameters.source_file),
        ]
    )
    return CleanedContacts(
        candidates=candidates,
        alternates=phones.alternates.select("phone", "alternate"),
        rejects=rejects,
        rejected_rows=batch.raw.rows.join(rejects.select("source_row"), on="source_row", how="semi"),
        field_problems=problems,
        counts=_count_batch(batch, phones, candidates, rejects, problems),
        match=batch.match,
        states_consent=batch.match.has("consent") or parameters.consent_for_all is not None,
    )


def _count_batch(
    batch: Batch, phones: PhoneReading, candidates: pl.DataFrame, rejects: pl.DataFrame, problems: pl.DataFrame
) -> CleanCounts:
    rows = batch.cells.height
    return CleanCounts(
        rows=rows + batch.raw.ragged.height,
        extra_numbers=phones.numbers - rows,
        kept=candidates.height,
        merged=phones.repeats,
        alternates=phones.alternates.height,
        rejected=rejects.height,
        rejected_by_reason=count_reasons(rejects),
        repairs=dict(phones.repairs),
        field_problems=count_problems(problems, batch.match),
        granted_without_evidence=_count_without_evidence(candidates),
    )


def _count_without_evidence(candidates: pl.DataFrame) -> int:
    lacks = (pl.col("consent") == "granted") & pl.any_horizontal(pl.col(_EVIDENCE).is_null())
    return int(candidates.select(lacks.sum()).item())
