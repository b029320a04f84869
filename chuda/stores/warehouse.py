"""The warehouse: DuckDB with contacts by token, tags, segments, plans and events; one writer at a time.

DuckDB lets only one process open a file for writing, and nobody read it meanwhile; so every opening goes through one
file lock, with a wait. Any exception rolls back.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import duckdb
import polars as pl

from chuda.errors import ProviderTrouble, UsageError
from chuda.keys import TOKEN_LENGTH, Keys

Connection = duckdb.DuckDBPyConnection
_POLL_S = 0.1
_TOKENS_AT_ONCE = 60_000
# Nothing is ever fetched.
_NO_EXTENSIONS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
_SPILL = "duckdb-"
_spill_lock = threading.Lock()
_spill_users: Counter[Path] = Counter()


class Warehouse:
    """One warehouse file; `write` is exclusive, `read` is shared among readers."""

    def __init__(self, path: Path, scratch: Path, memory_gb: float = 5.0, wait_s: float = 600.0) -> None:
        self._path = path
        self._scratch = scratch
        self._memory_gb = memory_gb
        self._wait_s = wait_s

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction with the file to itself; committed at the end, rolled back on any exception.

        Raises:
            ProviderTrouble: another process keeps the warehouse longer than the wait.
            UsageError: the file is not a warehouse or is damaged.
        """
        with self._locked(fcntl.LOCK_EX), self._open(read_only=False) as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")  # one that fails has rolled back by itself

    @contextmanager
    def draft(self, draft_id: str) -> Iterator[Connection]:
        """Like `write`, with tables of its own: what is created lands in the draft, what is read is found in both.

        Several stages build one plan; a draft keeps what they hand over out of everybody else's way.
        """
        with self.write() as connection:
            connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{draft_id}"')
            # Drafts live for minutes: packing them costs more than all they hold. Tokens and texts pack badly anyway.
            connection.execute("SET force_compression = 'uncompressed'")
            connection.execute(f"SET search_path = '{draft_id},main'")
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """The committed state, for reading only."""
        if not self._path.exists():
            raise UsageError("the warehouse is empty; import contacts first: `chuda contacts import FILE`")
        with self._locked(fcntl.LOCK_SH), self._open(read_only=True) as connection:
            yield connection

    @contextmanager
    def _locked(self, mode: int) -> Iterator[None]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("w") as lock:
            self._wait_for(lock, mode)
            yield

    def _wait_for(self, lock: IO[str], mode: int) -> None:
        give_up = time.monotonic() + self._wait_s
        while True:
            try:
                fcntl.flock(lock, mode | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > give_up:
                    raise ProviderTrouble(
                        f"another process has kept the warehouse for {self._wait_s:.0f} s; repeat when it is done"
                    ) from None
                time.sleep(_POLL_S)

    @contextmanager
    def _open(self, read_only: bool) -> Iterator[Connection]:
        with _spilling(self._scratch) as spill, self._connect(spill, read_only) as connection:
            yield connection

    @contextmanager
    def _connect(self, spill: Path, read_only: bool) -> Iterator[Connection]:
        try:
            connection = duckdb.connect(str(self._path), read_only=read_only, config=self._settings(spill))
        except duckdb.Error as error:
            raise UsageError(
                f"{self._path.name} cannot be opened ({type(error).__name__}): restore it from a backup, or delete it "
                "and import the contact files again"
            ) from error
        try:
            connection.execute("SET TimeZone = 'Asia/Shanghai'")
            yield connection
        finally:
            connection.close()

    def _settings(self, spill: Path) -> dict[str, str | bool | int | float | list[str]]:
        return {
            "temp_directory": str(spill),
            "memory_limit": f"{self._memory_gb}GB",
            **_NO_EXTENSIONS,
            # With it DuckDB 1.5.5 loses rows: in a transaction, a large INSERT ... SELECT after an empty one into the
            # same table stores nothing. Whoever needs an order says so.
            "preserve_insertion_order": False,
        }


@contextmanager
def _spilling(scratch: Path) -> Iterator[Path]:
    """The folder this process spills into while it has a connection open, for us alone, gone with the last one.

    DuckDB spills rows in the clear: only inside the state folder. Connections of one process to one file are one
    database to DuckDB and must name the same folder, so it is counted who is in it.
    """
    spill = scratch / f"{_SPILL}{os.getpid()}"
    with _spill_lock:
        if not _spill_users[spill]:
            _sweep(scratch)
            spill.mkdir(parents=True, mode=0o700)
        _spill_users[spill] += 1
    try:
        yield spill
    finally:
        with _spill_lock:
            _spill_users[spill] -= 1
            if not _spill_users[spill]:
                shutil.rmtree(spill, ignore_errors=True)


def _sweep(scratch: Path) -> None:
    """Remove what processes left that were killed: their folders say whose they are."""
    for folder in scratch.glob(f"{_SPILL}*"):
        owner = folder.name.removeprefix(_SPILL)
        if not owner.isdigit() or int(owner) == os.getpid() or not _is_alive(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def add_token_macro(connection: Connection, keys: Keys) -> None:
    """Define `phone_token(phone)` on this connection: the same HMAC-SHA256 token as `Keys.token`, vectorised.

    The key blocks are connection variables, not SQL text, so that no error message can quote them.
    """
    inner, outer = keys.hmac_pads()
    connection.execute("SET VARIABLE hmac_inner = $1", [inner])
    connection.execute("SET VARIABLE hmac_outer = $1", [outer])
    connection.execute(
        "CREATE OR REPLACE TEMP MACRO phone_token(phone) AS "
        "sha256(getvariable('hmac_outer') || unhex(sha256(getvariable('hmac_inner') || encode(phone))))"
        f"[1:{TOKEN_LENGTH}]"
    )


def compute_tokens(texts: pl.Series, keys: Keys) -> pl.Series:
    """The token of every text, in the same order; vectorised, without opening the warehouse."""
    if texts.is_empty():
        return pl.Series("token", [], pl.String)
    with duckdb.connect(":memory:", config=_NO_EXTENSIONS) as connection:
        add_token_macro(connection, keys)
        numbered = texts.to_frame("text").with_row_index("place")
        # A table of one chunk is read by one thread.
        chunks = list(numbered.iter_slices(_TOKENS_AT_ONCE))
        connection.register("in_clear", pl.concat(chunks, rechunk=False).to_arrow())
        found = connection.execute("SELECT place, phone_token(text) AS token FROM in_clear").pl()
        return found.sort("place")["token"]


def drop_draft(connection: Connection, draft_id: str) -> None:
    """Remove a draft and all its tables; in a transaction of its own, for DuckDB cannot drop what it just filled."""
    connection.execute(f'DROP SCHEMA IF EXISTS "{draft_id}" CASCADE')
