"""The marts file: built aside, renamed into place, readable at any time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from chuda.errors import ChudaError, UsageError
from chuda.stores.marts import open_marts, writing_marts

READER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=True)
for _ in sys.stdin:
    print(connection.execute("select x from t").fetchone()[0], flush=True)
"""


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(str(tmp_path / "warehouse.duckdb"))
    connection.execute("create table source as select 1 as x")
    yield connection
    connection.close()


def write(warehouse: duckdb.DuckDBPyConnection, path: Path, value: int) -> None:
    with writing_marts(warehouse, path) as connection:
        connection.execute(f"create table t as select x + {value - 1} as x from source")


def read(path: Path) -> int:
    with open_marts(path) as connection:
        row = connection.execute("select x from t").fetchone()
    assert row is not None
    return int(row[0])


def test_new_tables_go_into_the_file_and_nothing_into_the_warehouse(
    warehouse: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    write(warehouse, tmp_path / "marts.duckdb", 5)
    assert read(tmp_path / "marts.duckdb") == 5
    assert warehouse.execute("select table_name from duckdb_tables()").fetchall() == [("source",)]
    assert not (tmp_path / "marts.duckdb.new").exists()


def test_an_analyst_keeps_the_old_file_and_the_next_one_gets_the_new(
    warehouse: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = tmp_path / "marts.duckdb"
    write(warehouse, path, 1)
    with subprocess.Popen(
        [sys.executable, "-c", READER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as analyst:
        assert analyst.stdin is not None and analyst.stdout is not None
        print(file=analyst.stdin, flush=True)
        assert analyst.stdout.readline() == "1\n"
        write(warehouse, path, 2)
        print(file=analyst.stdin, flush=True)
        assert analyst.stdout.readline() == "1\n"
        analyst.stdin.close()
    assert read(path) == 2


def test_an_exception_leaves_the_old_file_and_nothing_else(
    warehouse: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = tmp_path / "marts.duckdb"
    write(warehouse, path, 1)
    with pytest.raises(ZeroDivisionError), writing_marts(warehouse, path) as connection:
        connection.execute("create table t as select 2 as x")
        raise ZeroDivisionError
    assert read(path) == 1
    assert not (tmp_path / "marts.duckdb.new").exists()
    write(warehouse, path, 3)
    assert read(path) == 3


def test_a_broken_statement_does_not_hide_its_error(warehouse: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    with pytest.raises(duckdb.CatalogException), writing_marts(warehouse, tmp_path / "marts.duckdb") as connection:
        connection.execute("create table t as select * from nowhere")
    write(warehouse, tmp_path / "marts.duckdb", 1)


def test_what_a_crash_left_is_cleared(warehouse: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    (tmp_path / "marts.duckdb.new").write_bytes(b"half a file")
    (tmp_path / "marts.duckdb.new.wal").write_bytes(b"half a log")
    write(warehouse, tmp_path / "marts.duckdb", 4)
    assert read(tmp_path / "marts.duckdb") == 4


def test_an_open_transaction_is_refused_because_its_changes_would_be_missed(
    warehouse: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    warehouse.execute("begin")
    warehouse.execute("insert into source values (9)")
    with pytest.raises(ChudaError, match="committed"):
        write(warehouse, tmp_path / "marts.duckdb", 1)
    warehouse.execute("commit")
    write(warehouse, tmp_path / "marts.duckdb", 1)


def test_a_warehouse_open_for_reading_is_enough(warehouse: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    warehouse.close()
    with duckdb.connect(str(tmp_path / "warehouse.duckdb"), read_only=True) as reading:
        write(reading, tmp_path / "marts.duckdb", 6)
    assert read(tmp_path / "marts.duckdb") == 6


def test_paths_with_quotes_are_taken_literally(warehouse: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    write(warehouse, tmp_path / "it's here" / "marts.duckdb", 7)
    assert read(tmp_path / "it's here" / "marts.duckdb") == 7


def test_marts_cannot_be_changed_by_those_who_read_them(warehouse: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    write(warehouse, tmp_path / "marts.duckdb", 1)
    with open_marts(tmp_path / "marts.duckdb") as connection, pytest.raises(duckdb.InvalidInputException):
        connection.execute("drop table t")


def test_missing_and_damaged_files_are_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="kpi refresh"):
        open_marts(tmp_path / "marts.duckdb")
    (tmp_path / "marts.duckdb").write_bytes(os.urandom(8192))
    with pytest.raises(UsageError, match="kpi refresh"):
        open_marts(tmp_path / "marts.duckdb")
