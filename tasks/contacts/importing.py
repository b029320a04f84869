"""Taking a file in: cleaned, tokenised, the numbers into the vault, past the gate, merged into the warehouse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from chuda.errors import GateFailed
from chuda.stores.ledger.erasure import erased_tokens
from chuda.stores.warehouse import compute_tokens
from chuda.workspace import Workspace
from expectations.gate import Gatekeeper
from expectations.suites.contacts import CONTACTS
from tasks.contacts.changed_rows import ChangedRows, source_of
from tasks.contacts.cleaning import clean_batches
from tasks.contacts.columns import ColumnMatch
from tasks.contacts.counts import CleanCounts
from tasks.contacts.do_not_contact import add_stop_counts, clean_stop_batches
from tasks.contacts.intake import ContactIntake, Provenance
from tasks.contacts.merging import (
    MergeCounts,
    RecordTable,
    collapse_contacts,
    create_contact_tables,
    create_incoming_tables,
    find_contact_changes,
    publish_contacts,
)
from tasks.contacts.opening import Opened
from tasks.contacts.parameters import CleanParameters, ConsentStatement
from tasks.contacts.reading import RawRows
from tasks.contacts.record_intake import RecordIntake
from tasks.contacts.records import clean_record_batches
from tasks.contacts.reference import ContactReference
from tasks.contacts.reject_files import RejectFile
from tasks.contacts.restrictions import mains_with_times, record_refusals, record_stops
from tasks.contacts.retention import sweep_vault
from tasks.contacts.row_memory import RowMemories

_WITHOUT_EVIDENCE = """
SELECT count(*) FROM contact_incoming
WHERE consent = 'granted' AND (consent_source IS NULL OR consent_at IS NULL OR consent_purpose IS NULL)
"""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How to take a contact file in; `source` names where it comes from, `changed_only` leaves known rows out."""

    consent: ConsentStatement | None = None
    mapping: dict[str, str] = field(default_factory=dict)
    source: str | None = None
    changed_only: bool = False


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: the account of the file, the merge, and where the rejects are (None if there were none).

    `unchanged` rows were left out because the last export of the source held them too; `refused` people were newly
    suppressed; `match` says what the columns were taken for.
    """

    counts: CleanCounts
    merged: MergeCounts
    reject_file: Path | None
    unchanged: int = 0
    refused: int = 0
    match: ColumnMatch | None = None


class Importer:
    """Imports files into one workspace, inside the stage's transaction of the warehouse."""

    def __init__(
        self, workspace: Workspace, connection: Any, gate: Gatekeeper, now: datetime, reference: ContactReference
    ) -> None:
        self._workspace = workspace
        self._connection = connection
        self._gate = gate
        self._now = now
        self._reference = reference
        with workspace.ledger.read() as ledger:
            self._erased = erased_tokens(ledger)
        create_contact_tables(connection)
        create_incoming_tables(connection)

    def contacts(self, opened: Opened, options: ImportOptions) -> Imported:
        """Take in a contact file batch by batch.

        Raises:
            UsageError: it cannot be read at all; bad rows only end up in the reject file.
            GateFailed, GateBroken: nothing of it may be published.
        """
        parameters = CleanParameters(
            now=self._now, source_file=opened.name, mapping=options.mapping, consent_for_all=options.consent
        )
        sweep_vault(self._workspace, self._connection)
        source = options.source or source_of(opened.stem)
        changed = self._changed_rows(opened, source, parameters) if options.changed_only else None
        rejects = self._reject_file("contacts", opened)
        intake = ContactIntake(
            self._connection, self._workspace.vault, self._tokens, self._erased,
            Provenance(opened.name, opened.import_id), rejects,
        )  # fmt: skip
        rows = changed.leave_out(opened.rows) if changed else opened.rows
        self._take_in(rows, parameters, intake, changed)
        others = changed.with_other_rows(opened.rows) if changed else None
        if others:
            self._take_in(others, parameters, intake, changed)
        return self._merge_contacts(opened, source, intake, changed, rejects)

    def orders(self, opened: Opened) -> Imported:
        """Take in an order file; raises UsageError if it cannot be read at all."""
        return self._records("orders", opened)

    def events(self, opened: Opened) -> Imported:
        """Take in an event file; raises UsageError if it cannot be read at all."""
        return self._records("events", opened)

    def stops(self, opened: Opened, listed: StopList) -> Imported:
        """Extend a do-not-contact list that is in force to everybody who has a listed number as a further one."""
        mains = mains_with_times(self._connection, listed.said)
        new = listed.new + record_stops(self._workspace.ledger, mains, f"file:{opened.name}", self._now)
        merged = MergeCounts(new, 0, len({*listed.said["token"], *mains}) - new)
        rejects = self._reject_file("do_not_contact", opened)
        for refused, rows in listed.refused:
            rejects.add(refused, rows)
        done = Imported(listed.counts, merged, rejects.finish(), match=listed.match)
        return self._finish("do_not_contact", opened, None, done)

    def _changed_rows(self, opened: Opened, source: str, parameters: CleanParameters) -> ChangedRows:
        # The same text means something else in other columns, under another mapping or statement of consent.
        said = (opened.rows.layout, sorted(parameters.mapping.items()), parameters.consent_for_all)
        meaning = repr((*said, self._reference.version, pl.__version__))
        memories = RowMemories(self._connection, self._workspace.keys, source, meaning)
        # Without its vault a workspace has to read everything again, whatever it has seen.
        return ChangedRows(memories, self._erased, may_skip=self._workspace.vault.exists)

    def _take_in(
        self, rows: RawRows, parameters: CleanParameters, intake: ContactIntake, changed: ChangedRows | None
    ) -> None:
        for part in clean_batches(rows, parameters, self._reference):
            taken = intake.take(part)
            if changed:
                # A day that lay too far ahead may be plausible tomorrow; what was rejected comes back until corrected.
                doubtful = part.field_problems.filter(pl.col("reason") == "implausible_date")
                changed.remember(taken, pl.concat([doubtful["source_row"], part.rejects["source_row"]]))

    def _merge_contacts(
        self, opened: Opened, source: str, intake: ContactIntake, changed: ChangedRows | None, rejects: RejectFile
    ) -> Imported:
        collapsed = collapse_contacts(self._connection)
        (without_evidence,) = self._connection.execute(_WITHOUT_EVIDENCE).fetchone()
        counts = intake.counts(collapsed, int(without_evidence))
        unchanged = changed.unchanged if changed else 0
        reject_file = rejects.finish()
        refused, merged = 0, MergeCounts(0, 0, 0)
        if collapsed.rows or not unchanged:
            self._pass_gate(opened.name, counts, unchanged, reject_file)
            refused_tokens = find_contact_changes(self._connection)
            refused = record_refusals(self._workspace.ledger, refused_tokens, opened.name, self._now)
            merged = publish_contacts(self._connection, self._now)
        if changed:
            changed.publish()
        done = Imported(counts, merged, reject_file, unchanged, refused, intake.match)
        return self._finish("contacts", opened, source, done)

    def _pass_gate(self, name: str, counts: CleanCounts, unchanged: int, reject_file: Path | None) -> None:
        facts: dict[str, object] = {
            "rows": counts.rows, "extra": counts.extra_numbers, "kept": counts.kept, "merged": counts.merged,
            "alternates": counts.alternates, "rejected": counts.rejected, "unchanged": unchanged,
        }  # fmt: skip
        try:
            self._gate.require(CONTACTS, name, facts)
        except GateFailed as failed:
            kept = f"; the rejected rows with their reasons: {reject_file}" if reject_file else ""
            raise GateFailed(f"{failed}{kept}") from None

    def _records(self, kind: RecordTable, opened: Opened) -> Imported:
        parameters = CleanParameters(now=self._now, source_file=opened.name)
        rejects = self._reject_file(kind, opened)
        intake = RecordIntake(self._connection, kind, self._tokens, self._erased, opened, rejects)
        for part in clean_record_batches(kind, opened.rows, parameters, self._reference):
            intake.take(part)
        counts, merged = intake.merge()
        return self._finish(kind, opened, None, Imported(counts, merged, rejects.finish(), match=intake.match))

    def _tokens(self, texts: pl.Series) -> pl.Series:
        return compute_tokens(texts, self._workspace.keys)

    def _reject_file(self, kind: str, opened: Opened) -> RejectFile:
        # A file may be imported as two kinds by mistake: neither's rejects overwrite the other's.
        stem = opened.stem if opened.stem == kind else f"{kind}-{opened.stem}"
        name = f"{stem}-{opened.import_id[:8]}.csv"
        return RejectFile(self._workspace.settings.rejects, name, self._now)

    def _finish(self, kind: str, opened: Opened, source: str | None, done: Imported) -> Imported:
        counts, merged = done.counts, done.merged
        row = [opened.import_id, kind, opened.name, source or opened.stem, counts.rows, done.unchanged,
               counts.extra_numbers, counts.kept, counts.merged, counts.alternates, counts.rejected, merged.new,
               merged.changed, self._now]  # fmt: skip
        self._connection.execute(f"INSERT INTO import_run VALUES ({', '.join('?' * len(row))})", row)
        return done


