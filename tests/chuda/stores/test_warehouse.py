"""The warehouse: one writer, whole transactions, tokens computed inside, drafts out of the way."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path

import pytest

from chuda.errors import ProviderTrouble, UsageError
from chuda.stores.warehouse import Warehouse, add_token_macro, drop_draft


@pytest.fixture
def warehouse(tmp_path):
    return Warehouse(tmp_path / "w.duckdb", tmp_path / "scratch", memory_gb=1, wait_s=30)


def test_an_exception_rolls_everything_back(warehouse):
    with warehouse.write() as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS x")
    with pytest.raises(ZeroDivisionError), warehouse.write() as connection:
        connection.execute("INSERT INTO kept VALUES (2)")
        connection.execute("CREATE TABLE lost AS SELECT 1 AS x")
        raise ZeroDivisionError
    with warehouse.read() as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM duckdb_tables()").fetchone() == (1,)


def test_reading_before_anything_was_imported_says_what_to_do(warehouse):
    with pytest.raises(UsageError, match="chuda contacts import"), warehouse.read():
        pass


def test_a_damaged_file_is_one_clear_error(warehouse, tmp_path):
    (tmp_path / "w.duckdb").write_bytes(b"not a database" * 1000)
    with pytest.raises(UsageError, match="backup"), warehouse.write():
        pass


def hold(path: Path, scratch: Path, ready, seconds: float) -> None:
    with Warehouse(path, scratch).write() as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS t AS SELECT 1 AS x")
        ready.set()
        time.sleep(seconds)


@pytest.mark.parametrize(("held_s", "is_waited_out"), [(0.5, True), (6.0, False)])
def test_a_second_writer_waits_and_then_says_so(tmp_path, held_s, is_waited_out):
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    other = context.Process(target=hold, args=(tmp_path / "w.duckdb", tmp_path / "scratch", ready, held_s))
    other.start()
    ready.wait(30)
    mine = Warehouse(tmp_path / "w.duckdb", tmp_path / "scratch", wait_s=30 if is_waited_out else 0.3)
    try:
        if is_waited_out:
            with mine.write() as connection:
                assert connection.execute("SELECT x FROM t").fetchone() == (1,)
        else:
            with pytest.raises(ProviderTrouble, match="another process"), mine.write():
                pass
    finally:
        other.terminate()
        other.join()


def test_tokens_in_sql_are_those_of_python_and_the_key_is_in_no_sql(warehouse, keys):
    phones = ["13800138000", "+85291234567", ""]
    with warehouse.write() as connection:
        add_token_macro(connection, keys)
        rows = connection.execute("SELECT phone_token(p) FROM (SELECT unnest(?) AS p)", [phones]).fetchall()
        definitions = repr(connection.execute("SELECT macro_definition FROM duckdb_functions()").fetchall())
    assert [row[0] for row in rows] == [keys.token(phone) for phone in phones]
    assert keys.token_key.hex() not in definitions


def test_a_draft_keeps_its_tables_to_itself_and_goes_whole(warehouse):
    with warehouse.write() as connection:
        connection.execute("CREATE TABLE shared AS SELECT 1 AS x")
    with warehouse.draft("draft_a") as connection:
        connection.execute("CREATE TABLE people AS SELECT x FROM shared")
    with warehouse.draft("draft_b") as connection:
        connection.execute("CREATE TABLE people AS SELECT 2 AS x")
        assert connection.execute("SELECT x FROM people").fetchone() == (2,)
    with warehouse.draft("draft_a") as connection:
        assert connection.execute("SELECT x FROM people").fetchone() == (1,)
    with warehouse.write() as connection:
        drop_draft(connection, "draft_a")
    with warehouse.read() as connection:
        names = connection.execute("SELECT schema_name, table_name FROM duckdb_tables() ORDER BY ALL").fetchall()
    assert names == [("draft_b", "people"), ("main", "shared")]


def test_a_large_insert_after_an_empty_one_is_not_lost(warehouse):
    with warehouse.write() as connection:
        connection.execute("CREATE TABLE filled (x BIGINT)")
        connection.execute("CREATE TEMP TABLE source AS SELECT range AS x FROM range(400000)")
        connection.execute("INSERT INTO filled SELECT x FROM source WHERE x < 0")
        connection.execute("INSERT INTO filled SELECT x FROM source")
    with warehouse.read() as connection:
        assert connection.execute("SELECT count(*) FROM filled").fetchone() == (400_000,)


def test_spilled_rows_do_not_outlive_the_connection(warehouse, tmp_path):
    with warehouse.write() as connection:
        assert (tmp_path / "scratch").exists()
        connection.execute("SELECT 1")
    assert list((tmp_path / "scratch").iterdir()) == []


def test_what_a_killed_process_spilled_is_removed_by_the_next_one(warehouse, tmp_path):
    left = tmp_path / "scratch" / "duckdb-999999999"
    left.mkdir(parents=True)
    (left / "rows.tmp").write_text("13800138000")
    others = tmp_path / "scratch" / f"duckdb-{os.getppid()}"
    others.mkdir()
    with warehouse.write():
        assert not left.exists()
        assert others.exists()


def test_a_connection_that_closes_leaves_the_spill_of_the_others(warehouse, tmp_path):
    with warehouse.write() as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS x")
    with warehouse.read():
        spill = tmp_path / "scratch" / f"duckdb-{os.getpid()}"
        (spill / "rows.tmp").write_text("13800138000")
        with warehouse.read():
            pass
        assert (spill / "rows.tmp").exists()
    assert not spill.exists()
