"""Reject files on disk: rows as the user wrote them, 0600, written batch by batch, deleted after 30 days."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import polars as pl

from tasks.contacts.rejects import build_reject_file

KEPT_FOR = timedelta(days=30)
_UNFINISHED = ".part"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # Excel reads UTF-8 only with one


class RejectFile:
    """One import's rejected rows; nothing is written if there are none, and nothing half-written keeps its name."""

    def __init__(self, folder: Path, name: str, now: datetime) -> None:
        self._target = folder / name
        self._now = now
        self._file: BinaryIO | None = None

    def add(self, rejects: pl.DataFrame, rows: pl.DataFrame) -> None:
        """Add rejects (`REJECT_SCHEMA`) with their rows (source_row and the file's own columns)."""
        if rejects.is_empty():
            return
        is_first = self._file is None
        build_reject_file(rejects, rows).write_csv(self._opened(), include_header=is_first)

    def finish(self) -> Path | None:
        """Close the file and give it its name; None if there was nothing to write."""
        if self._file is None:
            return None
        self._file.close()
        unfinished = self._unfinished
        moment = self._now.timestamp()
        os.utime(unfinished, (moment, moment))  # its age is counted on our clock
        unfinished.replace(self._target)
        self._file = None
        return self._target

    @property
    def _unfinished(self) -> Path:
        return self._target.with_name(self._target.name + _UNFINISHED)

    def _opened(self) -> BinaryIO:
        if self._file is None:
            self._target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self._unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            self._file = os.fdopen(descriptor, "wb")
            self._file.write(_BYTE_ORDER_MARK)
        return self._file


def sweep_rejects(folder: Path, now: datetime) -> int:
    """Delete reject files older than 30 days and what killed imports left; returns how many.

    Only while no other import runs: an unfinished file of one that does would go too.
    """
    oldest = (now - KEPT_FOR).timestamp()
    gone = 0
    for path in folder.glob("*.csv*"):
        if path.suffix == _UNFINISHED or path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)
            gone += 1
    return gone


def forget_in_rejects(folder: Path, phone: str) -> int:
    """Take the rows that hold a number out of all reject files; returns how many rows went."""
    digits = phone.lstrip("+")
    gone = 0
    for path in folder.glob("*.csv"):
        table = pl.read_csv(path, infer_schema=False)
        holds = pl.any_horizontal(
            pl.all().str.replace_all(r"\D", "").str.contains(digits, literal=True).fill_null(False)
        )
        rest = table.filter(~holds)
        if rest.height == table.height:
            continue
        gone += table.height - rest.height
        age = path.stat().st_mtime
        unfinished = path.with_name(path.name + _UNFINISHED)
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(_BYTE_ORDER_MARK)
            rest.write_csv(file)
        os.utime(unfinished, (age, age))
        unfinished.replace(path)
    return gone