@dataclass(frozen=True, slots=True)
class StopList:
    """A do-not-contact list that is in force: who said so when (token, at), how many were new, and its account.

    `refused` are the rejects with their rows, part by part.
    """

    said: pl.DataFrame
    new: int
    counts: CleanCounts
    refused: Sequence[tuple[pl.DataFrame, pl.DataFrame]]
    match: ColumnMatch


def stop_listed(workspace: Workspace, opened: Opened, reference: ContactReference, now: datetime) -> StopList:
    """Suppress everybody on a do-not-contact list at once, known or not; the warehouse is not waited for.

    Raises:
        UsageError: the file cannot be read at all; bad rows only end up in the reject file.
    """
    parameters = CleanParameters(now=now, source_file=opened.name)
    new, said, parts = 0, [], []
    for part in clean_stop_batches(opened.rows, parameters, reference):
        tokens = compute_tokens(part.records["phone"], workspace.keys)
        said.append(part.records.select(tokens.alias("token"), "at"))
        new += record_stops(workspace.ledger, dict(said[-1].iter_rows()), f"file:{opened.name}", now)
        parts.append(replace(part, records=part.records.clear()))
    everybody = pl.concat(said).sort("at", nulls_last=False).unique("token", keep="last", maintain_order=True)
    counts = add_stop_counts([part.counts for part in parts], kept=everybody.height)
    refused = [(part.rejects, part.rejected_rows) for part in parts]
    return StopList(everybody, new, counts, refused, parts[0].match)
