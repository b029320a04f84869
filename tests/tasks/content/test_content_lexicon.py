"""The lexicons find what they should, leave ordinary texts alone, and can be extended by a user's file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from chuda.errors import UsageError
from tasks.content.checks import check_text
from tasks.content.context import ContentContext, ContentReference
from tasks.content.lexicon_files import load_lexicon

MakeContext = Callable[..., ContentContext]
ORDINARY = (Path(__file__).parent / "ordinary_texts.txt").read_text(encoding="utf-8").splitlines()


def keys(text: str, context: ContentContext) -> set[tuple[str, str]]:
    findings = check_text(f"【示例商家】{text} 拒收请回复R", context)
    return {(finding.severity, finding.message_key) for finding in findings}


def test_ordinary_marketing_texts_raise_no_false_alarm(make_context: MakeContext) -> None:
    context = make_context()
    assert len(ORDINARY) >= 60
    blocked = [text for text in ORDINARY if any(each.severity == "block" for each in check_text(text, context))]
    flagged = [text for text in ORDINARY if check_text(text, context)]
    assert not blocked
    assert len(flagged) <= 2, flagged


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("百分百中奖", "promise.baifenbai_zhongjiang"),
        ("１００％ 中奖", "promise.baifenbai_zhongjiang"),
        ("百。分。百。中。奖", "promise.baifenbai_zhongjiang"),
        ("报班就保过", "promise.baoguo"),
        ("包-過", "promise.baoguo_bao"),
        ("穩·賺不賠", "promise.wenzhuan"),
        ("国 家 级品质", "absolute.guojiaji"),
        ("最\u200b佳选择", "absolute.zuijia"),
        ("部队特供酒", "absolute.tegong"),
        ("快速贷款", "trade.loan"),
        ("代.开.发.票", "trade.forgery"),
        ("专家坐诊", "trade.treatment"),
        ("guaranteed  profit", "promise.risk_free_en"),
    ],
)
def test_words_of_the_law_block_however_they_are_written(text: str, key: str, make_context: MakeContext) -> None:
    assert ("block", key) in keys(text, make_context())


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("全国销量第一", "absolute.diyi"),
        ("顶级食材", "absolute.dingji"),
        ("N O . 1 品质", "absolute.no1"),
        ("人人有奖", "promise.renren_youjiang"),
        ("加V信领取", "provider.private_wechat"),
    ],
)
def test_derived_words_flag_for_a_person(text: str, key: str, make_context: MakeContext) -> None:
    assert keys(text, make_context()) == {("flag", key)}


@pytest.mark.parametrize(
    "text",
    [
        "请确保过期前使用",
        "面包过节装",
        "顾客第一是我们的理念",
        "第一时间通知您",
        "最佳赏味期三天",
        "国家级非物质文化遗产展",
        "本店最受欢迎的套餐",
        "最好提前预约",
        "可调整形象搭配",
        "订单No.1234已备好",
        "All the best wishes",
    ],
)
def test_exceptions_and_longer_words_are_left_alone(text: str, make_context: MakeContext) -> None:
    assert keys(text, make_context()) == set()


def test_a_word_cut_by_one_clause_mark_is_only_flagged(make_context: MakeContext) -> None:
    assert keys("请您担待，保，过节见", make_context()) == {("flag", "promise.baoguo~")}
    assert keys("好评百分百，中奖名单见店内", make_context()) == {("flag", "promise.baifenbai_zhongjiang~")}


def test_the_position_is_that_of_the_original_text(make_context: MakeContext) -> None:
    text = "【示例商家】到店稳 * 賺不停 拒收请回复R"
    (finding,) = check_text(text, make_context())
    assert text[finding.start : finding.end] == finding.excerpt == "稳 * 賺"


def test_a_word_inside_a_registered_name_is_a_name(make_context: MakeContext) -> None:
    context = make_context(signatures=("顶级鲜果",))
    assert check_text("【顶级鲜果】顶级鲜果年货节开始了 拒收请回复R", context) == []
    assert check_text("【顶级鲜果】顶级口味 拒收请回复R", context) != []


def test_a_trade_word_needs_its_authorisation_and_then_passes(make_context: MakeContext) -> None:
    text = "【示例商家】消费贷款可办理 拒收请回复R"
    assert [each.message_key for each in check_text(text, make_context())] == ["trade.loan"]
    assert check_text(text, make_context(authorisations=frozenset({"finance"}))) == []
    assert check_text(text, make_context(authorisations=frozenset({"medical"}))) != []


def test_no_authorisation_helps_what_may_not_be_advertised(make_context: MakeContext) -> None:
    every = frozenset({"finance", "medical", "health_food", "real_estate", "education", "immigration"})
    assert ("block", "trade.gambling") in keys("六合彩资料", make_context(authorisations=every))


def test_an_authorised_trade_may_still_not_promise(make_context: MakeContext) -> None:
    context = make_context(authorisations=frozenset({"medical", "finance"}))
    assert ("block", "promise.genzhi") in keys("根治颈椎病", context)
    assert ("block", "promise.baoben") in keys("保本保息", context)


def test_every_entry_says_why_and_what_to_do(content_reference: ContentReference) -> None:
    for entry in content_reference.lexicon.entries:
        for said in (entry.notice.law, entry.notice.advice, entry.notice.message):
            assert said.zh and said.en, entry.id


def write_user_file(folder: Path, text: str) -> Path:
    path = folder / "lexicon.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_user_file_extends_excepts_and_switches_off(reference_folder: Path, tmp_path: Path) -> None:
    path = write_user_file(
        tmp_path,
        """
