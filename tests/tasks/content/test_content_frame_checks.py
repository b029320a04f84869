"""Whole frames are judged as single texts are, and a value is judged in its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.content.checks import check_text
from tasks.content.context import ContentContext
from tasks.content.frame_checks import FINDINGS_SCHEMA, check_messages, check_texts
from tasks.content.template_checks import check_template
from tasks.content.templates import Template, parse_template, render_expression

MakeContext = Callable[..., ContentContext]
Found = set[tuple[int, str, str]]

PIECES = [
    "【示例商家】", "【别的】", "【店】", "王先生，", "到店", "稳赚", "稳，赚", "稳*賺", "保过", "确保过期",
    "最佳", "最佳赏味期", "第一", "第一次", "顶级", "顶级鲜果", "示例商家",
    "贷款", "best in china", "no.1", "★", "😀", "[", "】",
    "shop.cn/a", "点 t.cn/x ", "http://a.cn/b，", "拒收请回复R", " 退订回T", "回复Q退订", "拒收请回复Ｒ",
    "优惠", "{x}", "字" * 30, "a" * 80, "\u200b", " ", "。",
]  # fmt: skip
CONTEXTS: list[dict[str, Any]] = [
    {},
    {"opt_out_wording": None, "links": "none", "authorisations": frozenset({"finance"})},
    {"links": "filed", "filed_links": ("https://shop.cn/a",), "max_units": 134},
    {"message_type": "notification", "region": "HK", "links": "text"},
    {"signatures": ("示例商家", "顶级鲜果"), "opt_out_wording": "退订回T", "trade": "real_estate"},
]


def as_set(findings: pl.DataFrame) -> Found:
    return {(row["row"], row["message_key"], row["severity"]) for row in findings.iter_rows(named=True)}


@settings(max_examples=80, deadline=None)
@given(
    texts=st.lists(st.lists(st.sampled_from(PIECES), max_size=7).map("".join), min_size=1, max_size=8),
    changes=st.sampled_from(CONTEXTS),
)
def test_a_frame_of_texts_is_judged_as_each_text_alone(
    texts: list[str], changes: dict[str, Any], make_context: MakeContext
) -> None:
    context = make_context(**changes)
    found = as_set(check_texts(pl.DataFrame({"text": texts}), context))
    alone = {
        (row, each.message_key, each.severity) for row, text in enumerate(texts) for each in check_text(text, context)
    }
    assert found == alone


def check_rendered(template: Template, frame: pl.DataFrame, context: ContentContext) -> pl.DataFrame:
    return check_messages(frame.with_columns(text=render_expression(template)), template, context)


TEMPLATE = parse_template("【示例商家】{offer|好礼}到{shop}，编号{coupon}保 拒收请回复R")


def test_clean_messages_have_no_findings_in_the_published_shape(make_context: MakeContext) -> None:
    frame = pl.DataFrame({"offer": ["八折", None], "shop": ["总店", "分店"], "coupon": ["A1", "B2"]})
    findings = check_rendered(TEMPLATE, frame, make_context())
    assert findings.is_empty() and findings.schema == FINDINGS_SCHEMA


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"offer": "稳*賺"}, ("promise.wenzhuan", "offer")),
        ({"coupon": "X国家级"}, ("absolute.guojiaji", "coupon")),
        ({"shop": "★店"}, ("symbols.special", "shop")),
        ({"shop": "😀"}, ("symbols.outside_bmp", "shop")),
        ({"offer": "看shop.cn/a"}, ("links.variable", "offer")),
        ({"shop": "店" * 60}, ("length.over", None)),
        ({"shop": None}, ("variables.missing", "shop")),
    ],
)
def test_a_bad_value_is_found_in_its_row_and_variable(
    values: dict[str, Any], expected: tuple[str, str | None], make_context: MakeContext
) -> None:
    good = {"offer": "八折", "shop": "总店", "coupon": "A1"}
    frame = pl.DataFrame([good, good | values, good])
    findings = check_rendered(TEMPLATE, frame, make_context(links="filed"))
    rows = [(row["row"], row["message_key"], row["variable"]) for row in findings.iter_rows(named=True)]
    assert rows == [(1, *expected)]


def test_a_word_that_value_and_template_make_together_is_found(make_context: MakeContext) -> None:
    template = parse_template("【示例商家】本班保{offer}，到{shop}中奖 拒收请回复R")
    context = make_context()
    assert check_template(template, context) == []
    frame = pl.DataFrame({"offer": ["过", "温杯"], "shop": ["总店百分百", "总店"]})
    findings = check_rendered(template, frame, context)
    assert {(row["row"], row["message_key"], row["variable"]) for row in findings.iter_rows(named=True)} == {
        (0, "promise.baoguo", "offer"),
        (0, "promise.baifenbai_zhongjiang", "shop"),
    }


def test_what_the_template_itself_is_guilty_of_is_not_repeated_by_row(make_context: MakeContext) -> None:
    template = parse_template("【示例商家】稳赚，到{shop} 拒收请回复R")
    context = make_context()
    assert [each.message_key for each in check_template(template, context)] == ["promise.wenzhuan"]
    assert check_rendered(template, pl.DataFrame({"shop": ["总店"]}), context).is_empty()


def test_the_region_of_each_number_sets_its_limit(make_context: MakeContext) -> None:
    frame = pl.DataFrame({"text": ["【示例商家】" + "a" * 70, "a" * 150, "a" * 150], "region": ["HK", "HK", "CN"]})
    context = make_context(message_type="notification")
    found = check_texts(frame, context, region=pl.col("region"))
    over = found.filter(pl.col("message_key") == "length.over")["row"].to_list()
    assert over == [0, 2]


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {
                "offer": st.none()
                | st.sampled_from(["过", "八折", "稳赚", "百分百", "★", "点shop.cn/a", "最", "第一"]),
                "shop": st.sampled_from(["佳店", "总店", "中奖店", "😀", "店" * 50]),
            }
        ),
        min_size=1,
        max_size=5,
    )
)
def test_messages_of_a_clean_template_are_judged_as_their_texts_alone(
    rows: list[dict[str, str | None]], make_context: MakeContext
) -> None:
    template = parse_template("【示例商家】本班保{offer|证质量}到{shop}见 拒收请回复R")
    context = make_context(links="variables")
    frame = pl.DataFrame(rows, schema={"offer": pl.String, "shop": pl.String}, orient="row")
    frame = frame.with_columns(text=render_expression(template))
    found = as_set(check_messages(frame, template, context))
    alone = {
        (row, each.message_key, each.severity)
        for row, text in enumerate(frame["text"].to_list())
        for each in check_text(text, context)
    }
    assert found == alone
