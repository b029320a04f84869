"""The gate tells good data, doubtful data, bad data and a broken check apart, and quotes no value."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb
import pytest

from chuda.errors import GateBroken, GateFailed
from expectations.gate import GateResult, check
from expectations.rules import Rule, Suite, between, no_rows, not_null, one_of, some_rows, tokens_only, unique

NOW = datetime(2026, 11, 20, tzinfo=UTC)
RULES = (
    some_rows("there are people"),
    not_null("token", "everybody has a token"),
    unique("token", "nobody is there twice"),
    tokens_only(),
    one_of("consent", ("granted", "denied", "none"), "consent is one of three words"),
    between("points", 0, 1000, "points are plausible", severity="warn"),
    no_rows("row_limit", "no more rows than allowed",
            "SELECT count(*) AS n FROM {batch} HAVING n > $limit"),
)  # fmt: skip
SUITE = Suite("people", "people", RULES)


def run(rows: str, suite: Suite = SUITE) -> GateResult:
    connection = duckdb.connect()
    connection.execute("BEGIN")
    connection.execute(f"CREATE TEMP TABLE people AS SELECT * FROM (VALUES {rows}) AS t(token, consent, points)")
    return check(connection, suite, "test.csv", NOW, {"limit": 3})


GOOD = "(repeat('a', 32), 'granted', 5), (repeat('b', 32), 'none', 7)"


def test_good_data_passes_inside_an_open_transaction():
    result = run(GOOD)
    assert result.verdict == "passed"
    result.raise_if_stopped()


def test_a_warning_lets_the_data_through_and_is_kept():
    result = run(GOOD.replace("7", "7000"))
    assert result.verdict == "warned"
    assert [(f.rule, f.unexpected) for f in result.unmet()] == [("points_in_range", 1)]
    result.raise_if_stopped()


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        (GOOD.replace("'b'", "'a'"), "token_unique"),
        (GOOD.replace("repeat('b', 32)", "'13800138000'"), "token_is_token"),
        (GOOD.replace("repeat('b', 32)", "NULL"), "token_filled"),
        (GOOD.replace("'none'", "'maybe'"), "consent_known"),
        (", ".join(f"(repeat('{c}', 32), 'none', 1)" for c in "abcd"), "row_limit"),
    ],
)
def test_bad_data_stops_by_the_name_of_the_rule_without_quoting_values(rows, rule):
    result = run(rows)
    assert result.verdict == "failed"
    assert rule in [f.rule for f in result.unmet()]
    with pytest.raises(GateFailed) as caught:
        result.raise_if_stopped()
    assert "13800138000" not in str(caught.value) + repr(result)


def test_an_empty_table_fails_where_rows_are_demanded():
    result = run(GOOD + ") AS t(token, consent, points) WHERE false --")
    assert [f.rule for f in result.unmet()] == ["not_empty"]
    assert result.verdict == "failed"


@pytest.mark.parametrize(
    "rule",
    [
        not_null("no_such_column", "impossible"),
        no_rows("broken_sql", "impossible", "SELECT nonsense FROM {batch}"),
        no_rows("cast", "impossible", "SELECT CAST('13800138000x' AS INTEGER) FROM {batch}"),
        Rule("unsupported", "impossible", "ExpectColumnValuesToMatchRegex", {"column": "token", "regex": "a"}),
    ],
)
def test_a_check_that_cannot_run_is_an_error_and_not_bad_data(rule):
    result = run(GOOD, Suite("people", "people", (*RULES, rule)))
    assert result.verdict == "broken"
    with pytest.raises(GateBroken, match=rule.name) as caught:
        result.raise_if_stopped()
    assert "13800138000" not in str(caught.value) + repr(result)
