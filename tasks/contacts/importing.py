"""Taking a file in: cleaned, tokenised, the numbers into the vault, past the gate, merged into the warehouse."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from chuda.clock import to_us
from chuda.errors import UsageError
from chuda.stores.ledger.suppression import Suppression, suppress
from chuda.stores.warehouse import add_token_macro
from chuda.workspace import Workspace
from expectations.gate import Gatekeeper
from expectations.suites.contacts import CONTACTS
from tasks.contacts.cleaning import CleanedContacts, clean_contacts
from tasks.contacts.counts import CleanCounts
from tasks.contacts.do_not_contact import clean_do_not_contact
from tasks.contacts.inbox import import_id_of
from tasks.contacts.merging import (
    IncomingTable,
    MergeCounts,
    RecordTable,
    append_incoming,
    create_contact_tables,
    create_incoming_tables,
    merge_contacts,
    merge_records,
)
from tasks.contacts.parameters import CleanParameters, ConsentStatement
from tasks.contacts.reading import open_rows
from tasks.contacts.records import CleanedRecords, clean_events, clean_orders
from tasks.contacts.reference import ContactReference, load_reference
from tasks.contacts.rejects import build_reject_file

_INCOMING: dict[RecordTable, IncomingTable] = {"orders": "order_incoming", "events": "event_incoming"}
_RUNS = """
CREATE TABLE IF NOT EXISTS import_run (import_id VARCHAR, kind VARCHAR, source_file VARCHAR, sha256 VARCHAR,
    rows_in BIGINT, extra_numbers BIGINT, kept BIGINT, merged BIGINT, alternates BIGINT, rejected BIGINT,
    new_rows BIGINT, changed_rows BIGINT, published_at TIMESTAMPTZ)
"""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: the account of the file, the merge, and where the rejects are (None if there were none)."""

    counts: CleanCounts
    merged: MergeCounts
    reject_file: Path | None


