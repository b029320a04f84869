"""The door of the contacts room: files of contacts, orders, events and do-not-contact lists come in here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from chuda.clock import BUSINESS_ZONE
from chuda.errors import UsageError
from chuda.files import load_yaml, mask_phones
from chuda.results import StageResult
from chuda.settings import environment
from chuda.stores.sql_source import SqlSource
from chuda.workspace import Workspace, open_workspace
from tasks.contacts.columns import ColumnMatch
from tasks.contacts.importing import Imported, Importer, ImportOptions, stop_listed
from tasks.contacts.mapping import MappingFile
from tasks.contacts.opening import Opened, open_file, open_query
from tasks.contacts.parameters import ConsentStatement
from tasks.contacts.reference import ContactReference, load_reference
from tasks.contacts.reject_files import sweep_rejects
from tasks.contacts.retention import purge_ended_consents
from tasks.stage import open_stage, stage_task

_Open = Callable[[Workspace, ContactReference], Opened]


@stage_task("import contacts")
def import_contacts(
    path: str, consent: str | None = None, mapping: str | None = None, source: str | None = None,
    changed_only: bool = False,
) -> StageResult:  # fmt: skip
    """Clean and merge a contact file.

    Args:
        path: the file.
        consent: for a file without consent columns: `source | ISO time | purpose` of everybody's consent.
        mapping: a mapping file that names columns by meaning.
        source: where the file comes from; by default its name without dates.
        changed_only: leave out the rows that the last export of this source held too.
    """
    options = _options(consent, mapping, source, changed_only)
    return _import("contacts", "contact_clean", _file(path), lambda importer, it: importer.contacts(it, options))


@stage_task("import contacts from a database")
def import_contacts_from_database(
    query_file: str, database: str, consent: str | None = None, mapping: str | None = None, source: str | None = None,
    changed_only: bool = False,
) -> StageResult:  # fmt: skip
    """Clean and merge what one SELECT gives; the other arguments are those of a file.

    Args:
        query_file: a text file with the SELECT; its columns are named like those of a file.
        database: the environment variable that holds the SQLAlchemy URL, so that no password is written down here.
    """
    options = _options(consent, mapping, source, changed_only)

    def open_it(workspace: Workspace, _reference: ContactReference) -> Opened:
        url = environment().get(database)
        if not url:
            raise UsageError(f"set the environment variable {database} to the database's URL")
        return open_query(Path(query_file), SqlSource(url, database), workspace.clock.now().isoformat())

    return _import("contacts", "contact_clean", open_it, lambda importer, it: importer.contacts(it, options))


@stage_task("import orders")
def import_orders(path: str) -> StageResult:
    """Clean and merge an order file."""
    return _import("orders", "order_clean", _file(path), lambda importer, it: importer.orders(it))


@stage_task("import events")
def import_events(path: str) -> StageResult:
    """Clean and merge an event file."""
    return _import("events", "event_clean", _file(path), lambda importer, it: importer.events(it))


@stage_task("import do-not-contact list")
def import_do_not_contact(path: str) -> StageResult:
    """Suppress everybody on a do-not-contact list: at once, and whoever has a listed number as a further one next."""
    with open_workspace() as workspace:
        reference = load_reference(workspace.settings.reference)
        opened = open_file(Path(path), reference.headers)
        # In force before the warehouse is waited for: that can take as long as the night's import.
        listed = stop_listed(workspace, opened, reference, workspace.clock.now())
    return _import("do_not_contact", "suppression", _file(path), lambda importer, it: importer.stops(it, listed))


def read_consent(text: str) -> ConsentStatement:
    """Read `source | ISO time | purpose`.

    Raises:
        UsageError: it has another shape.
    """
    parts = [part.strip() for part in text.split("|")]
    advice = "write source | time | purpose, e.g. '门店登记 | 2026-10-01T10:00 | 营销短信'"
    if len(parts) != 3 or not all(parts):
        raise UsageError(f"the consent statement has {len(parts)} parts; {advice}")
    try:
        at = datetime.fromisoformat(parts[1])
    except ValueError:
        raise UsageError(f"the consent statement's time {parts[1]!r} is not an ISO time; {advice}") from None
    return ConsentStatement(source=parts[0], at=at if at.tzinfo else at.replace(tzinfo=BUSINESS_ZONE), purpose=parts[2])


def _options(consent: str | None, mapping: str | None, source: str | None, changed_only: bool) -> ImportOptions:
    columns = load_yaml(Path(mapping), MappingFile).columns if mapping else {}
    return ImportOptions(read_consent(consent) if consent else None, dict(columns), source, changed_only)


def _file(path: str) -> _Open:
    return lambda _workspace, reference: open_file(Path(path), reference.headers)


def _import(stage_name: str, table: str, open_it: _Open, work: Callable[[Importer, Opened], Imported]) -> StageResult:
    with open_stage() as stage:
        reference = load_reference(stage.workspace.settings.reference)
        opened = open_it(stage.workspace, reference)
        sweep_rejects(stage.workspace.settings.rejects, stage.now)
        done = work(Importer(stage.workspace, stage.connection, stage.gate, stage.now, reference), opened)
        purge_ended_consents(stage.connection, stage.now)
        result = _result(stage_name, table, done, stage.gate.verdict)
    _settle_vault()
    return result


def _settle_vault() -> None:
    """Published: what the import put into the vault is no leftover. One killed before this is looked at again."""
    with open_workspace() as workspace:
        workspace.vault.settle()


def _say_columns(match: ColumnMatch) -> dict[str, str]:
    """What columns were taken for, which were not used, and what those might be; never a number for a name."""
    said = {"columns": ", ".join(f"{mask_phones(column)}={meaning}" for meaning, column in match.columns.items())}
    if match.unused:
        guess = {column: f" ({match.guesses[column]}?)" if column in match.guesses else "" for column in match.unused}
        said["unused_columns"] = ", ".join(f"{mask_phones(column)}{guess[column]}" for column in match.unused)
    return said


def _result(stage_name: str, table: str, done: Imported, verdict: str) -> StageResult:
    counts = done.counts
    held = dict(sorted(counts.rejected_by_reason.items(), key=lambda item: -item[1]))
    if counts.merged:
        held = {"merged": counts.merged, **held}
    details = {"new": str(done.merged.new), "changed": str(done.merged.changed)}
    if done.unchanged:
        details["unchanged_rows"] = str(done.unchanged)
    if done.refused:
        details["refused"] = str(done.refused)
    if done.reject_file:
        details["reject_file"] = str(done.reject_file)
    if done.match:
        details |= _say_columns(done.match)
    return StageResult(stage_name, table, counts.rows + counts.extra_numbers, counts.kept, held, verdict, details)
