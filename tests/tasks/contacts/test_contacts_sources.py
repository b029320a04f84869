"""Where rows come from: folders, patterns, a database; and whatever bytes somebody calls a contact file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from contacts_room import token
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chuda.errors import UsageError
from chuda.files import load_yaml
from chuda.stores.sql_source import SqlSource
from tasks.contacts.changed_rows import source_of
from tasks.contacts.cleaning import clean_batches
from tasks.contacts.importing import ImportOptions, MergeCounts
from tasks.contacts.mapping import MappingFile, recognise, write_mapping
from tasks.contacts.opening import expand_paths, open_file, open_query

A, B = "13800138000", "13900139000"


def test_folders_and_patterns_give_their_files_by_name_each_once(tmp_path: Path) -> None:
    for name in ("b.csv", "a.xlsx", ".hidden.csv", "~$a.xlsx", "sub/c.csv"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    found = expand_paths([str(tmp_path), str(tmp_path / "*.csv"), str(tmp_path / "**" / "c.csv")])
    assert [str(path.relative_to(tmp_path)) for path in found] == ["a.xlsx", "b.csv", "sub/c.csv"]


@pytest.mark.parametrize("given", ["missing.csv", "*.nothing", "empty"])
def test_what_has_no_file_is_named(given: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=given.replace("*", r"\*")):
        expand_paths([str(tmp_path / given)])


@pytest.mark.parametrize(
    ("stem", "source"),
    [("会员-2026-11-20", "会员"), ("members_20261120", "members"), ("members_20261120_0200", "members"),
     ("会员2026年11月20日", "会员"), ("store1", "store1"), ("2026-11-20", "2026-11-20"), ("a.202611", "a")],
)  # fmt: skip
def test_every_nights_export_is_the_same_source(stem: str, source: str) -> None:
    assert source_of(stem) == source


@pytest.fixture
def database(tmp_path: Path) -> str:
    path = tmp_path / "crm.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE member (mobile TEXT, nick TEXT, score INTEGER, photo BLOB)")
        rows = [(A, "王小明", 5, b"x"), (B, None, None, None), ("010-62345678", "李", 1, None)]
        connection.executemany("INSERT INTO member VALUES (?, ?, ?, ?)", rows)
    return f"sqlite:///{path}"


def test_a_query_is_imported_like_a_file(room, database: str) -> None:
    query = room.write("members.sql", "SELECT mobile AS 手机号, nick AS 姓名, score AS points, photo FROM member;\n")
    opened = open_query(query, SqlSource(database, "CRM_URL", batch_rows=2), "now")
    done = room._import(lambda importer: importer.contacts(opened, ImportOptions()))
    assert (done.merged, done.counts.rejected_by_reason) == (MergeCounts(2, 0, 0), {"landline": 1})
    stored = room.rows("SELECT name, points, source_row FROM contact_clean WHERE token = ?", token(A))
    assert stored == [("王小明", 5, 1)]


@pytest.mark.parametrize(
    ("query", "said"),
    [("SELECT x FROM missing", "refused the query"), ("SELECT 1 AS a, 2 AS a", "same name"),
     ("CREATE TABLE made (x INT)", "no table"), ("no sql", "refused")],
)  # fmt: skip
def test_a_query_that_gives_no_rows_is_one_message_without_the_url(query: str, said: str, room, database: str) -> None:
    with pytest.raises(UsageError, match=f"CRM_URL.*{said}") as refused:
        open_query(room.write("q.sql", query), SqlSource(database, "CRM_URL"), "now")
    assert "sqlite:" not in str(refused.value)


@pytest.mark.parametrize("url", ["nonsense", "nosuch://user:secret@host/db", ""])
def test_a_url_that_is_none_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(UsageError, match="CRM_URL") as refused:
        SqlSource(url, "CRM_URL")
    assert "secret" not in str(refused.value)


def test_a_query_changes_nothing_in_the_database(room, database: str) -> None:
    path = Path(database.removeprefix("sqlite:///"))
    query = room.write("q.sql", "DELETE FROM member RETURNING mobile AS 手机号")
    opened = open_query(query, SqlSource(database, "CRM_URL"), "now")
    assert len(list(opened.rows.iterate())) == 1
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM member").fetchone() == (3,)


def test_guesses_are_shown_and_a_mapping_file_is_begun_from_them(room, tmp_path: Path) -> None:
    path = room.write("a.csv", f"客户的手机号码,客户称呼,积分\n{A},王小明,5\n")
    names = room.reference.headers
    match = recognise("contacts", open_file(path, names).rows, names, {})
    assert "phone" in match.guesses.values() and match.columns["points"] == "积分"
    write_mapping(tmp_path / "m.yaml", match, names)
    mapping = dict(load_yaml(tmp_path / "m.yaml", MappingFile).columns)
    assert room.contacts(path, mapping=mapping).merged == MergeCounts(1, 0, 0)
    with pytest.raises(UsageError, match="exists already"):
        write_mapping(tmp_path / "m.yaml", match, names)


def read_bytes(content: bytes, path: Path, reference, parameters) -> None:
    """The fuzz target: any bytes as a contact file give an account that adds up, or one clear refusal."""
    path.write_bytes(content)
    try:
        parts = list(clean_batches(open_file(path, reference.headers).rows, parameters, reference))
    except UsageError as refused:
        assert str(refused)
        return
    for part in parts:
        assert part.counts.rows + part.counts.extra_numbers >= part.counts.kept


pieces = st.sampled_from([
    b"\xef\xbb\xbf", b"\xff\xfe", b"\0", b'"', b",", b"\t", b";", b"|", b"\n", b"\r\n", b"\r", A.encode(), b"phone",
    "手机号".encode(), "手机号".encode("gb18030"), "姓名,是否同意".encode(), b"PK\x03\x04", b"PAR1", b"\x1f\x8b",
    b"1.38E+10", b"=cmd|' /C calc'!A0", "１３８".encode(), b"\x81", b"\x1e", b"\x1f", b"sep=;", b" ", b"2026-02-30",
])  # fmt: skip


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(content=b"")
@example(content=b"phone\n" + b"9" * 400)
@given(content=st.one_of(st.binary(max_size=300), st.lists(pieces, max_size=40).map(b"".join)))
def test_whatever_the_bytes_are_a_contact_file_is_read_or_refused(content, tmp_path, reference, parameters) -> None:
    read_bytes(content, tmp_path / "fuzz.csv", reference, parameters)
