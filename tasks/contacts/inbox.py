"""The inbox: folders under CHUDA_HOME into which files are dropped for the night; only changed ones are taken."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from chuda.workspace import Workspace
from tasks.contacts.merging import create_contact_tables

KINDS = ("do_not_contact", "contacts", "orders", "events")
_KNOWN = "SELECT 1 FROM import_run WHERE kind = ? AND import_id = ?"
_LOOKED_AT = """
SELECT 1 FROM file_seen WHERE kind = ? AND source_file = ? AND bytes = ? AND changed_ns = ?
"""


def find_changed_files(workspace: Workspace, kind: str) -> list[Path]:
    """The files of a kind whose content has not been imported yet, by name.

    A file that was imported and has the size and time of change it had then is not read again.
    """
    folder = workspace.settings.home / "inbox" / kind
    files = sorted(path for path in folder.glob("*") if path.is_file() and not path.name.startswith("."))
    if not files:
        return []
    with workspace.warehouse.write() as connection:
        create_contact_tables(connection)
        return [path for path in files if not _is_known(connection, kind, path)]


def import_id_of(path: Path) -> str:
    """The id of an import: the first 16 hex digits of the file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _is_known(connection: Any, kind: str, path: Path) -> bool:
    # Taken before the content is read: a change in between shows the next time.
    stat = path.stat()
    looks = [kind, path.name, stat.st_size, stat.st_mtime_ns]
    if connection.execute(_LOOKED_AT, looks).fetchone():
        return True
    if not connection.execute(_KNOWN, [kind, import_id_of(path)]).fetchone():
        return False
    connection.execute("DELETE FROM file_seen WHERE kind = ? AND source_file = ?", looks[:2])
    connection.execute("INSERT INTO file_seen VALUES (?, ?, ?, ?)", looks)
    return True
