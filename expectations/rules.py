"""What a suite is made of: rules as data, each with what it means to a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["stop", "warn"]
Verdict = Literal["passed", "warned", "failed", "broken"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One expectation: `kind` is a Great Expectations class name, `arguments` its parameters.

    Aggregate expectations on columns with personal data (min, max, distinct values) are banned: they report values.
    """

    name: str
    meaning: str
    kind: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    severity: Severity = "stop"


@dataclass(frozen=True, slots=True)
class Suite:
    """All that must hold of one table at one hand-over; `{name}` in a rule's query is filled from the gate's facts."""

    name: str
    table: str
    rules: tuple[Rule, ...]


def not_null(column: str, meaning: str, severity: Severity = "stop") -> Rule:
    """The column is filled in every row."""
    return Rule(f"{column}_filled", meaning, "ExpectColumnValuesToNotBeNull", {"column": column}, severity)


def unique(column: str, meaning: str) -> Rule:
    """No value of the column appears twice."""
    return Rule(f"{column}_unique", meaning, "ExpectColumnValuesToBeUnique", {"column": column})


def one_of(column: str, values: tuple[str, ...], meaning: str) -> Rule:
    """Every filled value is one of `values`."""
    return Rule(
        f"{column}_known", meaning, "ExpectColumnValuesToBeInSet", {"column": column, "value_set": list(values)}
    )


def between(column: str, low: float | None, high: float | None, meaning: str, severity: Severity = "stop") -> Rule:
    """Every filled value lies in [low, high]; None is open."""
    arguments = {"column": column, "min_value": low, "max_value": high}
    return Rule(f"{column}_in_range", meaning, "ExpectColumnValuesToBeBetween", arguments, severity)


def no_rows(name: str, meaning: str, query: str, severity: Severity = "stop") -> Rule:
    """`query` over `{batch}` finds nothing; double the braces of a regular expression."""
    # GX puts in a table's name or a subquery with an alias of its own, as it pleases: give it one name in one place.
    named = f"WITH held AS (SELECT * FROM {{batch}}) SELECT * FROM ({query.replace('{batch}', 'held')}) AS found"
    return Rule(name, meaning, "UnexpectedRowsExpectation", {"unexpected_rows_query": named}, severity)


def some_rows(meaning: str, severity: Severity = "stop") -> Rule:
    """The table is not empty."""
    return Rule("not_empty", meaning, "ExpectTableRowCountToBeBetween", {"min_value": 1}, severity)


def tokens_only(column: str = "token") -> Rule:
    """The column holds tokens, never numbers."""
    query = (
        f"SELECT count(*) AS n FROM {{batch}} WHERE NOT regexp_full_match({column}, '[0-9a-f]{{{{32}}}}') HAVING n > 0"
    )
    return no_rows(f"{column}_is_token", "people are named by token only", query)
