"""Conditions on tags: what is understood means the same to the database, and nothing else gets there."""

from __future__ import annotations

import re
from itertools import product

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chuda.campaign import TAG_COLUMNS, ConditionError, parse_condition

ALLOWED = re.compile(
    rf"\"(?:{'|'.join(TAG_COLUMNS)})\"|'(?:[^']|'')*'|-?\d+(?:\.\d+)?|AND|OR|NOT|IN|IS|NULL|BETWEEN|TRUE|FALSE"
    r"|coalesce|list_contains|<=|>=|<>|[=<>(),\s]"
)

numbers = st.one_of(st.integers(-5, 5).map(str), st.sampled_from(["0.5", "2.25"]))
cities = st.sampled_from(["'深圳'", "'广州'", "'O''Brien'", "'a; DROP TABLE x --'"])
operators = st.sampled_from(["=", "<>", "!=", "<", "<=", ">", ">="])
predicates = st.one_of(
    st.builds("points {} {}".format, operators, numbers),
    st.builds("coalesce(points, {}) {} {}".format, numbers, operators, numbers),
    st.builds("city {} {}".format, operators, cities),
    st.builds("points between {} and {}".format, numbers, numbers),
    st.builds("city NOT in ({}, {})".format, cities, cities),
    st.sampled_from(["points IS NULL", "city is not null", "TRUE", "list_contains(tags, 'VIP')", "spending = 'high'"]),
)
conditions = st.recursive(
    predicates,
    lambda inner: st.one_of(
        st.builds("{} and {}".format, inner, inner),
        st.builds("{} OR {}".format, inner, inner),
        st.builds("({})".format, inner),
        st.builds("not {}".format, inner),
    ),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def contacts() -> duckdb.DuckDBPyConnection:
    """Contacts with every combination of a few values, empty ones among them."""
    connection = duckdb.connect()
    connection.execute("create table contacts (points int, city varchar, spending varchar, tags varchar[])")
    rows = product([None, -1, 0, 2, 5], [None, "深圳", "O'Brien"], ["high", "low"], [None, [], ["VIP", "老客"]])
    connection.executemany("insert into contacts values (?, ?, ?, ?)", [list(row) for row in rows])
    return connection


@settings(max_examples=150, deadline=None)
@given(condition=conditions)
def test_what_is_understood_means_the_same_to_the_database(contacts: duckdb.DuckDBPyConnection, condition: str) -> None:
    # The one intended difference: a contact without tags has none, where SQL says "unknown".
    plain = condition.replace("list_contains(tags, 'VIP')", "list_contains(coalesce(tags, []), 'VIP')")
    query = "select rowid from contacts where {} order by rowid"
    understood = contacts.execute(query.format(parse_condition(condition).sql)).fetchall()
    assert understood == contacts.execute(query.format(plain)).fetchall()


@settings(max_examples=100, deadline=None)
@given(condition=conditions)
def test_the_sql_holds_allowed_words_only_and_is_its_own_reading(condition: str) -> None:
    sql = parse_condition(condition).sql
    assert ALLOWED.sub("", sql) == ""
    assert parse_condition(parse_condition(condition).text) == parse_condition(condition)


@settings(max_examples=300, deadline=None)
@given(text=st.text(st.sampled_from(list("pointscity='\"();-/* ,<>!=AND1.5深（")), max_size=60) | st.text(max_size=30))
def test_whatever_is_typed_is_either_understood_or_refused_with_its_place(text: str) -> None:
    try:
        sql = parse_condition(text).sql
    except ConditionError as error:
        assert 0 <= error.offset <= len(text)
    else:
        assert ALLOWED.sub("", sql) == ""


@pytest.mark.parametrize(
    "attack",
    [
        "points = 1; DROP TABLE contacts",
        "points = 1 -- and the rest",
        "points = 1 /* hidden */",
        "points IN (SELECT points FROM vault)",
        "EXISTS (SELECT 1)",
        "(SELECT 1) = points",
        "points = read_text('/etc/passwd')",
        "read_csv('x') = 1",
        "getenv('KEY') = 'x'",
        "points = points",
        "points + 1 = 2",
        "city LIKE '%'",
        "city SIMILAR TO '.*'",
        '"points" = 1',
        "$$x$$ = city",
        "city = E'\\x27'",
        "city = 'a' 'b'",
        "points = 1 UNION SELECT 1",
        "points = CAST('1' AS INT)",
        "CASE WHEN TRUE THEN TRUE END",
        "points = 1e9",
        "points = 0x10",
        "points = ?",
        "points = $1",
        "contacts.points = 1",
        "points",
        "1 = 1",
        "TRUE TRUE",
        "FALSE",
        "",
        "()",
    ],
)
def test_what_is_not_a_plain_condition_is_refused(attack: str) -> None:
    with pytest.raises(ConditionError):
        parse_condition(attack)


def test_nesting_and_length_have_an_end() -> None:
    assert parse_condition("(" * 29 + "TRUE" + ")" * 29).sql == "TRUE"
    for endless in ("(" * 900 + "TRUE" + ")" * 900, "NOT " * 400 + "TRUE", "points = 1 OR " * 200 + "TRUE"):
        with pytest.raises(ConditionError) as caught:
            parse_condition(endless)
        assert caught.value.code in ("condition_nested", "condition_too_long")


def test_the_columns_of_a_condition_are_known() -> None:
    condition = parse_condition("points > 0 AND NOT list_contains(tags, 'VIP') OR City = '深圳'")
    assert condition.columns == {"points", "tags", "city"}
