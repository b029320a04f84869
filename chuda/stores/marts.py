"""The marts file: built aside from the warehouse, renamed into place, opened for reading at any time.

DuckDB lets one transaction write one database file, and detaches none that has open work. So the marts are written by
a second connection to the warehouse's own instance, in a transaction of its own: it sees what is *committed* in the
warehouse, and works just as well where the warehouse is open for reading only.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from chuda.errors import ChudaError, UsageError

Connection = duckdb.DuckDBPyConnection
MARTS_ALIAS = "marts_new"
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


class NoMartsYet(UsageError):
    """There is no marts file that could be opened."""


@contextmanager
def writing_marts(warehouse: Connection, path: Path, *, is_copied: bool = False) -> Iterator[Connection]:
    """A connection that writes tables of a new marts file and reads the warehouse, both by plain names.

    The new file is empty, or with `is_copied` a copy of the one at `path`. At the end it is made durable and renamed
    to `path`; after an exception it is removed and `path` stays as it was. Whoever holds the old file open keeps it.
    A second refresh waits for the first.

    Raises:
        ChudaError: `warehouse` has an open transaction, whose changes would be missed: commit first.
        NoMartsYet: there is nothing to copy, or it is damaged.
    """
    if _has_open_transaction(warehouse):
        raise ChudaError("the marts are built from what is committed: end the warehouse transaction, then refresh")
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.new")
    with _alone(path):
        _remove(fresh)
        try:
            if is_copied:
                _copy(path, fresh)
            with _attached(warehouse, fresh) as connection:
                yield connection
            _publish(fresh, path)
        finally:
            _remove(fresh)


def open_marts(path: Path) -> Connection:
    """Open a marts file for reading, with times in Asia/Shanghai; the caller closes it.

    A process that still holds an older file of this path gets that one again: close it first.

    Raises:
        NoMartsYet: there is none yet, or it is damaged.
    """
    if not path.exists():
        raise NoMartsYet(f"there are no marts yet ({path.name}): run `chuda kpi refresh`")
    try:
        connection = duckdb.connect(str(path), read_only=True, config=_SETTINGS)
    except duckdb.Error as error:
        raise NoMartsYet(
            f"{path.name} cannot be opened ({type(error).__name__}): run `chuda kpi refresh`, which writes it anew"
        ) from error
    connection.execute("SET TimeZone = 'Asia/Shanghai'")
    return connection


def read_rows(connection: Connection, sql: str) -> list[dict[str, Any]]:
    """The rows of a small result as dictionaries by column name."""
    cursor = connection.execute(sql)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _has_open_transaction(connection: Connection) -> bool:
    # Outside of a transaction every statement is one of its own, with a number of its own.
    return _transaction_number(connection) == _transaction_number(connection)


def _transaction_number(connection: Connection) -> int:
    row = connection.execute("SELECT txid_current()").fetchone()
    assert row is not None
    return int(row[0])


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _attached(warehouse: Connection, fresh: Path) -> Iterator[Connection]:
    with warehouse.cursor() as connection:
        row = connection.execute("SELECT current_database()").fetchone()
        assert row is not None
        quoted = str(fresh).replace("'", "''")
        connection.execute("SET TimeZone = 'Asia/Shanghai'")
        try:
            connection.execute(f"ATTACH '{quoted}' AS {MARTS_ALIAS} (READ_WRITE)")
        except duckdb.Error as error:
            raise NoMartsYet(f"{fresh.stem} cannot be opened ({type(error).__name__})") from error
        try:
            connection.execute(f"""SET search_path = '{MARTS_ALIAS}.main,"{row[0]}".main'""")
            connection.execute("BEGIN")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                connection.execute("ROLLBACK")
                raise
        finally:
            connection.execute("RESET search_path")
            connection.execute(f"DETACH {MARTS_ALIAS}")


def _copy(path: Path, fresh: Path) -> None:
    if not path.exists():
        raise NoMartsYet(f"there are no marts yet ({path.name})")
    shutil.copyfile(path, fresh)


def _publish(fresh: Path, path: Path) -> None:
    with fresh.open("rb+") as file:
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _remove(fresh: Path) -> None:
    fresh.unlink(missing_ok=True)
    fresh.with_name(f"{fresh.name}.wal").unlink(missing_ok=True)
