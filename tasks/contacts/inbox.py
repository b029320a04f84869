"""The inbox: folders under CHUDA_HOME into which files are dropped for the night; only changed ones are taken."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from chuda.workspace import Workspace
from tasks.contacts.merging import create_contact_tables

_REMEMBER = """
INSERT INTO file_seen (kind, source_file, bytes, changed_ns, status_ns, inode) VALUES (?, ?, ?, ?, ?, ?)
"""
KINDS = ("do_not_contact", "contacts", "orders", "events")
# Runs of the same instant (a clock that stands still) are told apart by their place.
_NEWEST = """
SELECT import_id FROM import_run WHERE kind = ? AND source_file = ? ORDER BY published_at DESC, rowid DESC LIMIT 1
"""
_LOOKED_AT = """
SELECT 1 FROM file_seen
WHERE kind = ? AND source_file = ? AND bytes = ? AND changed_ns = ? AND status_ns = ? AND inode = ?
"""


def find_changed_files(workspace: Workspace, kind: str) -> list[Path]:
    """The files of a kind whose content is not the one last imported under their name, by name.

    A file that was imported and has the size, times and inode it had then is not read again.
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
    # Copying can keep size and time of change (rsync -t); nobody can set the time of the inode's change back.
    looks = [kind, path.name, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
    if connection.execute(_LOOKED_AT, looks).fetchone():
        return True
    connection.execute("DELETE FROM file_seen WHERE kind = ? AND source_file = ?", looks[:2])
    newest = connection.execute(_NEWEST, looks[:2]).fetchone()
    if newest is None or newest[0] != import_id_of(path):
        return False
    connection.execute(_REMEMBER, looks)
    return True
