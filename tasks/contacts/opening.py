"""Where rows come from: files, folders and patterns of them, and queries to the customer's own database."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from chuda.errors import UsageError
from chuda.stores.sql_source import SqlSource
from tasks.contacts.columns import HeaderNames
from tasks.contacts.inbox import import_id_of
from tasks.contacts.layout import Layout
from tasks.contacts.reading import RawBatch, RawRows, open_rows

_PATTERN = "*?["
_NOT_A_LIST = ("~$", ".")  # Excel's lock files, hidden files


@dataclass(frozen=True, slots=True)
class Opened:
    """Something to import: its rows, the name it goes by, the stem its rejects are called after, its import id."""

    rows: RawRows
    name: str
    stem: str
    import_id: str


def expand_paths(given: Sequence[str]) -> list[Path]:
    """The files meant by paths, folders and patterns (`exports/*.csv`), in the order given, each once.

    Raises:
        UsageError: a path does not exist, a folder or pattern has no file.
    """
    found: dict[Path, None] = {}
    for text in given:
        files = _expand(text)
        if not files:
            raise UsageError(f"{text}: there is no such file" if _is_plain(text) else f"{text}: no file there")
        found.update(dict.fromkeys(files))
    return list(found)


def open_file(path: Path, names: HeaderNames, sheet: str | None = None) -> Opened:
    """Open a file for import.

    Raises:
        UsageError: there is no such file, or it is no table.
    """
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file")
    return Opened(open_rows(path, names, sheet=sheet), path.name, path.stem, import_id_of(path))


def open_query(query_file: Path, source: SqlSource, asked_at: str) -> Opened:
    """Open a query for import; every run of it is an import of its own.

    Raises:
        UsageError: the query file cannot be read, or the database does not answer the query.
    """
    try:
        query = query_file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"{query_file}: cannot be read as a UTF-8 text with one SELECT") from None
    columns = source.columns(query)

    def iterate() -> Iterator[RawBatch]:
        row = 1
        for rows in source.batches(query):
            frame = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")
            yield RawBatch(frame.with_row_index("source_row", row).cast({"source_row": pl.UInt32}))
            row += frame.height

    import_id = hashlib.sha256(f"{query}\0{asked_at}".encode()).hexdigest()[:16]
    raw = RawRows(query_file, "sql", Layout(columns, 0), None, iterate)
    return Opened(raw, query_file.name, query_file.stem, import_id)


def _expand(text: str) -> list[Path]:
    path = Path(text)
    if path.is_dir():
        return _lists(path.iterdir())
    if path.exists() or _is_plain(text):
        return [path] if path.exists() else []
    root = Path(path.anchor or ".")
    return _lists(root.glob(str(path.relative_to(root)) if path.anchor else text))


def _is_plain(text: str) -> bool:
    return not any(mark in text for mark in _PATTERN) and not Path(text).is_dir()


def _lists(paths: Iterator[Path]) -> list[Path]:
    return sorted(path for path in paths if path.is_file() and not path.name.startswith(_NOT_A_LIST))
