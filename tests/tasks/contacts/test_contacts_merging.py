"""Merging in the warehouse: the same rule as inside a file, nothing changed by repeating, nothing lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chuda.clock import BUSINESS_ZONE
from chuda.errors import ChudaError
from tasks.contacts.contact_fields import CANDIDATE_SCHEMA
from tasks.contacts.duplicates import merge_duplicates
from tasks.contacts.merging import (
    MergeCounts,
    append_incoming,
    create_contact_tables,
    create_incoming_tables,
    merge_contacts,
    merge_records,
)

NOW = datetime(2026, 11, 20, 10, tzinfo=BUSINESS_ZONE)
LATER = NOW + timedelta(days=1)
DAY = datetime(2026, 1, 1, tzinfo=BUSINESS_ZONE)
CONTACT = {"phone": "13800138000", "phone_region": "CN", "number_type": "mobile", "consent": "none", "source_row": 2}
FIELDS = [name for name in CANDIDATE_SCHEMA if name not in ("phone", "source_row")]


@pytest.fixture
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(config={"threads": 2})
    connection.execute("SET TimeZone = 'Asia/Shanghai'")
    create_contact_tables(connection)
    yield connection
    connection.close()


def people(*changes: dict) -> pl.DataFrame:
    return pl.DataFrame([{**CONTACT, **change} for change in changes], schema=CANDIDATE_SCHEMA)


def take_in(connection, rows: pl.DataFrame, *, now: datetime = NOW, states_consent: bool = True, **constants: str):
    create_incoming_tables(connection)
    append_incoming(connection, "contact_incoming", as_incoming(rows, states_consent=states_consent, **constants))
    return merge_contacts(connection, now)


def as_incoming(rows: pl.DataFrame, *, states_consent: bool = True, **constants: str) -> pl.DataFrame:
    constants = {"source_file": "a.csv", "import_id": "i1", **constants}
    named = {name: pl.lit(value) for name, value in constants.items()}
    return rows.rename({"phone": "token"}).with_columns(states_consent=pl.lit(states_consent), **named)


def stored(connection) -> pl.DataFrame:
    return connection.execute("SELECT * FROM contact_clean ORDER BY token").pl()


def person(connection) -> dict:
    return stored(connection).row(0, named=True)


def test_new_people_are_stored_with_all_their_fields(warehouse) -> None:
    rows = people({"name": "王小明", "tags": ["VIP"], "points": 5, "consent": "granted", "consent_at": DAY})
    assert take_in(warehouse, rows) == MergeCounts(new=1, changed=0, unchanged=0)
    found = person(warehouse)
    assert (found["name"], found["tags"], found["points"], found["source_file"]) == ("王小明", ["VIP"], 5, "a.csv")
    assert (found["consent_at"], found["newest_at"], found["updated_at"]) == (DAY, DAY, NOW)


def test_importing_the_same_again_changes_nothing_not_even_the_time(warehouse) -> None:
    rows = people({"name": "王", "consent": "granted", "consent_at": DAY}, {"consent": "denied", "source_row": 3})
    take_in(warehouse, rows)
    before = stored(warehouse)
    assert take_in(warehouse, rows, now=LATER, import_id="i2") == MergeCounts(new=0, changed=0, unchanged=1)
    assert stored(warehouse).equals(before)


def test_a_later_file_wins_field_by_field_and_says_where_the_change_came_from(warehouse) -> None:
    take_in(warehouse, people({"name": "王小明", "surname": "王", "city": "深圳", "points": 1}))
    counts = take_in(warehouse, people({"name": "Tom", "points": 2}), now=LATER, import_id="i2", source_file="b.csv")
    found = person(warehouse)
    assert counts == MergeCounts(new=0, changed=1, unchanged=0)
    assert (found["name"], found["surname"], found["city"], found["points"]) == ("Tom", None, "深圳", 2)
    assert (found["source_file"], found["import_id"], found["updated_at"]) == ("b.csv", "i2", LATER)


def test_a_record_that_is_older_by_its_own_time_only_fills_gaps(warehouse) -> None:
    take_in(warehouse, people({"name": "新", "consent": "granted", "consent_at": LATER}))
    take_in(warehouse, people({"name": "旧", "city": "深圳", "consent": "granted", "consent_at": DAY}))
    found = person(warehouse)
    assert (found["name"], found["city"], found["consent_at"]) == ("新", "深圳", LATER)


GRANTED = {"consent": "granted", "consent_at": DAY, "consent_source": "门店"}
GRANTED_LATER = {"consent": "granted", "consent_at": NOW, "consent_source": "官网"}


@pytest.mark.parametrize(
    ("first", "second", "consent", "source"),
    [
        (GRANTED, {"consent": "denied", "consent_source": "客服"}, "denied", "客服"),
        ({"consent": "denied", "consent_source": "客服"}, GRANTED_LATER, "denied", "客服"),
        (GRANTED, {"consent": "none"}, "none", None),
        ({"consent": "none"}, GRANTED, "granted", "门店"),
        (GRANTED, GRANTED_LATER, "granted", "官网"),
        (GRANTED_LATER, GRANTED, "granted", "官网"),
    ],
)
def test_consent_across_imports(first: dict, second: dict, consent: str, source: str | None, warehouse) -> None:
    take_in(warehouse, people(first))
    take_in(warehouse, people(second))
    assert (person(warehouse)["consent"], person(warehouse)["consent_source"]) == (consent, source)


def test_consent_that_was_lost_comes_back_only_by_a_newer_grant(warehouse) -> None:
    for change in (GRANTED, {"consent": "none"}, GRANTED):
        take_in(warehouse, people(change))
    assert person(warehouse)["consent"] == "none"
    take_in(warehouse, people(GRANTED_LATER))
    assert person(warehouse)["consent"] == "granted"


def test_a_file_that_says_nothing_of_consent_leaves_it_alone_and_blocks_nothing(warehouse) -> None:
    take_in(warehouse, people({"points": 1}), states_consent=False)
    assert (person(warehouse)["consent"], person(warehouse)["states_consent"]) == ("none", False)
    take_in(warehouse, people({**GRANTED, "consent_at": None}))
    assert person(warehouse)["consent"] == "granted"
    take_in(warehouse, people({"points": 2}), states_consent=False)
    assert (person(warehouse)["consent"], person(warehouse)["points"]) == ("granted", 2)


PHONES = [f"138001380{number:02}" for number in range(25)]
OPTIONAL = {
    "name": st.sampled_from([None, "王", "李", "Tom"]),
    "surname": st.sampled_from([None, "王"]),
    "city": st.sampled_from([None, "深圳", "上海"]),
    "points": st.sampled_from([None, 1, 2]),
    "tags": st.sampled_from([None, ["VIP"], ["新客", "VIP"]]),
    "consent": st.sampled_from(["granted", "none", "denied"]),
    "consent_at": st.sampled_from([None, DAY, NOW, LATER]),
    "phone": st.sampled_from(PHONES),
}
# Few examples with many people each: a merge costs the same for one person as for thirty.
batches = st.lists(st.fixed_dictionaries(OPTIONAL), min_size=1, max_size=60)


def numbered(rows: list[dict]) -> pl.DataFrame:
    return people(*({**row, "source_row": place} for place, row in enumerate(rows, 2)))


@pytest.fixture(scope="module")
def shared() -> Iterator[duckdb.DuckDBPyConnection]:
    """A warehouse for many examples; each begins with `emptied`."""
    connection = duckdb.connect(config={"threads": 1})
    create_contact_tables(connection)
    yield connection
    connection.close()


def emptied(connection):
    for table in ("contact_clean", "contact_record", "consent_past"):
        connection.execute(f"DELETE FROM {table}")
    return connection


@settings(max_examples=8, deadline=None)
@given(rows=batches)
def test_the_rule_in_the_warehouse_is_the_rule_inside_a_file(rows: list[dict], shared) -> None:
    frame = numbered(rows)
    take_in(emptied(shared), frame)
    expected = merge_duplicates(frame).sort("phone").select(FIELDS)
    assert stored(shared).select(FIELDS).cast(dict(expected.schema)).equals(expected)


@settings(max_examples=8, deadline=None)
@given(first=batches, second=batches, says=st.booleans())
def test_merging_is_idempotent_and_nobody_comes_twice(first: list, second: list, says: bool, shared) -> None:
    connection = emptied(shared)
    take_in(connection, numbered(first))
    take_in(connection, numbered(second), states_consent=says)
    before = stored(connection)
    assert before["token"].is_unique().all()
    again = take_in(connection, numbered(second), states_consent=says, now=LATER, import_id="i9")
    assert (again.new, again.changed) == (0, 0)
    assert stored(connection).equals(before)


@settings(max_examples=8, deadline=None)
@given(imports=st.lists(batches, min_size=1, max_size=3))
def test_who_ever_denied_stays_denied(imports: list[list[dict]], shared) -> None:
    connection = emptied(shared)
    for rows in imports:
        take_in(connection, numbered(rows))
    denied = {row["phone"] for rows in imports for row in rows if row["consent"] == "denied"}
    assert set(stored(connection).filter(pl.col("consent") == "denied")["token"]) == denied


def test_a_large_import_after_an_empty_one_in_the_same_transaction_is_not_lost(warehouse) -> None:
    """DuckDB 1.5.5 loses it when the empty insert is really run."""
    tokens = pl.DataFrame({"phone": [f"{number:032x}" for number in range(200_000)]})
    rows = tokens.with_columns(**{name: pl.lit(value) for name, value in CONTACT.items() if name != "phone"})
    rows = pl.concat([people(), rows], how="diagonal_relaxed")
    warehouse.execute("BEGIN")
    assert take_in(warehouse, people()) == MergeCounts(new=0, changed=0, unchanged=0)
    create_incoming_tables(warehouse)
    append_incoming(warehouse, "contact_incoming", as_incoming(people()))
    append_incoming(warehouse, "contact_incoming", as_incoming(rows))
    assert merge_contacts(warehouse, NOW).new == 200_000
    warehouse.execute("COMMIT")
    assert warehouse.execute("SELECT count(*), count(DISTINCT token) FROM contact_clean").fetchone() == (
        200_000,
        200_000,
    )


def test_a_table_that_did_not_take_what_was_written_is_an_error() -> None:
    class Forgetful:
        def execute(self, query: object, parameters: object = None) -> Forgetful:
            return self

        def extract_statements(self, query: str) -> list:
            return []

        def fetchone(self) -> tuple[int]:
            return (0,)

    with pytest.raises(ChudaError, match="contact_incoming holds 0 rows where 1"):
        append_incoming(Forgetful(), "contact_incoming", people({}))


def test_alternates_are_added_once(warehouse) -> None:
    pairs = pl.DataFrame({"token": ["a", "a", "b"], "alternate_token": ["x", "x", "y"]})
    for _ in range(2):
        create_incoming_tables(warehouse)
        append_incoming(warehouse, "alternate_incoming", pairs)
        merge_contacts(warehouse, NOW)
    assert warehouse.execute("SELECT * FROM contact_alternate ORDER BY ALL").fetchall() == [("a", "x"), ("b", "y")]


ORDER = {
    "order_id": "D1",
    "token": None,
    "source_id": "M1",
    "paid_at": DAY,
    "amount": 5,
    "source_row": 2,
    "import_id": "i1",
}


def order(**changes: object) -> pl.DataFrame:
    return pl.DataFrame([{**ORDER, **changes}], schema_overrides={"token": pl.String})


def test_orders_find_their_person_by_member_number_and_are_stored_once(warehouse) -> None:
    take_in(warehouse, people({"source_id": "M1"}))
    for expected in (MergeCounts(1, 0, 0, 1), MergeCounts(0, 0, 1, 1)):
        create_incoming_tables(warehouse)
        append_incoming(warehouse, "order_incoming", order())
        append_incoming(warehouse, "order_incoming", order(order_id="D2", source_id="M9", source_row=3))
        assert merge_records(warehouse, "orders") == expected
    assert warehouse.execute("SELECT order_id, token FROM order_clean").fetchall() == [("D1", CONTACT["phone"])]
    assert warehouse.execute("SELECT order_id, source_row FROM order_unresolved").fetchall() == [("D2", 3)]


def test_a_corrected_order_replaces_the_one_on_record(warehouse) -> None:
    for amount in (5, 6):
        create_incoming_tables(warehouse)
        append_incoming(warehouse, "order_incoming", order(token="t", amount=amount))
        counts = merge_records(warehouse, "orders")
    assert counts == MergeCounts(0, 1, 0, 0)
    assert [float(row[0]) for row in warehouse.execute("SELECT amount FROM order_clean").fetchall()] == [6.0]


def test_events_are_merged_like_orders(warehouse) -> None:
    event = {"event_id": "E1", "token": "t", "kind": "visit", "at": DAY, "source_row": 2, "import_id": "i1"}
    for expected in (MergeCounts(1, 0, 0), MergeCounts(0, 0, 1)):
        create_incoming_tables(warehouse)
        append_incoming(warehouse, "event_incoming", pl.DataFrame([event]))
        assert merge_records(warehouse, "events") == expected


def test_every_column_has_a_comment_and_no_column_a_phone(warehouse) -> None:
    columns = warehouse.execute(
        "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal"
    ).fetchall()
    assert {table for table, _, _ in columns} >= {"contact_clean", "contact_alternate", "order_clean", "event_clean"}
    assert [(table, column) for table, column, comment in columns if not comment] == []
    assert "phone" not in {column for _, column, _ in columns}
