"""Phone cells: every kind of dirt gets its verdict, and nothing in the world raises."""

from __future__ import annotations

import phonenumbers
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.contacts.phones import PhoneReading, read_phones
from tasks.contacts.prefixes import PrefixTable
from tasks.contacts.reference import ContactReference

ONE = "13800138000"
GOOD = {
    ONE: set(),
    "138 0013 8000": {"separators"},
    "138-0013-8000": {"separators"},
    "138.0013.8000": {"separators"},
    "1380013 8000": {"separators"},
    "  13800138000 ": {"separators"},
    "-13800138000": {"separators"},
    "+8613800138000": {"country_prefix"},
    "+86-138-0013-8000": {"country_prefix", "separators"},
    "+86 138 0013 8000": {"country_prefix", "separators"},
    "008613800138000": {"country_prefix"},
    "0086 13800138000": {"country_prefix", "separators"},
    "(86)13800138000": {"country_prefix", "separators"},
    "(+86)13800138000": {"country_prefix", "separators"},
    "（86）13800138000": {"country_prefix", "separators", "full_width"},
    "8613800138000": {"country_prefix"},
    "+86 86 13800138000": {"country_prefix", "separators"},
    "+86(0)13800138000": {"country_prefix", "separators"},
    "013800138000": {"trunk_zero"},
    "１３８００１３８０００": {"full_width"},
    "＋８６１３８００１３８０００": {"full_width", "country_prefix"},
    "13800138000.0": {"decimal_tail"},
    "13800138000.00": {"decimal_tail"},
    "'13800138000": {"apostrophe"},
    "’13800138000": {"apostrophe"},
    '="13800138000"': {"apostrophe"},
    "\u202a13800138000\u202c": {"invisible_characters"},
    "\ufeff13800138000": {"invisible_characters"},
    "1.3800138000E+10": {"lossless_exponent"},
    "13,800,138,000": {"separators"},
    "手机：13800138000": {"surrounding_text", "full_width"},
    "13800138000 张三": {"surrounding_text"},
    "13800138000（微信同号）": {"surrounding_text", "full_width"},
    "张三 13800138000": {"surrounding_text"},
}
ABROAD = {
    "+85291234567": "+85291234567",
    "+852 9123 4567": "+85291234567",
    "0085291234567": "+85291234567",
    "(852)91234567": "+85291234567",
    "852-9123-4567": "+85291234567",
    "+853 6612 3456": "+85366123456",
    "+886 912 345 678": "+886912345678",
    "+886 0912345678": "+886912345678",
    "886912345678": "+886912345678",
}
BAD = {
    "": "empty",
    "　": "empty",
    "-": "empty",
    "/": "empty",
    "无": "empty",
    "N/A": "empty",
    "null": "empty",
    "0": "empty",
    "微信联系": "not_a_number",
    "电话同上": "not_a_number",
    "1380013800O": "not_a_number",
    "13800138000O": "not_a_number",
    "٠١٣٨٠٠١٣٨٠٠": "not_a_number",
    "1.38E+10": "excel_destroyed",
    "1.38123E+10": "excel_destroyed",
    "1.38001e+10": "excel_destroyed",
    "########": "excel_destroyed",
    "#REF!": "excel_destroyed",
    "138****8000": "masked",
    "138xxxx8000": "masked",
    "13800138000转801": "extension",
    "13800138000-801": "extension",
    "010-62345678": "landline",
    "01062345678": "landline",
    "(0755)81234567": "landline",
    "0755-81234567-801": "landline",
    "0755-81234567转801": "landline",
    "+86 10 6234 5678": "landline",
    "86-755-81234567": "landline",
    "62345678": "landline",
    "400-123-4567": "landline",
    "+852 2123 4567": "landline",
    "+1 415 555 2671": "foreign",
    "0014155552671": "foreign",
    "+81-90-1234-5678": "foreign",
    "+44 7911 123456": "foreign",
    "1440012345678": "iot",
    "1064812345678": "iot",
    "8614800123456789"[:15]: "iot",
    "14812345678": "iot",
    "17491234567": "iot",
    "11111111111": "all_same_digit",
    "00000000000": "all_same_digit",
    "99999999999": "all_same_digit",
    "15400001111": "unassigned_prefix",
    "17410001111": "unassigned_prefix",
    "12345678901": "unassigned_prefix",
    "1380013800": "too_short",
    "10086": "too_short",
    "138001380001": "too_long",
    "1380013800012": "too_long",
    "62220213812345678901": "too_long",
}
TWO, THREE = "13900139000", "18600186000"
SEVERAL = {
    f"{ONE}/{TWO}": [TWO],
    f"{ONE}、{TWO}": [TWO],
    f"{ONE},{TWO}": [TWO],
    f"{ONE}，{TWO}": [TWO],
    f"{ONE};{TWO}": [TWO],
    f"{ONE}；{TWO}": [TWO],
    f"{ONE}|{TWO}": [TWO],
    f"{ONE}｜{TWO}": [TWO],
    f"{ONE}\n{TWO}": [TWO],
    f"{ONE} {TWO}": [TWO],
    f"{ONE} {TWO} {THREE}": [TWO, THREE],
    f"{ONE}　{TWO}": [TWO],
    f"{ONE}-{TWO}": [TWO],
    f"{ONE} 或 {TWO}": [TWO],
    "138 0013 8000 139 0013 9000": [TWO],
    "138-0013-8000 / 139-0013-9000": [TWO],
    "+86 13800138000 +86 13900139000": [TWO],
    f"+86{ONE} {TWO}": [TWO],
    f"{ONE} (备用) {TWO}": [TWO],
    f"{ONE}/+85291234567": ["+85291234567"],
}


