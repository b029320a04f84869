"""A workspace of its own for one test, into which files are imported as the stage does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text

from chuda.clock import FixedClock
from chuda.keys import Keys
from chuda.settings import Settings
from chuda.stores.ledger import Ledger
from chuda.stores.vault import Vault
from chuda.stores.warehouse import Warehouse
from chuda.workspace import Workspace
from expectations.gate import GateResult
from expectations.rules import Suite
from tasks.contacts.importing import Imported, Importer, ImportOptions, stop_listed
from tasks.contacts.opening import open_file
from tasks.contacts.reference import ContactReference

ROOT = Path(__file__).parents[1]
KEYS = Keys(bytes(range(32)), bytes(range(32, 64)))


class OpenGate:
    """A gate that lets everything pass and remembers what it was told."""

    verdict = "passed"

    def __init__(self) -> None:
        self.facts: list[Mapping[str, object]] = []

    def require(self, suite: Suite, subject: str, facts: Mapping[str, object] | None = None) -> GateResult:
        self.facts.append(facts or {})
        return GateResult(suite.name, subject, datetime.min, "passed", ())


@dataclass
class Room:
    """A workspace, and the folder that files are written to."""

    workspace: Workspace
    folder: Path
    reference: ContactReference
    gate: Any

    def write(self, name: str, lines: str) -> Path:
        path = self.folder / name
        path.write_text(lines, "utf-8")
        return path

    def contacts(self, path: Path, **options: Any) -> Imported:
        opened = open_file(path, self.reference.headers)
        return self._import(lambda importer: importer.contacts(opened, ImportOptions(**options)))

    def orders(self, path: Path) -> Imported:
        opened = open_file(path, self.reference.headers)
        return self._import(lambda importer: importer.orders(opened))

    def stops(self, path: Path) -> Imported:
        opened = open_file(path, self.reference.headers)
        listed = stop_listed(self.workspace, opened, self.reference, self.workspace.clock.now())
        return self._import(lambda importer: importer.stops(opened, listed))

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        with self.workspace.warehouse.read() as connection:
            return connection.execute(query, parameters or None).fetchall()

    def suppressed(self) -> list[tuple[str, str, str]]:
        """(token, scope, reason) of everything in the ledger, in order."""
        with self.workspace.ledger.read() as connection:
            return [tuple(row) for row in connection.execute(text("SELECT token, scope, reason FROM suppression"))]

    def _import(self, work: Any) -> Imported:
        with self.workspace.warehouse.write() as connection:
            importer = Importer(self.workspace, connection, self.gate, self.workspace.clock.now(), self.reference)
            return work(importer)


def open_room(folder: Path, ledger: Ledger, now: datetime, reference: ContactReference, gate: Any = None) -> Room:
    """A room whose workspace has the keys `KEYS` and stands at `now`."""
    home = folder / "state"
    settings = Settings(home=home, reference=ROOT / "data" / "reference")
    workspace = Workspace(
        settings=settings, keys=KEYS, ledger=ledger, clock=FixedClock(now),
        warehouse=Warehouse(settings.warehouse_file, settings.scratch, memory_gb=1, wait_s=0.3),
        vault=Vault(settings.vault_file, KEYS),
    )  # fmt: skip
    return Room(workspace, folder, reference, gate or OpenGate())


def token(phone: str) -> str:
    return KEYS.token(phone)
