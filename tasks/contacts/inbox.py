"""The inbox: folders under CHUDA_HOME into which files are dropped for the night; only changed ones are taken."""

from __future__ import annotations

import hashlib
from pathlib import Path

from chuda.workspace import Workspace

KINDS = ("do_not_contact", "contacts", "orders", "events")
_KNOWN = "SELECT 1 FROM import_run WHERE kind = ? AND import_id = ?"
_HAS_RUNS = "SELECT count(*) FROM information_schema.tables WHERE table_name = 'import_run'"


def find_changed_files(workspace: Workspace, kind: str) -> list[Path]:
    """The files of a kind whose content has not been imported yet, by name."""
    folder = workspace.settings.home / "inbox" / kind
    files = sorted(path for path in folder.glob("*") if path.is_file() and not path.name.startswith("."))
    if not files:
        return []
    with workspace.warehouse.write() as connection:
        if not connection.execute(_HAS_RUNS).fetchone()[0]:  # type: ignore[index]
            return files
        return [path for path in files if not connection.execute(_KNOWN, [kind, import_id_of(path)]).fetchone()]


def import_id_of(path: Path) -> str:
    """The id of an import: the first 16 hex digits of the file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
