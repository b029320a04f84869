"""Templates are strict, render the same for one person and for a column, and never leave a hole."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chuda.errors import UsageError
from tasks.content.salutation import surname_expression
from tasks.content.templates import (
    TemplateError,
    choose_language,
    fixed_text,
    missing_expression,
    parse_template,
    render_expression,
    render_languages,
    render_one,
)
from tasks.content.variables import Language

FULL = parse_template(
    "【商家】{salutation}，{points}分{points_expire_on}到期，{offer|好礼}到{shop}，约{date}，{amount}元"
)


@pytest.mark.parametrize(
    ("text", "offset", "part"),
    [
        ("【商家】{slutation}", 4, r"character 5: unknown variable “slutation”; did you mean {salutation}\?"),
        ("到{zzzzzz}", 1, "allowed are signature"),
        ("到{店", 1, "stray “{”"),
        ("到店}有礼", 2, "stray “}”"),
        ("{}", 0, "unknown variable “”"),
        ("{offer|a|b}", 0, "two fallbacks"),
        ("{ offer }", 0, r"did you mean {offer}\?"),
        ("{{offer}}", 0, "stray"),
        ("{offer.__class__}", 0, "unknown variable"),
    ],
)
def test_mistakes_are_named_with_their_place(text: str, offset: int, part: str) -> None:
    with pytest.raises(TemplateError, match=part) as caught:
        parse_template(text)
    assert caught.value.offset == offset


def test_a_campaigns_own_constants_are_known() -> None:
    template = parse_template("{offer_short}，{shop}", constants=["offer_short"])
    assert render_one(template.bind({"offer_short": "八折"}), {"shop": "总店"}) == "八折，总店"


def test_the_source_is_what_was_written() -> None:
    text = "【商家】{salutation}，{offer|}到{shop|门店}"
    assert parse_template(text).source == text


@pytest.mark.parametrize(
    ("surname", "gender", "language", "expected"),
    [
        ("王", "m", "zh-Hans", "王先生"),
        ("欧阳", "f", "zh-Hans", "欧阳女士"),
        ("王", None, "zh-Hans", "您好"),
        (None, "f", "zh-Hant", "您好"),
        ("  ", "f", "zh-Hans", "您好"),
        ("Wong", "m", "en", "Mr Wong"),
        (None, None, "en", "Hello"),
    ],
)
def test_people_are_addressed_by_surname_or_neutrally(
    surname: str | None, gender: str | None, language: Language, expected: str
) -> None:
    template = parse_template("{salutation}", language)
    values = {"surname": surname, "gender": gender}
    frame = pl.DataFrame([values], schema={"surname": pl.String, "gender": pl.String})
    assert render_one(template, values) == expected
    assert frame.select(render_expression(template)).item() == expected


def test_the_neutral_salutation_can_be_chosen() -> None:
    assert render_one(parse_template("{salutation|会员}，您的券"), {}) == "会员，您的券"


VALUES = st.fixed_dictionaries(
    {
        "surname": st.sampled_from(["王", "欧阳", " ", None]),
        "gender": st.sampled_from(["m", "f", None]),
        "points": st.none() | st.integers(-5, 10**9),
        "points_expire_on": st.none() | st.dates(date(1990, 1, 1), date(2099, 12, 31)),
        "offer": st.none() | st.text(max_size=6),
        "shop": st.none() | st.sampled_from(["总店", " 总店　", "", "{offer}", "2026-01-05"]),
        "date": st.none() | st.datetimes(datetime(1990, 1, 1), datetime(2099, 12, 31)),
        "amount": st.none() | st.decimals(0, 9999, places=2),
    }
)
SCHEMA = {
    "surname": pl.String,
    "gender": pl.String,
    "points": pl.Int64,
    "points_expire_on": pl.Date,
    "offer": pl.String,
    "shop": pl.String,
    "date": pl.Datetime("us"),
    "amount": pl.Decimal(12, 2),
}


@settings(max_examples=120, deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=8), st.sampled_from(["zh-Hans", "zh-Hant", "en"]))
def test_the_column_renders_what_the_preview_shows(rows: list[dict[str, Any]], language: Language) -> None:
    template = parse_template(FULL.source, language)
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    rendered = frame.select(text=render_expression(template), missing=missing_expression(template))
    assert rendered["text"].to_list() == [render_one(template, row) for row in rows]
    for text, missing in rendered.iter_rows():
        assert (text is None) == (missing is not None)


def test_values_are_written_as_people_write_them() -> None:
    values = {
        "surname": "王",
        "gender": "m",
        "points": Decimal("1200.00"),
        "points_expire_on": date(2026, 1, 5),
        "shop": "总店",
        "date": datetime(2026, 11, 2, 9, 5),
        "amount": 12.5,
    }
    assert render_one(FULL, values) == "【商家】王先生，1200分1月5日到期，好礼到总店，约11月2日09:05，12.5元"
    english = parse_template("{points_expire_on}, {date}", "en")
    assert render_one(english, values) == "5 Jan, 2 Nov 09:05"
    assert render_one(parse_template("{expiry}"), {"expiry": "本周日"}) == "本周日"


def test_a_missing_value_without_fallback_renders_nothing_and_is_named() -> None:
    template = parse_template("{shop|}{points}{offer}")
    frame = pl.DataFrame({"shop": [None], "points": [1], "offer": ["　"]}, schema_overrides={"shop": pl.String})
    assert frame.select(render_expression(template)).item() is None
    assert frame.select(missing_expression(template)).item() == "offer"


def test_variables_can_be_read_from_other_columns() -> None:
    template = parse_template("{salutation}{shop}")
    frame = pl.DataFrame({"family": ["李"], "sex": ["f"], "store": ["总店"]})
    columns = {"surname": "family", "gender": "sex", "shop": "store"}
    assert frame.select(render_expression(template, columns)).item() == "李女士总店"


def test_bound_values_are_text_even_with_braces() -> None:
    template = parse_template("{offer}{shop}").bind({"offer": "{shop}"})
    assert template.variables == ("shop",)
    assert render_one(template, {"shop": "总店"}) == "{shop}总店"


def test_fixed_text_needs_a_value_or_fallback_for_everything() -> None:
    template = parse_template("{salutation}，{offer|好礼}到{shop}")
    assert render_one(fixed_text(template, {"shop": "总店"}), {}) == "您好，好礼到总店"
    with pytest.raises(UsageError, match="no value for shop"):
        fixed_text(template, {})


def test_the_language_is_the_contacts_own_then_the_regions_then_the_first() -> None:
    frame = pl.DataFrame({"language": ["en", "zh-Hant", None, None, "fr"], "region": ["CN", "CN", "HK", "CN", "TW"]})
    language, region = pl.col("language"), pl.col("region")
    chosen = frame.select(choose_language(["zh-Hans", "zh-Hant", "en"], language, region)).to_series().to_list()
    assert chosen == ["en", "zh-Hant", "zh-Hant", "zh-Hans", "zh-Hant"]
    only = frame.select(choose_language(["zh-Hans"], language, region)).to_series().to_list()
    assert only == ["zh-Hans"] * 5


def test_each_contact_gets_the_text_of_its_language() -> None:
    texts = {"zh-Hans": parse_template("您好{shop}"), "en": parse_template("Hi {shop}", "en")}
    frame = pl.DataFrame({"shop": ["甲", "A"], "chosen": ["zh-Hans", "en"]})
    assert frame.select(render_languages(texts, pl.col("chosen"))).to_series().to_list() == ["您好甲", "Hi A"]


def test_surnames_are_cut_from_chinese_names_only() -> None:
    names = pl.DataFrame({"name": ["欧阳修", "王小明", " 李雷", "Tom", "138", None, "歐陽娜娜"]})
    found = names.select(surname_expression(pl.col("name"))).to_series().to_list()
    assert found == ["欧阳", "王", "李", None, None, None, "歐陽"]
