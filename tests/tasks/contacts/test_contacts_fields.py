"""Fields beside the phone: names, words, dates, numbers, free text, as people write them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chuda.clock import BUSINESS_ZONE
from tasks.contacts.dates import day_reader, read_times
from tasks.contacts.people import read_names, salute
from tasks.contacts.text import Reader, read_free_text, read_identifiers, read_once
from tasks.contacts.words import (
    read_cities,
    read_consents,
    read_event_kinds,
    read_genders,
    read_languages,
    read_money,
    read_tags,
    read_whole_numbers,
)

NOW = datetime(2026, 11, 20, 10, tzinfo=BUSINESS_ZONE)
read_birthdays = day_reader(date(1900, 1, 1), NOW.date())
NAMES = {
    # written: name, surname, gender by title
    "王小明": ("王小明", "王", None),
    " 王　小明 ": ("王小明", "王", None),
    "王小明先生": ("王小明", "王", "m"),
    "王先生": ("王", "王", "m"),
    "张女士": ("张", "张", "f"),
    "尊敬的李小姐": ("李", "李", "f"),
    "王总": ("王", "王", None),
    "李总经理": ("李", "李", None),
    "陈老师": ("陈", "陈", None),
    "刘姐": ("刘", "刘", "f"),
    "欧阳娜娜": ("欧阳娜娜", "欧阳", None),
    "司马先生": ("司马", "司马", "m"),
    "诸葛老师": ("诸葛", "诸葛", None),
    "欧阳总": ("欧阳", "欧阳", None),
    "陳美玲": ("陳美玲", "陳", None),
    "王小明(VIP)": ("王小明", "王", None),
    "王小明13800138000": ("王小明", "王", None),
    "🌟王芳🌟": ("王芳", "王", None),
    "买买提•艾力": ("买买提·艾力", None, None),
    "Ｔｏｍ": ("Tom", None, None),
    "Lily   Chen": ("Lily Chen", None, None),
    "Mr. Wang": ("Wang", None, "m"),
    "小明妈妈": ("小明妈妈", None, None),
    "老王": ("老王", None, None),
    "阿总": ("阿总", None, None),
    "小哥": ("小哥", None, None),
    "深圳某某有限公司": ("深圳某某有限公司", None, None),
    "王记面馆": ("王记面馆", None, None),
    "先生": (None, None, "m"),
    "测试": (None, None, None),
    "用户123": (None, None, None),
    "": (None, None, None),
}
DAYS = {
    "2024-01-02": date(2024, 1, 2),
    "2024-1-2": date(2024, 1, 2),
    "2024/1/2": date(2024, 1, 2),
    "2024.01.02": date(2024, 1, 2),
    "20240102": date(2024, 1, 2),
    "20240102.0": date(2024, 1, 2),
    "2024年1月2日": date(2024, 1, 2),
    "2024年01月02号": date(2024, 1, 2),
    "2024 年 1 月 2 日": date(2024, 1, 2),
    "２０２４－０１－０２": date(2024, 1, 2),
    "2024-01-02 00:00:00": date(2024, 1, 2),
    "2024/1/2 9:05": date(2024, 1, 2),
    "2024-01-01T20:00:00Z": date(2024, 1, 2),
    "45293": date(2024, 1, 2),
    "45293.75": date(2024, 1, 2),
    "20000": date(1954, 10, 3),
}
NO_DAYS = {
    "2023-02-30": "unreadable_date", "1990-13-01": "unreadable_date", "0000-00-00": "unreadable_date",
    "2024年2月30日": "unreadable_date", "20241301": "unreadable_date", "不详": "unreadable_date",
    "1/2/2024": "unreadable_date",
    "99999": "unreadable_date", "24-01-02": "unreadable_date", "1850-01-01": "implausible_date",
    "2027-01-01": "implausible_date", "": None, "　": None,
}  # fmt: skip
TIMES = {
    "2024-01-02 10:20:30": (10, 20, 30),
    "2024-01-02": (0, 0, 0),
    "2024/1/2 10:20": (10, 20, 0),
    "2024年1月2日 10:20:30": (10, 20, 30),
    "20240102102030": (10, 20, 30),
    "2024-01-02T10:20:30": (10, 20, 30),
    "2024-01-02T02:20:30Z": (10, 20, 30),
    "2024-01-02T10:20:30+08:00": (10, 20, 30),
    "2024-01-01T21:20:30.123-0500": (10, 20, 30),
    "45293.5": (12, 0, 0),
    "1704162030": (10, 20, 30),
    "1704162030000": (10, 20, 30),
}
WORDS = [
    (read_genders, {"男": "m", "女士": "f", "Female": "f", "Ｍ": "m", "1": "m", "2": "f", "未知": None, "": None}),
    (read_languages, {"简体中文": "zh-Hans", "繁體": "zh-Hant", "zh_TW": "zh-Hant", "English": "en", "": None}),
    (read_consents, {"是": "granted", "Y": "granted", "TRUE": "granted", "同意": "granted", "1": "granted",
    "√": "granted"}),
    (read_consents, {"否": "denied", "N": "denied", "false": "denied", "不同意": "denied", "0": "denied",
    "已退订": "denied"}),
    (read_consents, {"无": "none", "": None, " ": None}),
    (read_cities, {"深圳市": "深圳", "广东深圳": "深圳", "广东省深圳市南山区": "深圳", "北京市": "北京",
    "重庆市渝中区": "重庆"}),
    (read_cities, {"吉林市": "吉林", "吉林省吉林市": "吉林", "延边朝鲜族自治州": "延边", "香港特别行政区": "香港",
    "-": None}),
    (read_whole_numbers, {"1,234": 1234, "12.0": 12, "１２": 12, "100分": 100, "-5": -5, "": None}),
    (read_money, {"¥1,234.50": Decimal("1234.50"), "12元": Decimal("12.00"), "0.005": Decimal("0.01"),
    "-3": Decimal("-3.00")}),
    (read_event_kinds, {"预约": "appointment", "Visit": "visit", "回访": "回访"}),
    (read_tags, {"VIP;母婴": ["VIP", "母婴"], "火锅｜套餐": ["火锅", "套餐"], "亲子、周末": ["亲子", "周末"],
    "VIP,VIP": ["VIP"], " ，": None}),
]  # fmt: skip
UNKNOWN = [
    (read_genders, "雌", "unknown_gender"),
    (read_languages, "火星文", "unknown_language"),
    (read_consents, "也许", "unknown_consent_word"),
    (read_whole_numbers, "12.5", "unreadable_number"),
    (read_whole_numbers, "9" * 30, "unreadable_number"),
    (read_money, "待定", "unreadable_amount"),
    (read_money, "99999999999", "unreadable_amount"),
]


def read_all(reader: Reader, texts: list[str], *columns: str) -> list[tuple[object, ...]]:
    return read_once(pl.Series(texts, dtype=pl.String), reader, columns or ("value", "problem")).rows()


def test_names_are_freed_of_titles_and_their_surname_is_found() -> None:
    assert read_all(read_names, list(NAMES), "value", "surname", "title_gender") == list(NAMES.values())


def test_a_salutation_needs_surname_and_gender() -> None:
    people = pl.DataFrame({"surname": ["王", "欧阳", None, "李"], "gender": ["m", "f", "m", None]})
    assert people.select(salute(pl.col("surname"), pl.col("gender"))).to_series().to_list() == [
        "王先生", "欧阳女士", None, None,
    ]  # fmt: skip


def test_days_are_read_in_all_their_forms() -> None:
    assert read_all(read_birthdays, list(DAYS)) == [(day, None) for day in DAYS.values()]


def test_days_that_do_not_exist_or_cannot_be_meant_are_null_with_a_reason() -> None:
    assert read_all(read_birthdays, list(NO_DAYS)) == [(None, reason) for reason in NO_DAYS.values()]


def test_times_are_of_shanghai_unless_they_say_otherwise() -> None:
    found = read_times(pl.Series(list(TIMES)), NOW)
    assert found["value"].dtype == pl.Datetime("us", "Asia/Shanghai")
    assert found["problem"].null_count() == len(TIMES)
    expected = [datetime(2024, 1, 2, *time, tzinfo=BUSINESS_ZONE) for time in TIMES.values()]
    assert found["value"].to_list() == expected


def test_a_time_after_the_last_plausible_one_is_null() -> None:
    assert (
        read_times(pl.Series(["2026-11-20 10:00:01", "2027-01-01"]), NOW)["problem"].to_list()
        == ["implausible_date"] * 2
    )


@pytest.mark.parametrize(("reader", "cases"), WORDS)
def test_words_are_understood(reader: Reader, cases: dict[str, object]) -> None:
    assert read_all(reader, list(cases)) == [(value, None) for value in cases.values()]


@pytest.mark.parametrize(("reader", "text", "problem"), UNKNOWN)
def test_unknown_words_are_null_with_a_reason(reader: Reader, text: str, problem: str) -> None:
    assert read_all(reader, [text]) == [(None, problem)]


def test_phone_numbers_in_free_text_are_masked() -> None:
    texts = ["打13800138000找我", "138-0013-8000", "１３８００１３８０００", "+852 9123 4567", "2024-01-02门店登记"]
    assert [value for value, _ in read_all(read_free_text, texts)] == [
        "打138****8000找我", "138****8000", "138****8000", "****", "2024-01-02门店登记",
    ]  # fmt: skip


def test_an_identifier_that_is_or_holds_a_phone_number_is_not_kept() -> None:
    texts = [
        "M0001",
        " Ｍ１ ",
        "13800138000",
        "M13800138000",
        "86-13800138000",
        "85291234567",
        "20241380013800099",
        None,
        "",
    ]
    found = read_identifiers(pl.Series(texts, dtype=pl.String))
    assert found["value"].to_list() == ["M0001", "M1", None, None, None, None, "20241380013800099", None, None]
    assert found["problem"].to_list() == [None, None, *["holds_phone"] * 4, None, None, None]


READERS = [reader for reader, _ in WORDS] + [read_names, read_birthdays, read_free_text]


@settings(max_examples=25, deadline=None)
@given(texts=st.lists(st.one_of(st.none(), st.text(max_size=30)), max_size=20))
def test_no_text_makes_a_reader_fail(texts: list[str | None]) -> None:
    cells = pl.Series(texts, dtype=pl.String)
    for reader in READERS:
        assert read_once(cells, reader).height == len(texts)
    assert read_times(cells, NOW).height == len(texts)
    assert read_identifiers(cells).height == len(texts)


@settings(max_examples=25, deadline=None)
@given(name=st.text(alphabet="王欧阳李小明先生女士总老师 　·()AbＣ1", max_size=12))
def test_a_cleaned_name_is_clean(name: str) -> None:
    (once,) = read_all(read_names, [name], "value")[0]
    if isinstance(once, str):
        assert once == once.strip()
        assert not any(letter.isdigit() for letter in once)
