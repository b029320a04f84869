"""A template is judged before anybody's values are known, with places in its own text."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tasks.content.context import ContentContext
from tasks.content.template_checks import check_template
from tasks.content.templates import parse_template

MakeContext = Callable[..., ContentContext]
SAMPLE = {"surname": "王", "gender": "m", "shop": "总店", "offer": "八折", "link": "shop.cn/a"}


@pytest.mark.parametrize(
    ("text", "changes", "keys"),
    [
        ("【示例商家】{salutation}，到{shop}领{offer} 拒收请回复R", {}, []),
        ("【{signature}】{salutation}，到{shop} 拒收请回复R", {}, []),
        ("【{signature}馆】到{shop} 拒收请回复R", {}, ["signature.unregistered"]),
        ("{shop}【示例商家】 拒收请回复R", {}, ["signature.missing", "symbols.bracket", "symbols.bracket"]),
        ("【示例商家】到{shop}稳赚", {}, ["promise.wenzhuan", "opt_out.missing"]),
        ("【示例商家】到{shop} 拒收请回复R", {"variables_allowed": False}, ["variables.forbidden"]),
        ("【示例商家】看 {link} 拒收请回复R", {"links": "filed"}, ["links.variable"]),
        ("【示例商家】看 {link} 拒收请回复R", {"links": "none"}, ["links.forbidden"]),
        ("【示例商家】看 {link} 拒收请回复R", {"links": "variables"}, []),
        ("【示例商家】看 shop.cn/a 拒收请回复R", {"links": "filed"}, ["links.not_filed"]),
        ("【示例商家】{offer|稳赚}到店 拒收请回复R", {}, ["promise.wenzhuan"]),
        ("【示例商家】保{offer}过 拒收请回复R", {}, []),
        ("【示例商家】★到店 拒收请回复R", {}, ["symbols.special"]),
        ("【示例商家】{salutation}，您好，到店 拒收请回复R", {}, ["variables.salutation"]),
        ("【示例商家】{salutation|会员}您好，到店 拒收请回复R", {}, []),
        ("【示例商家】到{shop}" + "字" * 60 + " 拒收请回复R", {}, ["length.over"]),
        ("【示例商家】到{city} 拒收请回复R", {}, ["variables.missing"]),
    ],
)
def test_the_findings_of_a_template(
    text: str, changes: dict[str, object], keys: list[str], make_context: MakeContext
) -> None:
    findings = check_template(parse_template(text), make_context(**changes), SAMPLE)
    assert [finding.message_key for finding in findings] == keys


def test_places_are_those_of_the_template(make_context: MakeContext) -> None:
    text = "【示例商家】{salutation}，到{shop}稳*赚 拒收请回复R"
    (finding,) = check_template(parse_template(text), make_context())
    assert text[finding.start : finding.end] == "稳*赚"
