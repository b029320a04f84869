"""Draws keep what they promise, and the prefix table knows who holds what."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phone import Phone

from tasks.sample.csv_files import join_lines
from tasks.sample.draws import by_kind, distinct, exact_kinds
from tasks.sample.numbers import CARRIERS, PrefixTable, load_prefix_table


@pytest.fixture(scope="module")
def table() -> PrefixTable:
    return load_prefix_table()


@given(space=st.integers(2, 500), seed=st.integers(0, 99))
def test_distinct_draws_never_repeat_even_when_half_the_space_is_drawn(space: int, seed: int) -> None:
    drawn = distinct(np.random.default_rng(seed), space // 2, space)
    assert len(set(drawn.tolist())) == space // 2
    assert all(0 <= value < space for value in drawn)


def test_distinct_refuses_a_space_that_is_too_small() -> None:
    with pytest.raises(ValueError, match="at most half"):
        distinct(np.random.default_rng(0), 6, 10)


@given(size=st.integers(0, 300), shares=st.lists(st.floats(0, 0.2), max_size=5), seed=st.integers(0, 99))
def test_kinds_fill_their_shares_exactly(size: int, shares: list[float], seed: int) -> None:
    counts = np.bincount(exact_kinds(np.random.default_rng(seed), size, shares), minlength=len(shares) + 1)
    assert counts.sum() == size
    is_large = size >= 4 * (len(shares) + 1)
    for count, share in zip(counts[1:], shares, strict=True):
        wanted = int(size * share)
        assert count in (wanted, max(wanted, int(share > 0)) if is_large else wanted)


@given(kinds=st.lists(st.integers(0, 2), max_size=50))
def test_columns_made_by_kind_keep_every_row_in_its_place(kinds: list[int]) -> None:
    builders = [lambda at, kind=kind: pl.Series([f"{kind}:{i}" for i in at], dtype=pl.String) for kind in range(3)]
    column = by_kind(np.array(kinds, dtype=np.int64), builders)
    assert column.to_list() == [f"{kind}:{i}" for i, kind in enumerate(kinds)]


def test_cells_with_commas_and_quotation_marks_are_quoted() -> None:
    lines = join_lines({"a": pl.Series(["x,y", 'say "hi"', "plain"]), "b": pl.Series(["1", "2", "3"])})
    assert lines.to_list() == ['"x,y",1', '"say ""hi""",2', "plain,3"]


@pytest.mark.parametrize(
    ("four_digits", "carrier", "is_mvno"),
    [
        (1348, "mobile", False), (1390, "mobile", False), (1720, "mobile", False), (1980, "mobile", False),
        (1300, "unicom", False), (1660, "unicom", False), (1960, "unicom", False),
        (1330, "telecom", False), (1730, "telecom", False), (1930, "telecom", False), (1920, "broadnet", False),
        (1650, "mobile", True), (1703, "mobile", True), (1705, "mobile", True), (1670, "unicom", True),
        (1704, "unicom", True), (1709, "unicom", True), (1710, "unicom", True), (1620, "telecom", True),
        (1700, "telecom", True), (1702, "telecom", True),
    ],
)  # fmt: skip
def test_holders_of_prefixes(table: PrefixTable, four_digits: int, carrier: str, is_mvno: bool) -> None:
    rows = np.flatnonzero(table.prefix // 1_000 == four_digits)
    assert len(rows)
    assert {CARRIERS[code] for code in table.carrier[rows]} == {carrier}
    assert set(table.is_mvno[rows].tolist()) == {is_mvno}


@pytest.mark.parametrize("head", [*range(140, 150), 154, 160, 174, 179, 1349, 1749])
def test_disputed_prefixes_give_no_people(table: PrefixTable, head: int) -> None:
    assert not any(str(prefix).startswith(str(head)) for prefix in np.unique(table.prefix // 1_000))


def test_unassigned_prefixes_are_unknown_to_the_phone_package(table: PrefixTable) -> None:
    lookup = Phone()
    known = {prefix for prefix in range(1_540_000, 1_550_000) if lookup.find(prefix)}
    assert known
    assert not known & set(table.unassigned.tolist())
    assert len(table.unassigned) > 50_000


def test_every_area_code_is_one() -> None:
    codes = load_prefix_table().area_codes
    assert [code for code in codes if not re.fullmatch(r"0(?:10|2[0-9]|[3-9][0-9]{2})", code)] == []
