"""The door of the contacts room: files of contacts, orders, events and do-not-contact lists come in here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from chuda.clock import BUSINESS_ZONE
from chuda.errors import UsageError
from chuda.results import StageResult
from tasks.contacts.importing import Imported, Importer
from tasks.contacts.parameters import ConsentStatement
from tasks.stage import open_stage, stage_task


@stage_task("import contacts")
def import_contacts(path: str, consent: str | None = None) -> StageResult:
    """Clean and merge a contact file.

    Args:
        path: the file.
        consent: for a file without consent columns: `source | ISO time | purpose` of everybody's consent.
    """
    statement = read_consent(consent) if consent else None
    return _import("contacts", "contact_clean", lambda importer: importer.contacts(Path(path), statement))


@stage_task("import orders")
def import_orders(path: str) -> StageResult:
    """Clean and merge an order file."""
    return _import("orders", "order_clean", lambda importer: importer.orders(Path(path)))


@stage_task("import events")
def import_events(path: str) -> StageResult:
    """Clean and merge an event file."""
    return _import("events", "event_clean", lambda importer: importer.events(Path(path)))


@stage_task("import do-not-contact list")
def import_do_not_contact(path: str) -> StageResult:
    """Suppress everybody on a do-not-contact list."""
    return _import("do_not_contact", "suppression", lambda importer: importer.do_not_contact(Path(path)))


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


def _import(stage_name: str, table: str, work: Callable[[Importer], Imported]) -> StageResult:
    with open_stage() as stage:
        done = work(Importer(stage.workspace, stage.connection, stage.gate, stage.now))
        counts = done.counts
        held = dict(sorted(counts.rejected_by_reason.items(), key=lambda item: -item[1]))
        if counts.merged:
            held = {"merged": counts.merged, **held}
        if done.merged.unresolved:
            held["unknown_person"] = done.merged.unresolved
        details = {"new": str(done.merged.new), "changed": str(done.merged.changed)}
        if done.reject_file:
            details["reject_file"] = str(done.reject_file)
        return StageResult(
            stage_name, table, counts.rows + counts.extra_numbers, counts.kept, held, stage.gate.verdict, details
        )