def read(cells: list[str | None], table: PrefixTable) -> PhoneReading:
    frame = pl.DataFrame({"row": range(len(cells)), "cell": cells}, schema={"row": pl.UInt32, "cell": pl.String})
    return read_phones(frame, table)


@pytest.mark.parametrize(("cell", "repairs"), GOOD.items())
def test_a_good_number_is_found_and_its_repairs_are_counted(
    cell: str, repairs: set[str], reference: ContactReference
) -> None:
    reading = read([cell], reference.prefixes)
    assert reading.persons["phone"].to_list() == [ONE]
    assert set(reading.repairs) == repairs


@pytest.mark.parametrize(("cell", "phone"), ABROAD.items())
def test_hong_kong_macau_and_taiwan_keep_their_country_code(cell: str, phone: str, reference: ContactReference) -> None:
    assert read([cell], reference.prefixes).persons["phone"].to_list() == [phone]


@pytest.mark.parametrize(("cell", "reason"), BAD.items())
def test_a_bad_number_is_rejected_by_name(cell: str, reason: str, reference: ContactReference) -> None:
    reading = read([cell], reference.prefixes)
    assert reading.persons.is_empty()
    assert reading.rejected.select("cell", "reason").rows() == [(cell, reason)]


def test_no_cell_at_all_is_empty(reference: ContactReference) -> None:
    assert read([None], reference.prefixes).rejected["reason"].to_list() == ["empty"]


@pytest.mark.parametrize(("cell", "others"), SEVERAL.items())
def test_the_first_of_several_numbers_is_the_person(cell: str, others: list[str], reference: ContactReference) -> None:
    reading = read([cell], reference.prefixes)
    assert reading.persons["phone"].to_list() == [ONE]
    assert reading.alternates.select("phone", "alternate").rows() == [(ONE, other) for other in others]
    assert reading.numbers == 1 + len(others)


