"""One canonical form for everybody who names a person, and one mask for everybody who shows a text."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chuda.phones import canonical_phone, mask_phones
from tasks.contacts.phones import read_phones
from tasks.contacts.reference import load_reference

PHONE = "13800138000"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def prefixes():
    return load_reference(ROOT / "data" / "reference").prefixes


@pytest.mark.parametrize(
    "text",
    ["13800138000", "+8613800138000", "+86 138 0013 8000", "8613800138000", "008613800138000", "+86-138-0013-8000",
     "１３８００１３８０００", "＋８６１３８００１３８０００", " 13800138000\u200b", "(86)13800138000", "013800138000",
     "13800138000.0", "'13800138000", "86 86 13800138000", "+86\u00a0138\u20110013\u20118000"],
)  # fmt: skip
def test_every_usual_spelling_is_one_number(text):
    assert canonical_phone(text) == PHONE


@pytest.mark.parametrize(
    "text",
    ["", "138****8000", "1380013800", "138001380000", "13800138000/13900139000", "1.3800138E+10", "010-12345678",
     "None", "١٣٨٠٠١٣٨٠٠٠", "+1 415 555 0100", "\ud83d"],
)  # fmt: skip
def test_what_is_not_exactly_one_number_is_none(text):
    assert canonical_phone(text) is None


_SPELLINGS = st.builds(
    lambda plus, digits, gaps: plus + "".join(d + g for d, g in zip(digits, gaps, strict=False)),
    st.sampled_from(["", "+86", "86", "0086", "+86 ", "(86)", "0", "+852", "852-", "00853", "+886 0", "＋８６"]),
    st.one_of(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True), st.from_regex(r"[4-9][0-9]{7,8}", fullmatch=True)),
    st.lists(st.sampled_from(["", "", "", " ", "-", "\u200b"]), min_size=11, max_size=11),
)


@settings(max_examples=150, deadline=None)
@given(texts=st.lists(_SPELLINGS, min_size=1, max_size=20))
def test_it_is_the_form_the_importer_gives(prefixes, texts):
    frame = pl.DataFrame({"row": range(len(texts)), "cell": texts}, schema={"row": pl.UInt32, "cell": pl.String})
    imported = dict(read_phones(frame, prefixes).persons.select("row", "phone").iter_rows())
    for row, phone in imported.items():
        assert canonical_phone(texts[row]) == phone, texts[row]


@pytest.mark.parametrize(
    "text",
    ["我的号码13800138000x", "tel１３８００１３８０００", "138 0013 8000", "138-0013-8000", "+86(138)00138000",
     "+852 9123 4567", "138.0013.8000", "https://s.example/?m=8613800138000&x",
     "一三八零零一三八零零零", "身份证110101199001011234"],
)  # fmt: skip
def test_one_mask_finds_what_either_found(text):
    shown = mask_phones(text)
    assert "****" in shown
    for piece in ("00138000", "0013 8000", "0013-8000", "0013.8000", "００１３", "零零一三", "19900101", "9123 4567"):
        assert piece not in shown


@pytest.mark.parametrize("text", ["3天后6:00", "2026-11-20 10:00", "满100减20", "订单 20261120", "1-2 件"])
def test_ordinary_numbers_stay(text):
    assert mask_phones(text) == text
