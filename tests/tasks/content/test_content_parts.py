"""Parts are counted as providers bill them, and the column agrees with the function."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.content.parts import (
    GSM7,
    UCS2,
    Region,
    allowed_units,
    count_parts,
    count_units,
    parts_expression,
    place_of_unit,
    units_expression,
)

REGIONS: tuple[Region, ...] = ("CN", "HK", "MO", "TW")


@pytest.mark.parametrize(
    ("length", "parts"), [(1, 1), (67, 1), (70, 1), (71, 2), (134, 2), (135, 3), (160, 3), (201, 3), (202, 4), (500, 8)]
)
def test_domestic_texts_cost_one_part_up_to_70_and_then_one_per_67(length: int, parts: int) -> None:
    assert count_parts("字" * length) == parts


def test_full_and_half_width_and_the_signature_count_one_each() -> None:
    assert count_units("【商家】aＡ1，,") == 9


def test_a_surrogate_pair_counts_two_and_is_never_split() -> None:
    assert count_units("😀") == 2
    # 66 + a pair + 66 would be 134 = 2 x 67, but the pair does not fit into the first part.
    assert count_parts("字" * 66 + "😀" + "字" * 66) == 3
    assert count_parts("字" * 65 + "😀" + "字" * 67) == 2


@pytest.mark.parametrize(("text", "parts"), [("a" * 160, 1), ("a" * 161, 2), ("a" * 306, 2), ("a" * 307, 3)])
def test_gsm_texts_abroad_cost_one_part_up_to_160_and_then_one_per_153(text: str, parts: int) -> None:
    assert count_parts(text, "HK") == parts
    assert count_parts(text, "CN") == -(-len(text) // 67)


def test_a_gsm_extension_character_takes_two_and_is_never_split() -> None:
    assert count_units("[€]", "TW") == 6
    assert count_parts("a" * 158 + "€", "MO") == 1
    assert count_parts("a" * 152 + "€" + "a" * 152, "MO") == 3


def test_one_character_outside_gsm_makes_the_whole_text_ucs2() -> None:
    assert count_parts("a" * 70 + "中", "HK") == 2


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("😀" * 200, "CN"),
        ("字" * 66 + "😀" * 40, "CN"),
        ("a" + "😀" * 36, "CN"),
        ("€" * 160, "HK"),
        ("a" * 152 + "€" * 80, "TW"),
    ],
)
def test_the_column_never_splits_a_pair_either(text: str, region: Region) -> None:
    frame = pl.DataFrame({"text": [text], "region": [region]})
    assert frame.select(parts_expression(pl.col("text"), pl.col("region"))).item() == count_parts(text, region)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.text(st.sampled_from("a中😀[€^\n字é"), max_size=12), st.integers(1, 60), st.sampled_from(REGIONS)),
        min_size=1,
        max_size=8,
    )
)
def test_the_columns_agree_with_the_functions(rows: list[tuple[str, int, Region]]) -> None:
    texts = [(piece * times, region) for piece, times, region in rows]
    frame = pl.DataFrame(texts, schema=["text", "region"], orient="row")
    text, region = pl.col("text"), pl.col("region")
    counted = frame.select(
        home=parts_expression(text), parts=parts_expression(text, region), units=units_expression(text, region)
    )
    assert counted["home"].to_list() == [count_parts(each) for each, _ in texts]
    assert counted["parts"].to_list() == [count_parts(each, where) for each, where in texts]
    assert counted["units"].to_list() == [count_units(each, where) for each, where in texts]


@settings(max_examples=100, deadline=None)
@given(st.text(st.sampled_from("a中😀"), max_size=90), st.text(st.sampled_from("a中😀"), max_size=90))
def test_a_longer_text_never_costs_less(text: str, more: str) -> None:
    assert count_parts(text) <= count_parts(text + more) <= count_parts(text) + count_parts(more)


def test_a_missing_text_has_no_parts() -> None:
    empty = pl.DataFrame({"text": [None]}, schema={"text": pl.String})
    assert empty.select(parts_expression(pl.col("text"))).item() is None


def test_the_place_of_the_first_unit_too_many() -> None:
    assert place_of_unit("a😀b", 1) == 1
    assert place_of_unit("a😀b", 3) == 2
    assert place_of_unit("a😀b", 4) == 3


@pytest.mark.parametrize(("max_units", "septets"), [(67, 160), (70, 160), (134, 306), (201, 459)])
def test_the_limit_under_gsm_is_the_capacity_of_as_many_parts(max_units: int, septets: int) -> None:
    assert allowed_units(GSM7, max_units) == septets
    assert allowed_units(UCS2, max_units) == max_units
