"""Each check refuses what its rule refuses, says where, why and what to do, and lets the rest pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from chuda.errors import UsageError
from tasks.content.checks import (
    check_absolute_claims,
    check_length,
    check_links,
    check_opt_out,
    check_promises,
    check_purpose,
    check_signature,
    check_symbols,
    check_text,
)
from tasks.content.context import ContentContext
from tasks.content.findings import Finding, format_finding
from tasks.content.symbols import load_symbols

MakeContext = Callable[..., ContentContext]
GOOD = "【示例商家】王先生，国贸店套餐38元起，8月31日前可用，订位85001234 拒收请回复R"


def keys(findings: list[Finding]) -> list[str]:
    return [finding.message_key for finding in findings]


def test_a_good_text_has_no_findings(make_context: MakeContext) -> None:
    assert check_text(GOOD, make_context()) == []


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("王先生，拒收请回复R", "signature.missing"),
        (" 【示例商家】前面有空格", "signature.missing"),
        ("[示例商家]方括号", "signature.missing"),
        ("王先生【示例商家】", "signature.missing"),
        ("【】空签名", "signature.length"),
        ("【店】一个字", "signature.length"),
        ("【一二三四五六七八九十一二三】十三个字", "signature.length"),
        ("【别的商家】别人的名字", "signature.unregistered"),
        ("【示例商家 】多一个空格", "signature.unregistered"),
    ],
)
def test_the_signature_stands_first_and_equals_a_registered_name(
    text: str, key: str, make_context: MakeContext
) -> None:
    assert keys(check_signature(text, make_context())) == [key]


def test_an_unregistered_signature_is_told_the_nearest_registered_one(make_context: MakeContext) -> None:
    (finding,) = check_signature("【示例商店】", make_context(signatures=("示例商家", "远方百货")))
    assert "示例商家" in finding.advice and "远方百货" not in finding.advice


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("【示例商家】欢迎光临", "opt_out.missing"),
        ("【示例商家】欢迎光临 拒收请回复Q", "opt_out.keyword"),
        ("【示例商家】欢迎光临 回复退订短信取消", "opt_out.missing"),
        ("【示例商家】欢迎光临 拒收请回复R。", "opt_out.wording"),
        ("【示例商家】拒收请回复R 欢迎光临", "opt_out.wording"),
        ("【示例商家】欢迎光临 退订回T", "opt_out.wording"),
    ],
)
def test_the_opt_out_ends_the_text_in_the_channels_wording(text: str, key: str, make_context: MakeContext) -> None:
    assert keys(check_opt_out(text, make_context())) == [key]


@pytest.mark.parametrize(
    "ending",
    [
        "退订回T",
        "回复TD退订",
        "拒收请回复Ｒ",
        "拒收請回覆R",
        "退订回复 QX",
        "Reply R to stop",
        "Unsubscribe: reply STOP",
    ],
)
def test_a_channel_without_a_wording_takes_any_instruction_that_works(ending: str, make_context: MakeContext) -> None:
    assert check_opt_out(f"【示例商家】欢迎 {ending}", make_context(opt_out_wording=None)) == []


def test_an_opt_out_keyword_that_replies_are_not_read_by_is_refused(make_context: MakeContext) -> None:
    context = make_context(opt_out_wording="拒收请回复W")
    (finding,) = check_opt_out("【示例商家】欢迎 拒收请回复W", context)
    assert finding.message_key == "opt_out.keyword" and finding.excerpt == "W"


def test_every_instruction_of_a_text_must_work(make_context: MakeContext) -> None:
    (finding,) = check_opt_out("【示例商家】回复Q退订，拒收请回复R", make_context())
    assert (finding.message_key, finding.excerpt) == ("opt_out.keyword", "Q")


@pytest.mark.parametrize("message_type", ["notification", "otp"])
def test_service_messages_need_no_opt_out(message_type: str, make_context: MakeContext) -> None:
    assert check_opt_out("【示例商家】验证码 1234", make_context(message_type=message_type)) == []


@pytest.mark.parametrize("text", ["会员优惠券到账", "今天8.8折", "限时秒杀", "满100立减20", "Flash sale now"])
def test_service_messages_carry_no_marketing(text: str, make_context: MakeContext) -> None:
    assert check_purpose(text, make_context(message_type="notification"))[0].severity == "block"
    assert check_purpose(text, make_context(message_type="marketing")) == []


def test_a_folding_chair_is_no_discount(make_context: MakeContext) -> None:
    assert check_purpose("您的3折叠椅已发货", make_context(message_type="notification")) == []


@pytest.mark.parametrize(
    "symbol", [*"※★☆¥￥√℃①②♥♪■◆㎡✓←↑∞≠Ⅷ㈠™", "😀", "𠮷", "\u200b", "\ufe0f", "\ue000", "\x07", "{x}"]
)
def test_special_symbols_block(symbol: str, make_context: MakeContext) -> None:
    findings = check_symbols(f"【示例商家】到店{symbol}有礼", make_context())
    assert findings and all(finding.severity == "block" for finding in findings)


@pytest.mark.parametrize("symbol", [*"→，。！？、；：“”‘’（）《》—…·~-_+=*/#&@%.,:;!?'\"<>×°", "\n"])
def test_ordinary_punctuation_and_the_arrow_pass(symbol: str, make_context: MakeContext) -> None:
    assert check_symbols(f"【示例商家】到店{symbol}有礼", make_context()) == []


@pytest.mark.parametrize("bracket", "【】[]")
def test_brackets_belong_to_the_signature_only(bracket: str, make_context: MakeContext) -> None:
    text = f"【示例商家】到店{bracket}有礼"
    (finding,) = check_symbols(text, make_context())
    assert (finding.message_key, finding.start) == ("symbols.bracket", 8)


def test_a_bad_range_of_symbols_is_named(tmp_path: Path) -> None:
    path = tmp_path / "symbols.yaml"
    path.write_text("groups:\n  - {id: g, ranges: [U+26], message: x, message_en: x, advice: x, advice_en: x}\n")
    with pytest.raises(UsageError, match=r"U\+26.*g"):
        load_symbols(path)


def test_67_characters_pass_and_68_do_not(make_context: MakeContext) -> None:
    context = make_context()
    assert check_length("字" * 67, context) == []
    (finding,) = check_length("字" * 68, context)
    assert (finding.message_key, finding.start, finding.severity) == ("length.over", 67, "block")


def test_a_campaign_may_raise_the_limit_but_not_above_500(make_context: MakeContext) -> None:
    assert check_length("字" * 134, make_context(max_units=134)) == []
    assert "2 条" in check_length("字" * 100, make_context())[0].message_zh
    (finding,) = check_length("字" * 501, make_context(max_units=600))
    assert (finding.message_key, finding.start) == ("length.hard", 500)


def test_abroad_a_gsm_text_may_fill_its_one_part(make_context: MakeContext) -> None:
    context = make_context(region="HK")
    assert check_length("a" * 160, context) == []
    assert check_length("a" * 161, context) != []
    assert check_length("中" * 68, context) != []


@pytest.mark.parametrize(
    ("rule", "filed", "expected"),
    [
        ("variables", (), []),
        ("text", (), []),
        ("none", (), ["links.forbidden"]),
        ("filed", (), ["links.not_filed"]),
        ("filed", ("https://shop.cn/a1",), []),
        ("filed", ("https://shop.cn/a2",), ["links.not_filed"]),
    ],
)
def test_links_follow_the_rule_of_the_channel(
    rule: str, filed: tuple[str, ...], expected: list[str], make_context: MakeContext
) -> None:
    context = make_context(links=rule, filed_links=filed)
    assert keys(check_links("【示例商家】点 shop.cn/a1 查看", context)) == expected


@pytest.mark.parametrize("link", ["http://a.b/c", "HTTPS://X.CN", "www.shop.com", "m.shop.com.cn/x?y=1", "shop.cn"])
def test_links_are_seen_with_and_without_a_scheme(link: str, make_context: MakeContext) -> None:
    (finding,) = check_links(f"点{link}，谢谢", make_context(links="none"))
    assert finding.excerpt == link


@pytest.mark.parametrize("text", ["9.9元", "8.8折", "a@shop.cn", "周一.周二", "5.1-5.3", "No.1"])
def test_numbers_and_addresses_are_no_links(text: str, make_context: MakeContext) -> None:
    assert check_links(text, make_context(links="none")) == []


def test_a_public_shortener_is_flagged(make_context: MakeContext) -> None:
    (finding,) = check_links("点 t.cn/abc 和 shop.cn/b", make_context())
    assert (finding.message_key, finding.severity, finding.excerpt) == ("links.shortener", "flag", "t.cn/abc")


def test_findings_say_where_why_and_what_to_do_in_both_languages(make_context: MakeContext) -> None:
    (finding,) = check_absolute_claims("【示例商家】本地最佳口碑", make_context())
    line = format_finding(finding, "【示例商家】本地最佳口碑", "a.txt")
    assert line.startswith("a.txt:1:9: block absolute.zuijia “最佳”是绝对化用语 – ")
    assert "第九条" in line
    assert "art. 9" in format_finding(finding, "【示例商家】本地最佳口碑", "a.txt", "en")


def test_no_phone_number_gets_into_a_finding(make_context: MakeContext) -> None:
    text = "【示例商家】" + "字" * 60 + "详询13800138000 拒收请回复R"
    (finding,) = check_text(text, make_context())
    assert "13800138000" not in repr(finding)


def test_findings_come_in_the_order_of_the_text(make_context: MakeContext) -> None:
    findings = check_text("【别人】稳赚★百分百中奖", make_context())
    assert [finding.start for finding in findings] == sorted(finding.start for finding in findings)
    assert {"signature", "promise", "symbols", "opt_out"} == {finding.rule for finding in findings}


def test_promises_are_found_once_each(make_context: MakeContext) -> None:
    assert [each.excerpt for each in check_promises("稳赚又稳赚", make_context())] == ["稳赚", "稳赚"]
