"""Headers: recognised in Chinese and English, mapped by hand, or missing with a message that helps."""

from __future__ import annotations

import pytest

from chuda.errors import UsageError
from tasks.contacts.columns import count_known_headers, match_columns
from tasks.contacts.reference import ContactReference


def test_chinese_headers_are_recognised(reference: ContactReference) -> None:
    columns = ["姓名", "手机号（必填）", "* 性 别", "宝宝生日", "是否同意接收短信", "同意时间", "会员号", "备注"]
    match = match_columns("contacts", columns, reference.headers)
    assert match.columns == {
        "phone": "手机号（必填）", "name": "姓名", "gender": "* 性 别", "child_birthday": "宝宝生日",
        "consent": "是否同意接收短信", "consent_at": "同意时间", "source_id": "会员号",
    }  # fmt: skip
    assert match.unused == ("备注",)


def test_english_headers_are_recognised_in_any_case(reference: ContactReference) -> None:
    match = match_columns("orders", ["Mobile_Number", "ORDER ID", "Paid-At", "amount"], reference.headers)
    assert match.columns == {"phone": "Mobile_Number", "order_id": "ORDER ID", "paid_at": "Paid-At", "amount": "amount"}


def test_the_stronger_name_wins_and_the_other_column_stays_unused(reference: ContactReference) -> None:
    match = match_columns("contacts", ["电话", "手机"], reference.headers)
    assert match.columns["phone"] == "手机"
    assert match.unused == ("电话",)


def test_somebody_elses_number_is_never_taken_for_the_persons(reference: ContactReference) -> None:
    with pytest.raises(UsageError):
        match_columns("contacts", ["姓名", "紧急联系人手机号", "推荐人手机"], reference.headers)


def test_a_mapping_goes_before_recognition(reference: ContactReference) -> None:
    match = match_columns("contacts", ["手机号", "本人电话"], reference.headers, {"phone": "本人电话"})
    assert match.columns == {"phone": "本人电话"}


def test_a_missing_column_is_reported_with_what_was_found_and_a_guess(reference: ContactReference) -> None:
    with pytest.raises(UsageError) as caught:
        match_columns("contacts", ["姓名", "客户的手机号码"], reference.headers)
    message = str(caught.value)
    assert "phone" in message
    assert "“姓名”, “客户的手机号码”" in message
    assert "Perhaps phone = “客户的手机号码”?" in message


def test_every_missing_group_is_named(reference: ContactReference) -> None:
    with pytest.raises(UsageError, match="phone or source_id; paid_at; amount"):
        match_columns("orders", ["订单号"], reference.headers)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"telephone": "手机号"}, "telephone"),
        ({"phone": "电话"}, "no such column"),
        ({"phone": "手机号", "name": "手机号"}, "two meanings"),
    ],
)
def test_a_wrong_mapping_is_refused(mapping: dict[str, str], message: str, reference: ContactReference) -> None:
    with pytest.raises(UsageError, match=message):
        match_columns("contacts", ["手机号", "姓名"], reference.headers, mapping)


def test_a_number_in_place_of_a_header_is_not_repeated_in_the_message(reference: ContactReference) -> None:
    with pytest.raises(UsageError) as caught:
        match_columns("contacts", ["13800138000", "x"], reference.headers)
    assert "13800138000" not in str(caught.value)


def test_known_headers_are_counted_over_all_kinds_of_file(reference: ContactReference) -> None:
    assert count_known_headers(["手机号", "订单号", "x", None, "Consent At"], reference.headers) == 3
