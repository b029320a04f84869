"""The budget binds: the people beyond it are left out by name, whichever variant they would get."""

from __future__ import annotations

from decimal import Decimal

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chuda.errors import Refused
from tasks.planning.budget import keep_within_budget


def kept(parts: list[list[int]], budget: str, price: str = "0.05") -> list[str]:
    """Who is kept of people whose variants cost `parts` each."""
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE message_rendered (token VARCHAR, parts UINTEGER)")
        connection.execute("CREATE TABLE audience_excluded (token VARCHAR, reason VARCHAR)")
        rows = [(f"{number:032x}", each) for number, variants in enumerate(parts) for each in variants]
        connection.executemany("INSERT INTO message_rendered VALUES (?, ?)", rows)
        keep_within_budget(connection, "c", Decimal(budget), Decimal(price))
        left = connection.execute("SELECT token FROM audience_excluded WHERE reason = 'over_budget'").fetchall()
        return [token for token in sorted({token for token, _ in rows}) if (token,) not in left]


def test_the_budget_pays_for_so_many_and_no_more():
    assert len(kept([[1]] * 10, "0.25")) == 5
    assert len(kept([[1]] * 10, "0.50")) == 10
    assert len(kept([[1]] * 10, "0.49")) == 9


def test_the_dearest_variant_counts():
    assert len(kept([[1, 2]] * 10, "0.25")) == 2


def test_a_budget_that_pays_for_nothing_is_refused_by_name():
    with pytest.raises(Refused, match="over_budget"):
        kept([[1]], "0.04")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=2), min_size=1, max_size=20), st.integers(15, 200))
def test_what_is_kept_never_costs_more_than_the_budget(parts, cents):
    tokens = kept(parts, f"{cents / 100:.2f}")
    assert sum(max(parts[int(token, 16)]) for token in tokens) * 5 <= cents
