"""Replies mean what their writers meant, in one text and in a column."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chuda.errors import UsageError
from tasks.content.context import ContentReference
from tasks.content.replies import check_keywords, classify_replies, classify_reply

OPT_OUTS = [
    "R", "r", "r。", " r ", "Ｒ", "T", "t!", "ＴＤ", " td ", "T D", "Td.", "N", "n", "QX", "qx", "退订", "退訂",
    "退订!", "退 订", "拒收", "取消", "“R”", "回复R", "回R", "RR", "TT", "tdtd", "R谢谢", "我要退订",
    "请退订谢谢", "不要再发了", "别发了", "請勿打擾", "别再给我发短信了，退订", "TD退订", "0000", "stop",
    "STOP.", "unsubscribe", "R😡", "取消订阅", "怎么还不退订", "【R】",
]  # fmt: skip
COMPLAINTS = [
    "投诉", "我要投诉你们", "投訴", "举报", "12321", "打12321了", "骚扰短信", "再发就举报，R", "垃圾短信",
    "工信部见", "I will complaint",
]  # fmt: skip
OTHERS = [
    "", "好的", "谢谢", "多少钱", "T恤有吗", "rest", "你好", "几点开门", "N95有货吗", "订单812321号",
    "请问还有位吗", "不要退订哦", "先别发货", "R级影片", "😀", "1", "取消预约怎么弄",
]  # fmt: skip


@pytest.mark.parametrize("text", OPT_OUTS)
def test_opt_outs_as_people_write_them(text: str, content_reference: ContentReference) -> None:
    assert classify_reply(text, content_reference.reply_words) == "opt_out"


@pytest.mark.parametrize("text", COMPLAINTS)
def test_complaints_come_before_everything(text: str, content_reference: ContentReference) -> None:
    assert classify_reply(text, content_reference.reply_words) == "complaint"


@pytest.mark.parametrize("text", OTHERS)
def test_everything_else_is_left_to_a_person(text: str, content_reference: ContentReference) -> None:
    assert classify_reply(text, content_reference.reply_words) == "other"


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("y", "keyword:Y"),
        (" Ｙ！", "keyword:Y"),
        ("回复Y", "keyword:Y"),
        ("领券", "keyword:领券"),
        ("Yes", "other"),
        ("R", "opt_out"),
    ],
)
def test_a_campaigns_keywords_are_heard(text: str, meaning: str, content_reference: ContentReference) -> None:
    assert classify_reply(text, content_reference.reply_words, ["Y", "领券"]) == meaning


@pytest.mark.parametrize("keyword", ["R", "td", "投诉", "。", "退订"])
def test_a_keyword_that_means_something_else_is_refused(keyword: str, content_reference: ContentReference) -> None:
    with pytest.raises(UsageError, match="cannot be used"):
        check_keywords(["Y", keyword], content_reference.reply_words)
    check_keywords(["Y", "领券"], content_reference.reply_words)


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(
        st.one_of(
            st.sampled_from([*OPT_OUTS, *COMPLAINTS, *OTHERS, "y", "Ｙ"]),
            st.text(st.sampled_from("rtdnRTＤ。 !退订拒收取消请回复Yy谢了投诉1232不要发"), max_size=8),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_the_column_agrees_with_the_function(texts: list[str], content_reference: ContentReference) -> None:
    words = content_reference.reply_words
    found = pl.DataFrame({"text": texts}).select(classify_replies(pl.col("text"), words, ["Y"])).to_series().to_list()
    assert found == [classify_reply(text, words, ["Y"]) for text in texts]


def test_a_missing_text_is_other(content_reference: ContentReference) -> None:
    frame = pl.DataFrame({"text": [None]}, schema={"text": pl.String})
    assert frame.select(classify_replies(pl.col("text"), content_reference.reply_words)).item() == "other"