def test_the_first_good_number_is_the_person_and_the_bad_one_beside_it_is_rejected(
    reference: ContactReference,
) -> None:
    reading = read(["010-62345678/13800138000、1380013"], reference.prefixes)
    assert reading.persons["phone"].to_list() == [ONE]
    assert reading.rejected["reason"].to_list() == ["landline", "too_short"]
    assert reading.numbers == 3


def test_the_same_number_twice_in_a_cell_is_a_repeat(reference: ContactReference) -> None:
    reading = read([f"{ONE}/+86{ONE}"], reference.prefixes)
    assert (reading.persons.height, reading.alternates.height, reading.repeats) == (1, 0, 1)


def test_words_between_numbers_are_no_candidates(reference: ContactReference) -> None:
    assert read([f"{ONE},张三,"], reference.prefixes).numbers == 1


def test_rows_keep_their_own_numbers(reference: ContactReference) -> None:
    reading = read([ONE, "x", f"{TWO}/{THREE}", None, "+86" + THREE], reference.prefixes)
    assert sorted(reading.persons.select("row", "phone").rows()) == [(0, ONE), (2, TWO), (4, THREE)]
    assert reading.rejected.select("row", "reason").rows() == [(1, "not_a_number"), (3, "empty")]


phone_like = st.text(alphabet="0123456789+-() ./、,;'Ee０１３８\u3000转x*", max_size=30)


@settings(max_examples=30, deadline=None)
@given(cells=st.lists(st.one_of(st.text(max_size=40), phone_like), min_size=1, max_size=40))
def test_any_text_gets_a_verdict_and_a_canonical_number_stays_as_it_is(
    cells: list[str], reference: ContactReference
) -> None:
    reading = read(list(cells), reference.prefixes)
    rows = {*reading.persons["row"], *reading.rejected["row"]}
    assert rows == set(range(len(cells)))
    assert reading.rejected["reason"].null_count() == 0
    phones = [*reading.persons["phone"], *reading.alternates["alternate"]]
    again = read(list(phones), reference.prefixes)
    assert again.persons["phone"].to_list() == phones
    assert again.repairs == {}


@settings(max_examples=30, deadline=None)
@given(
    number=st.sampled_from([ONE, TWO, THREE, "+85291234567", "+886912345678", "17012345678"]),
    dressing=st.sampled_from(["{}", " {}", "'{}", "{}.0", "手机{}", "{}（微信）", "\u200b{}", "{}/", "，{}", "{}\t"]),
)
def test_a_number_survives_how_it_is_dressed(number: str, dressing: str, reference: ContactReference) -> None:
    assert read([dressing.format(number)], reference.prefixes).persons["phone"].to_list() == [number]


def test_verdicts_agree_with_phonenumbers_but_where_it_lacks_or_has_too_much(reference: ContactReference) -> None:
    """The oracle is asked for every four-digit head from 1300 on."""
    numbers = [f"{head}{tail}" for head in range(1300, 2000) for tail in ("0013800", "5551234", "9999123")]
    reading = read(list(numbers), reference.prefixes)
    ours = set(reading.persons["phone"])
    theirs = {number for number in numbers if _is_mobile(number)}
    # 149 is Telecom's and in use; phonenumbers does not know it. 1610 it takes for mobile, but nobody holds it.
    assert {number[:4] for number in ours - theirs} == {f"149{digit}" for digit in range(10)}
    assert {number[:4] for number in theirs - ours} == {"1610"}


def _is_mobile(number: str) -> bool:
    parsed = phonenumbers.parse(number, "CN")
    return phonenumbers.number_type(parsed) == phonenumbers.PhoneNumberType.MOBILE


@pytest.mark.parametrize("number", [*ABROAD.values(), "+85251234567", "+85368123456", "+886987654321"])
def test_numbers_from_abroad_agree_with_phonenumbers(number: str, reference: ContactReference) -> None:
    assert phonenumbers.is_valid_number(phonenumbers.parse(number))
    assert read([number], reference.prefixes).persons["phone"].to_list() == [number]