class Importer:
    """Imports files into one workspace, inside the stage's transaction of the warehouse."""

    def __init__(self, workspace: Workspace, connection: Any, gate: Gatekeeper, now: datetime) -> None:
        self._workspace = workspace
        self._connection = connection
        self._gate = gate
        self._now = now
        self._reference: ContactReference = load_reference(workspace.settings.reference)
        add_token_macro(connection, workspace.keys)
        create_contact_tables(connection)
        create_incoming_tables(connection)
        connection.execute(_RUNS)

    def contacts(self, path: Path, consent: ConsentStatement | None) -> Imported:
        """Take in a contact file.

        Raises:
            UsageError: it cannot be read at all; bad rows only end up in the reject file.
            GateFailed, GateBroken: nothing of it may be published.
        """
        import_id, parameters = self._begin(path, consent)
        cleaned = clean_contacts(open_rows(path, self._reference.headers), parameters, self._reference)
        self._fill_incoming(cleaned, path, import_id)
        self._gate.require(CONTACTS, path.name, _facts(cleaned.counts))
        merged = merge_contacts(self._connection, self._now)
        return self._finish("contacts", path, import_id, cleaned, cleaned.counts, merged)

    def orders(self, path: Path) -> Imported:
        """Take in an order file; raises UsageError if it cannot be read at all."""
        return self._records("orders", path, clean_orders)

    def events(self, path: Path) -> Imported:
        """Take in an event file; raises UsageError if it cannot be read at all."""
        return self._records("events", path, clean_events)

    def do_not_contact(self, path: Path) -> Imported:
        """Take in a do-not-contact list: everybody on it is suppressed at once, known or not."""
        import_id, parameters = self._begin(path, None)
        cleaned = clean_do_not_contact(open_rows(path, self._reference.headers), parameters, self._reference)
        now_us = to_us(self._now)
        entries = [
            Suppression(token, "all", "do_not_contact", f"file:{path.name}", to_us(at) if at else now_us, now_us)
            for token, at in self._tokenised(cleaned.records, ["at"]).iter_rows()
        ]
        with self._workspace.ledger.write() as ledger:
            new = suppress(ledger, entries)
        merged = MergeCounts(new, 0, len(entries) - new)
        return self._finish("do_not_contact", path, import_id, cleaned, cleaned.counts, merged)

    def _records(self, kind: RecordTable, path: Path, clean: Callable[..., CleanedRecords]) -> Imported:
        import_id, parameters = self._begin(path, None)
        cleaned = clean(open_rows(path, self._reference.headers), parameters, self._reference)
        names = [name for name in cleaned.records.columns if name != "phone"]
        self._append(_INCOMING[kind], self._tokenised(cleaned.records, names), import_id=import_id)
        merged = merge_records(self._connection, kind)
        return self._finish(kind, path, import_id, cleaned, cleaned.counts, merged)

    def _begin(self, path: Path, consent: ConsentStatement | None) -> tuple[str, CleanParameters]:
        if not path.is_file():
            raise UsageError(f"{path}: there is no such file")
        import_id = import_id_of(path)
        return import_id, CleanParameters(now=self._now, source_file=path.name, consent_for_all=consent)

    def _fill_incoming(self, cleaned: CleanedContacts, path: Path, import_id: str) -> None:
        names = [name for name in cleaned.candidates.columns if name != "phone"]
        people = self._tokenised(cleaned.candidates, names, keep_phone=True)
        # The vault first: a number without a contact harms nobody, a contact without a number could not be messaged.
        self._workspace.vault.append(people.select("token", "phone"))
        self._append(
            "contact_incoming", people.drop("phone"), source_file=path.name, import_id=import_id,
            states_consent=cleaned.states_consent,
        )  # fmt: skip
        self._append("alternate_incoming", self._tokenised_pairs(cleaned.alternates))

    def _tokenised_pairs(self, alternates: pl.DataFrame) -> pl.DataFrame:
        self._connection.register("in_clear", alternates.to_arrow())
        result: pl.DataFrame = self._connection.execute(
            "SELECT phone_token(phone) AS token, phone_token(alternate) AS alternate_token FROM in_clear"
        ).pl()
        self._connection.unregister("in_clear")
        return result

    def _tokenised(self, frame: pl.DataFrame, names: list[str], keep_phone: bool = False) -> pl.DataFrame:
        """The frame with tokens for phones; computed in DuckDB, vectorised, and never stored with the phone."""
        self._connection.register("in_clear", frame.to_arrow())
        columns = ", ".join(['"phone"'] * keep_phone + [f'"{name}"' for name in names])
        result: pl.DataFrame = self._connection.execute(
            f"SELECT phone_token(phone) AS token, {columns} FROM in_clear"
        ).pl()
        self._connection.unregister("in_clear")
        return result

    def _append(self, table: IncomingTable, frame: pl.DataFrame, **constants: object) -> None:
        append_incoming(self._connection, table, frame.with_columns(**{n: pl.lit(v) for n, v in constants.items()}))

    def _finish(
        self, kind: str, path: Path, import_id: str, cleaned: CleanedContacts | CleanedRecords, counts: CleanCounts,
        merged: MergeCounts,
    ) -> Imported:  # fmt: skip
        row = [import_id, kind, path.name, import_id, counts.rows, counts.extra_numbers, counts.kept, counts.merged,
               counts.alternates, counts.rejected, merged.new, merged.changed, self._now]  # fmt: skip
        self._connection.execute(f"INSERT INTO import_run VALUES ({', '.join('?' * len(row))})", row)
        return Imported(counts, merged, self._write_rejects(path, import_id, cleaned))

    def _write_rejects(self, path: Path, import_id: str, cleaned: CleanedContacts | CleanedRecords) -> Path | None:
        """The rejected rows as the user's own file, 0600: correct it and import it again."""
        if cleaned.rejects.is_empty():
            return None
        folder = self._workspace.settings.rejects
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        target = folder / f"{path.stem}-{import_id[:8]}.csv"
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(b"\xef\xbb\xbf")  # Excel reads UTF-8 only with a mark
            build_reject_file(cleaned.rejects, cleaned.rejected_rows).write_csv(file)
        return target


def _facts(counts: CleanCounts) -> dict[str, object]:
    return {
        "rows": counts.rows, "extra": counts.extra_numbers, "kept": counts.kept, "merged": counts.merged,
        "alternates": counts.alternates, "rejected": counts.rejected,
    }  # fmt: skip
