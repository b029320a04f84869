"""Contact files cleaned: fields, consent, merging inside a file, rejects, and accounts that add up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chuda.clock import BUSINESS_ZONE
from chuda.errors import ChudaError, UsageError
from tasks.contacts.cleaning import CleanedContacts, clean_batches, clean_contacts, merge_cleaned
from tasks.contacts.contact_fields import CANDIDATE_SCHEMA
from tasks.contacts.counts import CleanCounts
from tasks.contacts.parameters import CleanParameters, ConsentStatement
from tasks.contacts.reading import open_rows
from tasks.contacts.reference import ContactReference
from tasks.contacts.rejects import REASONS, build_reject_file
from tasks.sample.generator import SampleParameters, generate_sample

ONE, TWO = "13800138000", "13900139000"


@pytest.fixture
def clean(reference: ContactReference, parameters: CleanParameters, as_file) -> Callable[..., CleanedContacts]:
    def run(rows: list[dict[str, str | None]], **changes: object) -> CleanedContacts:
        return clean_contacts(as_file(rows), parameters.model_copy(update=changes), reference)

    return run


def candidate(cleaned: CleanedContacts, phone: str = ONE) -> dict:
    return cleaned.candidates.row(by_predicate=pl.col("phone") == phone, named=True)


def test_a_whole_row_is_cleaned(clean) -> None:
    row = {
        "手机号": "+86-138 0013 8000", "姓名": " 欧阳　娜娜女士 ", "性别": "", "城市": "广东省深圳市",
        "生日": "1990年1月2日",
        "预产期": "2027-01-02", "宝宝生日": "", "语言": "简体", "积分": "1,234", "积分到期日": "2026/12/31",
        "标签": "VIP；母婴",
        "是否同意": "是", "同意来源": "门店", "同意时间": "2025-01-02 03:04:05", "同意用途": "营销短信", "会员号": "M1",
    }  # fmt: skip
    cleaned = clean([row])
    assert cleaned.candidates.schema == CANDIDATE_SCHEMA
    assert candidate(cleaned) == {
        "phone": ONE, "phone_region": "CN", "carrier": "mobile", "number_type": "mobile", "province": "北京",
        "phone_city": "北京", "name": "欧阳娜娜", "surname": "欧阳", "gender": "f", "city": "深圳",
        "birthday": date(1990, 1, 2),
        "due_date": date(2027, 1, 2), "child_birthday": None, "language": "zh-Hans", "points": 1234,
        "points_expire_on": date(2026, 12, 31), "tags": ["VIP", "母婴"], "consent": "granted", "consent_source": "门店",
        "consent_at": datetime(2025, 1, 2, 3, 4, 5, tzinfo=BUSINESS_ZONE), "consent_purpose": "营销短信",
        "source_id": "M1",
        "source_row": 2,
    }  # fmt: skip


def test_a_number_from_hong_kong_has_a_region_and_no_carrier(clean) -> None:
    found = candidate(clean([{"手机号": "+852 9123 4567"}]), "+85291234567")
    assert [found[name] for name in ("phone_region", "carrier", "number_type", "province", "phone_city")] == [
        "HK", None, "mobile", "香港", None,
    ]  # fmt: skip


def test_a_bad_field_becomes_null_and_is_reported_and_the_row_stays(clean) -> None:
    cleaned = clean([{"手机号": ONE, "生日": "1990-02-30", "性别": "雌", "会员号": ONE}])
    found = candidate(cleaned)
    assert (found["birthday"], found["gender"], found["source_id"]) == (None, None, None)
    assert cleaned.counts.field_problems == {
        "birthday.unreadable_date": 1, "gender.unknown_gender": 1, "source_id.holds_phone": 1,
    }  # fmt: skip
    assert cleaned.field_problems.filter(pl.col("column") == "生日").row(0) == (
        "客户.csv", 2, "生日", "1990-02-30", "unreadable_date",
    )  # fmt: skip


def test_no_text_field_lets_a_phone_number_through(clean) -> None:
    told = f"老王{TWO}"
    columns = ("姓名", "城市", "标签", "同意来源", "同意用途", "会员号")
    cleaned = clean([{"手机号": ONE, "是否同意": "是", **dict.fromkeys(columns, told)}])
    shown = cleaned.candidates.drop("phone").with_columns(pl.col("tags").list.join(","))
    assert TWO not in str(shown.rows())


def test_frames_with_phone_numbers_do_not_show_them_when_printed(clean) -> None:
    assert ONE not in repr(clean([{"手机号": ONE}]))


def test_a_file_without_consent_columns_gives_no_consent_and_says_nothing_of_it(clean) -> None:
    cleaned = clean([{"手机号": ONE}])
    assert (candidate(cleaned)["consent"], cleaned.states_consent) == ("none", False)


STATEMENT = ConsentStatement(source="线下活动", at=datetime(2026, 1, 1, tzinfo=BUSINESS_ZONE), purpose="营销短信")


def test_consent_for_all_is_everybodys_where_the_file_has_no_such_column(clean) -> None:
    cleaned = clean([{"手机号": ONE}], consent_for_all=STATEMENT)
    found = candidate(cleaned)
    assert (found["consent"], found["consent_source"], found["consent_at"], found["consent_purpose"]) == (
        "granted", "线下活动", STATEMENT.at, "营销短信",
    )  # fmt: skip
    assert cleaned.states_consent


def test_consent_for_all_only_completes_what_a_consent_column_leaves_open(clean) -> None:
    rows = [{"手机号": ONE, "是否同意": "是", "同意来源": "门店"}, {"手机号": TWO, "是否同意": ""}]
    cleaned = clean(rows, consent_for_all=STATEMENT)
    assert (candidate(cleaned)["consent_source"], candidate(cleaned)["consent_purpose"]) == ("门店", "营销短信")
    assert (candidate(cleaned, TWO)["consent"], candidate(cleaned, TWO)["consent_source"]) == ("none", None)


def test_consent_without_evidence_is_counted(clean) -> None:
    assert clean([{"手机号": ONE, "是否同意": "是"}]).counts.granted_without_evidence == 1


def test_an_unknown_consent_word_is_no_consent(clean) -> None:
    cleaned = clean([{"手机号": ONE, "是否同意": "也许"}])
    assert candidate(cleaned)["consent"] == "none"
    assert cleaned.counts.field_problems == {"consent.unknown_consent_word": 1}


def test_the_newest_non_empty_value_of_each_field_wins(clean) -> None:
    rows = [
        {"手机号": ONE, "姓名": "王小明", "城市": "深圳", "积分": "1", "是否同意": "是", "同意时间": "2025-03-01"},
        {"手机号": TWO, "姓名": "李芳", "是否同意": "是"},
        {"手机号": "+86" + ONE, "姓名": "Tom", "城市": "", "积分": "2", "是否同意": "是", "同意时间": "2025-01-01"},
        {"手机号": ONE, "姓名": "", "城市": "上海", "积分": "", "是否同意": "是"},
    ]
    cleaned = clean(rows)
    found = candidate(cleaned)
    assert (found["name"], found["surname"], found["city"], found["points"]) == ("王小明", "王", "深圳", 1)
    assert found["source_row"] == 2
    assert (cleaned.counts.kept, cleaned.counts.merged) == (2, 2)


def test_without_times_the_later_row_is_newer_and_a_name_takes_its_surname_along(clean) -> None:
    found = candidate(clean([{"手机号": ONE, "姓名": "王小明", "性别": "男"}, {"手机号": ONE, "姓名": "Tom"}]))
    assert (found["name"], found["surname"], found["gender"], found["source_row"]) == ("Tom", None, "m", 3)


@pytest.mark.parametrize(
    ("words", "consent"),
    [(("是", "否", "是"), "denied"), (("是", "", "是"), "none"), (("否", ""), "denied"), (("是", "是"), "granted")],
)
def test_the_most_restrictive_consent_wins(words: tuple[str, ...], consent: str, clean) -> None:
    assert candidate(clean([{"手机号": ONE, "是否同意": word} for word in words]))["consent"] == consent


def test_the_winning_consent_brings_its_own_evidence(clean) -> None:
    rows = [
        {"手机号": ONE, "是否同意": "否", "同意来源": "客服", "同意时间": "2025-01-01"},
        {"手机号": ONE, "是否同意": "是", "同意来源": "门店", "同意时间": "2025-06-01", "同意用途": "营销"},
        {"手机号": ONE, "是否同意": "否", "同意来源": "官网", "同意时间": "2025-03-01"},
    ]
    found = candidate(clean(rows))
    assert (found["consent"], found["consent_source"], found["consent_purpose"]) == ("denied", "官网", None)


def test_alternates_are_kept_beside_the_person_and_counted_once(clean) -> None:
    cleaned = clean([{"手机号": f"{ONE}/{TWO}"}, {"手机号": f"{ONE}、{TWO}"}, {"手机号": TWO}])
    assert cleaned.alternates.rows() == [(ONE, TWO)]
    assert sorted(cleaned.candidates["phone"]) == [ONE, TWO]
    counts = cleaned.counts
    assert (counts.rows, counts.extra_numbers, counts.kept, counts.merged, counts.alternates) == (3, 2, 2, 2, 1)


def test_rejects_name_row_column_cell_and_reason(clean) -> None:
    cleaned = clean([{"手机号": "+86 1380013"}, {"手机号": f"{ONE}/010-62345678"}])
    assert cleaned.rejects.rows() == [
        ("客户.csv", 2, "手机号", "+86 1380013", "too_short", True),
        ("客户.csv", 3, "手机号", f"{ONE}/010-62345678", "landline", True),
    ]
    assert cleaned.counts.rejected_by_reason == {"landline": 1, "too_short": 1}


def test_every_reason_that_can_be_given_has_words_for_the_user(clean) -> None:
    cells = [
        "",
        "x",
        "138",
        "138001380001",
        "1.38E+10",
        "138****8000",
        f"{ONE}转1",
        "62345678",
        "+1 4155552671",
        "14812345678",
    ]
    reasons = set(clean([{"手机号": cell} for cell in [*cells, "1" * 11, "15400001111"]]).rejects["reason"])
    assert len(reasons) == 12
    assert reasons <= set(REASONS)


def test_the_corrected_reject_file_can_be_imported(clean, tmp_path: Path, reference, parameters) -> None:
    cleaned = clean([{"手机号": "+86 1380013", "姓名": "=1+1", "积分": "-5"}, {"手机号": ONE, "姓名": "x", "积分": ""}])
    report = build_reject_file(cleaned.rejects, cleaned.rejected_rows)
    assert report.columns == ["行号", "问题列", "问题内容", "原因", "手机号", "姓名", "积分"]
    assert report.row(0)[:3] == (2, "手机号", "'+86 1380013")
    path = tmp_path / "rejects.csv"
    report.with_columns(pl.col("手机号").str.replace("1380013", TWO)).write_csv(path)
    again = clean_contacts(open_rows(path, reference.headers), parameters, reference)
    assert candidate(again, TWO)["points"] == -5
    assert again.counts.kept == 1


def test_the_mapping_of_the_parameters_is_used(clean) -> None:
    assert clean([{"本人号码列": ONE}], mapping={"phone": "本人号码列"}).counts.kept == 1
    with pytest.raises(UsageError, match="手机"):
        clean([{"本人号码列": ONE}], mapping={"phone": "手机"})


def test_a_file_with_a_header_only_is_empty_and_adds_up(tmp_path: Path, reference, parameters) -> None:
    path = tmp_path / "empty.csv"
    path.write_text("手机号,姓名\n")
    cleaned = clean_contacts(open_rows(path, reference.headers), parameters, reference)
    assert cleaned.counts == CleanCounts()
    assert cleaned.candidates.schema == CANDIDATE_SCHEMA


def test_accounts_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ChudaError, match="does not add up"):
        CleanCounts(rows=3, kept=2)
    with pytest.raises(ChudaError, match="does not add up"):
        CleanCounts(rows=1, rejected=1)


cells = st.sampled_from([
    ONE, TWO, f"+86{ONE}", f"{ONE}/{TWO}", f"{TWO}、{ONE}", f"{ONE},{ONE}", "+85291234567", "010-62345678", "", "abc",
    f"{ONE}/1380", "1.38E+10", f"18600186000 {TWO}", None,
])  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(phones=st.lists(cells, max_size=25), names=st.lists(st.sampled_from(["王小明", "", "Tom"]), min_size=25))
def test_whatever_comes_in_is_accounted_for_and_everybody_comes_once(phones: list, names: list, reference) -> None:
    frame = pl.DataFrame(
        {"source_row": range(2, len(phones) + 2), "手机号": phones, "姓名": names[: len(phones)]},
        schema={"source_row": pl.UInt32, "手机号": pl.String, "姓名": pl.String},
    )
    parameters = CleanParameters(now=STATEMENT.at)
    cleaned = clean_contacts(frame, parameters, reference)
    assert cleaned.counts.rows == len(phones)
    assert cleaned.candidates["phone"].is_unique().all()
    assert cleaned.counts.kept == cleaned.candidates.height
    assert cleaned.counts.rejected == cleaned.rejects.height
    assert cleaned.counts.alternates == cleaned.alternates.height
    assert set(cleaned.alternates["phone"]) <= set(cleaned.candidates["phone"])


def test_batches_together_are_the_whole_file(tmp_path: Path, reference, parameters) -> None:
    path = tmp_path / "list.csv"
    rows = [f"1380013{number % 400:04},王{number},{number % 3}" for number in range(1000)]
    path.write_text("手机号,姓名,积分\n" + "\n".join(rows) + "\n139,x,1\n", "utf-8")
    whole = clean_contacts(open_rows(path, reference.headers), parameters, reference)
    parts = list(clean_batches(open_rows(path, reference.headers, block_bytes=2000), parameters, reference))
    assert len(parts) > 5
    together = merge_cleaned(parts)
    assert together.counts == whole.counts
    assert together.candidates.sort("phone").equals(whole.candidates.sort("phone"))


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8-sig"])
def test_a_dirty_export_gives_the_counts_of_its_answer_key(encoding, tmp_path: Path, reference) -> None:
    now = datetime(2026, 11, 22, 10, tzinfo=BUSINESS_ZONE)
    sample = generate_sample(SampleParameters(rows=4000, seed=3, now=now, encoding=encoding, dirt=1.0), tmp_path)
    opened = open_rows(sample.contacts, reference.headers)
    assert opened.encoding == encoding.removesuffix("-sig")
    cleaned = clean_contacts(opened, CleanParameters(now=now), reference)
    key, counts = sample.key.candidates, cleaned.counts
    assert (counts.rows, counts.extra_numbers, counts.kept, counts.merged, counts.alternates) == (
        key.rows, key.extra_numbers, key.kept, key.merged, key.alternates,
    )  # fmt: skip
    assert counts.rejected_by_reason == {reason: count for reason, count in key.rejected.items() if count}
    for column in ("phone_region", "carrier", "number_type", "consent"):
        expected = getattr(sample.key.people, f"by_{column.removeprefix('phone_')}")
        found = dict(cleaned.candidates.group_by(pl.col(column).fill_null("none")).len().iter_rows())
        assert found == {name: count for name, count in expected.items() if count}
