"""The variables a template may use, and how each kind of value is written, in Python and as a column.

A value may come as text, number, date or time; whatever it is, it is first written as text, then given the form of its
kind and language. NULL and blank are both "missing". Times must already be in Asia/Shanghai.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Literal

import polars as pl

Kind = Literal["text", "number", "date", "salutation", "constant"]
Language = Literal["zh-Hans", "zh-Hant", "en"]


@dataclass(frozen=True, slots=True)
class Variable:
    """A name of the allow-list: what it stands for and how its value is written."""

    kind: Kind
    meaning: str


VARIABLES: Mapping[str, Variable] = {
    "signature": Variable("constant", "登记的签名，由活动填入"),
    "salutation": Variable("salutation", "称呼：王先生、张女士；不知道时为“您好”"),
    "surname": Variable("text", "姓"),
    "name": Variable("text", "姓名"),
    "city": Variable("text", "城市"),
    "shop": Variable("text", "门店"),
    "brand": Variable("text", "品牌"),
    "offer": Variable("text", "优惠内容"),
    "coupon": Variable("text", "券码"),
    "item": Variable("text", "商品或服务"),
    "course": Variable("text", "课程"),
    "teacher": Variable("text", "老师"),
    "staff": Variable("text", "接待人"),
    "child": Variable("text", "宝宝称呼"),
    "link": Variable("text", "链接"),
    "address": Variable("text", "地址"),
    "hotline": Variable("text", "门店电话"),
    "order_no": Variable("text", "单号"),
    "code": Variable("text", "验证码"),
    "time": Variable("text", "时刻，如 14:30"),
    "points": Variable("number", "积分"),
    "amount": Variable("number", "金额（元）"),
    "minutes": Variable("number", "分钟数"),
    "days": Variable("number", "天数"),
    "gift": Variable("text", "礼品"),
    "call_to_action": Variable("text", "行动指引，如“点链接领取”“致电预约”"),
    "date": Variable("date", "日期"),
    "expiry": Variable("date", "优惠截止日期"),
    "expires": Variable("date", "优惠截止日期（同 expiry）"),
    "appointment_at": Variable("date", "预约时间"),
    "event_at": Variable("date", "触发活动的事件时间"),
    "birthday": Variable("date", "生日"),
    "due_date": Variable("date", "预产期"),
    "points_expire_on": Variable("date", "积分到期日期"),
}

BLANKS = " \t\r\n\u3000\u00a0"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# An ISO date, with a time where there is one; seconds and the offset are dropped.
_DAY = r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])(?:[ T]([0-9]{2}:[0-9]{2})(?s:.*))?$"
_FRACTION = r"\.0+$"


def kind_of(name: str) -> Kind:
    """How a variable's value is written; a campaign's own constants are plain text."""
    return VARIABLES[name].kind if name in VARIABLES else "text"


def write_value(value: object, kind: Kind, language: Language) -> str | None:
    """One value as it appears in a message, or None if it is missing."""
    if value is None:
        return None
    text = (value.isoformat() if isinstance(value, datetime | date) else str(value)).strip(BLANKS)
    if kind == "number":
        text = re.sub(_FRACTION, "", text)
    found = re.match(_DAY, text) if kind == "date" else None
    if found:
        text = _write_day(int(found[1]), int(found[2]), found[3] or "", language)
    return text or None


def is_missing_expression(value: pl.Expr) -> pl.Expr:
    """Whether a value is missing: NULL or blank."""
    return (value.cast(pl.String).str.strip_chars(BLANKS) == "").fill_null(True)


def value_expression(value: pl.Expr, kind: Kind, language: Language) -> pl.Expr:
    """Column twin of `write_value` (String, NULL where missing)."""
    if kind == "date":
        # There are far fewer days than people: each is written once.
        return value.map_batches(partial(_write_days, language=language), return_dtype=pl.String, is_elementwise=True)
    text = value.cast(pl.String).str.strip_chars(BLANKS)
    if kind == "number":
        text = text.str.replace(_FRACTION, "")
    return pl.when(text != "").then(text)


def _write_day(month: int, day: int, time: str, language: Language) -> str:
    if language == "en":
        return f"{day} {MONTHS[month - 1]} {time}".strip()
    return f"{month}月{day}日{time}"


def _write_days(values: pl.Series, language: Language) -> pl.Series:
    """The days of a column as they appear in messages (String, NULL where missing)."""
    distinct = values.alias("value").unique().drop_nulls().to_frame()
    text = pl.col("value").cast(pl.String).str.strip_chars(BLANKS)
    written = distinct.with_columns(written=_day_expression(text, language))
    written = written.with_columns(pl.when(pl.col("written") != "").then("written").alias("written"))
    return values.replace_strict(written["value"], written["written"], default=None, return_dtype=pl.String)


def _day_expression(text: pl.Expr, language: Language) -> pl.Expr:
    # Slices, because extracting groups with a regex is several times slower.
    month, day = text.str.slice(5, 2).str.strip_chars_start("0"), text.str.slice(8, 2).str.strip_chars_start("0")
    time = text.str.slice(11, 5)
    if language == "en":
        numbers = [str(number) for number in range(1, 13)]
        name = month.replace_strict(numbers, MONTHS, default=None, return_dtype=pl.String)
        written = pl.concat_str(day, pl.lit(" "), name, pl.lit(" "), time).str.strip_chars_end(" ")
    else:
        written = pl.concat_str(month, pl.lit("月"), day, pl.lit("日"), time)
    return pl.when(text.str.contains(_DAY)).then(written).otherwise(text)
