"""No phone number outside the vault and the sealed batches: every file of a finished run is searched for the sample's.

DuckDB files are read column by column, because their storage compresses text; everything else byte by byte.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb
import pytest

NUMBER = re.compile(rb"1[3-9]\d{9}")
# In the sample a number stands alone; eleven digits inside an order's id are none.
WRITTEN = re.compile(rb"(?<![0-9A-Za-z])(?:\+?0{0,2}86)?(1[3-9]\d{9})(?![0-9A-Za-z])")
# The user's own files, and the simulator's record, which plays the provider.
OUTSIDE = ("sample", "provider", "state/rejects")


@pytest.fixture(scope="module")
def numbers(demo) -> frozenset[bytes]:
    """Every number of the sample, as the provider and the files have them."""
    found: set[bytes] = set()
    for path in (demo.folder / "sample").glob("*.csv"):
        found |= set(WRITTEN.findall(re.sub(rb"(?<=\d)[ -](?=\d)|[()]", b"", path.read_bytes())))
    assert len(found) > 1000
    return frozenset(found)


def leaks(text: bytes, numbers: frozenset[bytes]) -> set[bytes]:
    return set(NUMBER.findall(text)) & numbers


def kept_files(demo) -> Iterator[Path]:
    for path in demo.folder.rglob("*"):
        if path.is_file() and not str(path.relative_to(demo.folder)).startswith(OUTSIDE):
            yield path


def test_no_file_of_the_run_holds_a_number(demo, numbers):
    searched = 0
    for path in kept_files(demo):
        assert not leaks(path.read_bytes(), numbers), f"{path.relative_to(demo.folder)} holds a phone number"
        searched += 1
    assert searched > 10


@pytest.mark.parametrize("name", ["warehouse.duckdb", "marts.duckdb"])
def test_no_column_of_warehouse_or_marts_holds_a_number(demo, numbers, name):
    with duckdb.connect(str(demo.state / name), read_only=True) as connection:
        for schema, table in _tables(connection):
            rows = connection.execute(f'SELECT * FROM "{schema}"."{table}"').fetchall()
            assert not leaks(repr(rows).encode(), numbers), f"{name}: {table} holds a phone number"


@pytest.mark.parametrize("name", ["ledger.sqlite", "prefect/prefect.db"])
def test_no_row_of_ledger_or_prefect_holds_a_number(demo, numbers, name):
    with sqlite3.connect(f"file:{demo.state / name}?mode=ro", uri=True) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        assert tables
        for table in tables:
            text = b"\n".join(_bytes(connection.execute(f'SELECT * FROM "{table}"')))
            assert not leaks(text, numbers), f"{name}: {table} holds a phone number"


def test_what_was_printed_holds_no_number(demo, numbers):
    assert not leaks(demo.printed.encode(), numbers)


def test_the_search_itself_finds_a_number_that_is_there(demo, numbers):
    assert leaks((demo.folder / "sample" / "contacts.csv").read_bytes(), numbers)
    with sqlite3.connect(f"file:{demo.folder / 'provider' / 'simulator.sqlite'}?mode=ro", uri=True) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        text = b"\n".join(line for t in tables for line in _bytes(connection.execute(f'SELECT * FROM "{t}"')))
    assert leaks(text, numbers)


def test_private_files_are_private(demo):
    for name in ("keys", "ledger.sqlite", "vault.sqlite"):
        assert (demo.state / name).stat().st_mode & 0o077 == 0, name
    for path in (demo.state / "rejects").iterdir():
        assert path.stat().st_mode & 0o077 == 0, path.name


def _tables(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    return connection.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() UNION ALL "
        "SELECT schema_name, view_name FROM duckdb_views() WHERE NOT internal"
    ).fetchall()


def _bytes(rows: Iterable[tuple]) -> Iterator[bytes]:
    for row in rows:
        for cell in row:
            yield cell if isinstance(cell, bytes) else str(cell).encode()