groups:
  - id: own
    category: provider
    severity: flag
    law: 我们通道的规则
    law_en: our provider's rule
    advice: 换一个说法
    advice_en: say it differently
    entries:
      - {id: own_word, words: [福袋]}
exceptions:
  - {id: dingji, phrases: [顶级庄园]}
off:
  - {id: shouxuan, reason: 法务确认可用}
""",
    )
    lexicon = load_lexicon(reference_folder / "lexicons", path)
    find = lambda text: [match.entry.id for match in lexicon.find(text, lexicon.entries)]  # noqa: E731
    assert find("新年福 袋") == ["own_word"]
    assert find("顶级庄园") == []
    assert find("顶级服务") == ["dingji"]
    assert find("送礼首选") == []
    assert lexicon.switched_off == (("shouxuan", "法务确认可用"),)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("off:\n  - {id: nothing, reason: x}\n", "no lexicon entry “nothing”"),
        ("exceptions:\n  - {id: nothing, phrases: [x]}\n", "no lexicon entry “nothing”"),
        (
            "groups:\n  - {id: g, category: trade, severity: block, law: x, law_en: x, advice: x, advice_en: x,\n"
            "     entries: [{id: e, regex: '(?<!a)b'}]}\n",
            "look-around",
        ),
        (
            "groups:\n  - {id: g, category: trade, severity: block, law: x, law_en: x, advice: x, advice_en: x,\n"
            "     entries: [{id: e}]}\n",
            "neither words nor a regex",
        ),
        (
            "groups:\n  - {id: g, category: trade, severity: block, law: x, law_en: x, advice: x, advice_en: x,\n"
            "     entries: [{id: dingji, words: [x]}]}\n",
            "used twice",
        ),
        (
            "groups:\n  - {id: g, category: trade, severity: block, law: x, law_en: x, advice: x, advice_en: x,\n"
            "     entries: [{id: e, words: ['★']}]}\n",
            "symbols only",
        ),
    ],
)
def test_a_mistake_in_a_user_file_is_named(text: str, part: str, reference_folder: Path, tmp_path: Path) -> None:
    path = write_user_file(tmp_path, text)
    with pytest.raises(UsageError, match=part) as caught:
        load_lexicon(reference_folder / "lexicons", path)
    assert str(path) in str(caught.value)
