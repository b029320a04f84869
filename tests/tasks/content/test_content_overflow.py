"""Nobody costs two parts unless that was decided, and nobody is left out without a reason."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chuda.errors import UsageError
from tasks.content.overflow import DECISIONS, OverflowPolicy, resolve_overflow
from tasks.content.parts import count_parts, count_units
from tasks.content.templates import parse_template

TEMPLATE = parse_template("【商家】{salutation}，{offer|好礼}到{shop}使用 拒收请回复R")
SHORT = parse_template("【商家】到店有礼 拒收请回复R")
PEOPLE = pl.DataFrame(
    {
        "surname": ["王", None, "李", "陈"],
        "gender": ["m", "f", "f", "m"],
        "offer": ["八折", "长" * 60, None, "满减"],
        "shop": ["总店", "总店", "店" * 60, None],
    }
)


def resolve(policy: OverflowPolicy) -> pl.DataFrame:
    return resolve_overflow(PEOPLE.lazy(), TEMPLATE, policy).collect()


@pytest.mark.parametrize(
    ("policy", "decisions", "parts"),
    [
        (OverflowPolicy(), ["fits", "excluded", "excluded", None], [1, None, None, None]),
        (OverflowPolicy(action="pay"), ["fits", "paid", "paid", None], [1, 2, 2, None]),
        (OverflowPolicy(action="shorter", shorter=SHORT), ["fits", "shorter", "shorter", None], [1, 1, 1, None]),
        (
            OverflowPolicy(action="drop", drop=("offer",)),
            ["fits", "dropped", "excluded", None],
            [1, 1, None, None],
        ),
        (
            OverflowPolicy(action="drop", drop=("salutation", "offer"), otherwise="pay"),
            ["fits", "dropped", "paid", None],
            [1, 1, 2, None],
        ),
    ],
)
def test_each_policy_decides_for_each_recipient(
    policy: OverflowPolicy, decisions: list[str | None], parts: list[int | None]
) -> None:
    result = resolve(policy)
    assert result["decision"].to_list() == decisions
    assert result["parts"].to_list() == parts
    expected = [{"excluded": "over_length", None: "missing_variable"}.get(decision) for decision in decisions]
    assert result["reason"].to_list() == expected


def test_what_costs_more_than_the_stated_parts_is_not_paid_for() -> None:
    longer = PEOPLE.with_columns(shop=pl.lit("店" * 150))
    result = resolve_overflow(longer.lazy(), TEMPLATE, OverflowPolicy(action="pay")).collect()
    assert set(result["decision"]) == {"excluded"}
    paid = resolve_overflow(longer.lazy(), TEMPLATE, OverflowPolicy(action="pay", max_parts=4)).collect()
    assert set(paid["decision"]) == {"paid"}


def test_the_longest_text_a_policy_lets_through() -> None:
    assert OverflowPolicy().longest_units == 67
    assert OverflowPolicy(action="pay").longest_units == 134


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text(st.sampled_from("ab中😀"), max_size=170), min_size=1, max_size=6),
    st.sampled_from(["exclude", "pay", "drop", "shorter"]),
    st.sampled_from(["exclude", "pay"]),
)
def test_a_text_that_goes_out_fits_or_was_paid_for(offers: list[str], action: str, otherwise: str) -> None:
    policy = OverflowPolicy(
        action=action,  # type: ignore[arg-type]
        otherwise=otherwise,  # type: ignore[arg-type]
        drop=("offer",) if action == "drop" else (),
        shorter=SHORT if action == "shorter" else None,
    )
    frame = pl.LazyFrame({"surname": "王", "gender": "m", "offer": offers, "shop": "总店"})
    for row in resolve_overflow(frame, TEMPLATE, policy).collect().iter_rows(named=True):
        assert row["decision"] in DECISIONS
        assert (row["text"] is None) == (row["decision"] == "excluded") == (row["reason"] == "over_length")
        if row["text"] is not None:
            assert row["units"] == count_units(row["text"])
            assert row["parts"] == count_parts(row["text"]) <= (2 if row["decision"] == "paid" else 1)
            assert row["decision"] == "paid" or row["units"] <= 67


def test_abroad_the_limit_is_the_part_of_the_numbers_encoding() -> None:
    template = parse_template("{offer}")
    frame = pl.LazyFrame({"offer": ["a" * 160, "a" * 160, "a" * 161], "region": ["HK", "CN", "HK"]})
    result = resolve_overflow(frame, template, OverflowPolicy(), region=pl.col("region")).collect()
    assert result["decision"].to_list() == ["fits", "excluded", "excluded"]


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"action": "shorter"}, "shorter variant"),
        ({"action": "pay", "shorter": SHORT}, "shorter variant"),
        ({"action": "drop"}, "variables to drop"),
        ({"action": "exclude", "drop": ("offer",)}, "variables to drop"),
    ],
)
def test_a_policy_that_lacks_its_means_is_refused(values: dict[str, object], part: str) -> None:
    with pytest.raises(UsageError, match=part):
        OverflowPolicy(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "part"), [("shop", "without a fallback"), ("points", "not in the template")])
def test_a_variable_that_cannot_be_dropped_is_named(name: str, part: str) -> None:
    with pytest.raises(UsageError, match=part):
        resolve(OverflowPolicy(action="drop", drop=(name,)))
