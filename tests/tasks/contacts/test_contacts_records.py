"""Orders, events and do-not-contact lists cleaned."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from chuda.clock import BUSINESS_ZONE
from tasks.contacts.do_not_contact import DO_NOT_CONTACT_SCHEMA, clean_do_not_contact
from tasks.contacts.reading import open_rows
from tasks.contacts.records import EVENT_SCHEMA, ORDER_SCHEMA, clean_events, clean_orders
from tasks.contacts.rejects import REASONS

ONE, TWO = "13800138000", "13900139000"
ORDER = {
    "手机号": ONE,
    "会员号": "",
    "订单号": "D1",
    "支付时间": "2026-01-02 10:20:30",
    "金额": "¥1,234.50",
    "优惠": "10",
    "商品": "火锅",
}


@pytest.fixture
def orders(reference, parameters, as_file):
    return lambda *changes: clean_orders(as_file([{**ORDER, **change} for change in changes]), parameters, reference)


def test_an_order_is_cleaned(orders) -> None:
    cleaned = orders({"手机号": "+86 138 0013 8000"})
    assert cleaned.records.schema == ORDER_SCHEMA
    assert cleaned.records.row(0) == (
        "D1", ONE, None, datetime(2026, 1, 2, 10, 20, 30, tzinfo=BUSINESS_ZONE), Decimal("1234.50"), Decimal("10.00"),
        "火锅", None, 2,
    )  # fmt: skip


def test_a_member_number_is_enough_and_a_phone_in_its_place_counts_as_the_phone(orders) -> None:
    cleaned = orders({"手机号": "", "会员号": "M1"}, {"订单号": "D2", "手机号": "", "会员号": TWO})
    assert cleaned.records.select("order_id", "phone", "source_id").rows() == [("D1", None, "M1"), ("D2", TWO, None)]


@pytest.mark.parametrize(
    ("change", "column", "reason"),
    [
        ({"手机号": "", "会员号": ""}, "手机号", "no_person"),
        ({"手机号": "1381234"}, "手机号", "too_short"),
        ({"订单号": " "}, "订单号", "missing_id"),
        ({"订单号": f"S-{ONE}"}, "订单号", "holds_phone"),
        ({"支付时间": ""}, "支付时间", "missing_date"),
        ({"支付时间": "2025-02-30 12:00:00"}, "支付时间", "unreadable_date"),
        ({"支付时间": "2036-01-01"}, "支付时间", "implausible_date"),
        ({"金额": ""}, "金额", "missing_amount"),
        ({"金额": "待定"}, "金额", "unreadable_amount"),
    ],
)
def test_an_order_that_cannot_be_used_is_rejected_by_name(change: dict, column: str, reason: str, orders) -> None:
    cleaned = orders(change, {"订单号": "D2"})
    assert cleaned.records["order_id"].to_list() == ["D2"]
    assert cleaned.rejects.select("source_row", "column", "cell", "reason").row(0) == (
        2, column, {**ORDER, **change}[column], reason,
    )  # fmt: skip
    assert reason in REASONS
    assert (cleaned.counts.rows, cleaned.counts.kept, cleaned.counts.rejected) == (2, 1, 1)


def test_an_order_with_a_bad_phone_still_belongs_to_its_member(orders) -> None:
    assert orders({"手机号": "1381234", "会员号": "M1"}).records.select("phone", "source_id").rows() == [(None, "M1")]


def test_a_bad_discount_is_null_and_reported(orders) -> None:
    cleaned = orders({"优惠": "八折"})
    assert cleaned.records["discount"].to_list() == [None]
    assert cleaned.counts.field_problems == {"discount.unreadable_amount": 1}


def test_the_newest_row_of_an_order_is_kept_and_what_it_contradicts_is_reported(orders) -> None:
    cleaned = orders({"金额": "3", "支付时间": "2026-01-03"}, {}, {}, {"订单号": "D2"})
    assert cleaned.records.select("order_id", "amount").sort("order_id").rows() == [
        ("D1", Decimal("3.00")), ("D2", Decimal("1234.50")),
    ]  # fmt: skip
    assert (cleaned.counts.merged, cleaned.counts.field_problems) == (2, {"order_id.conflicting_row": 2})


def test_the_same_row_twice_is_no_conflict(orders) -> None:
    cleaned = orders({}, {})
    assert (cleaned.counts.kept, cleaned.counts.merged, cleaned.counts.field_problems) == (1, 1, {})


def test_phone_numbers_in_the_text_of_an_order_are_masked(orders) -> None:
    assert orders({"商品": f"送货{TWO}"}).records["product"].to_list() == ["送货139****9000"]


def test_events_are_cleaned_and_may_lie_ahead(reference, parameters, as_file) -> None:
    rows = [
        {"事件号": "E1", "手机号": ONE, "会员号": "", "类型": "预约", "时间": "2026-12-24 18:00", "说明": "圣诞"},
        {"事件号": "E2", "手机号": "", "会员号": "M1", "类型": "回访", "时间": "2026-01-01", "说明": ""},
        {"事件号": "E3", "手机号": ONE, "会员号": "", "类型": "", "时间": "2026-01-01", "说明": ""},
        {"事件号": "E4", "手机号": ONE, "会员号": "", "类型": "到店", "时间": "明天", "说明": ""},
    ]
    cleaned = clean_events(as_file(rows), parameters, reference)
    assert cleaned.records.schema == EVENT_SCHEMA
    assert cleaned.records.select("event_id", "phone", "source_id", "kind", "detail").rows() == [
        ("E1", ONE, None, "appointment", "圣诞"), ("E2", None, "M1", "回访", None),
    ]  # fmt: skip
    assert cleaned.counts.rejected_by_reason == {"missing_kind": 1, "unreadable_date": 1}


def test_every_number_of_a_do_not_contact_list_counts(reference, parameters, as_file) -> None:
    rows = [
        {"手机号": f"{ONE}/{TWO}", "原因": f"投诉 {ONE}", "时间": "2026-01-01"},
        {"手机号": "18600186000", "原因": "", "时间": "改天"},
        {"手机号": ONE, "原因": "退订", "时间": "2026-03-01"},
        {"手机号": "1380013", "原因": "", "时间": ""},
    ]
    cleaned = clean_do_not_contact(as_file(rows), parameters, reference)
    assert cleaned.records.schema == DO_NOT_CONTACT_SCHEMA
    assert sorted(cleaned.records.select("phone", "reason").rows()) == [
        (ONE, "退订"), (TWO, "投诉 138****8000"), ("18600186000", None),
    ]  # fmt: skip
    counts = cleaned.counts
    assert (counts.rows, counts.extra_numbers, counts.kept, counts.merged, counts.rejected) == (4, 1, 3, 1, 1)
    assert counts.field_problems == {"at.unreadable_date": 1}


def test_a_damaged_row_of_a_do_not_contact_list_still_counts(reference, parameters, tmp_path: Path) -> None:
    path = tmp_path / "dnc.csv"
    path.write_text(f"手机号,原因,时间\n{ONE},退订\n{TWO},a,b,c\nx,y\n18600186000,退订,2026-01-01\n", "utf-8")
    cleaned = clean_do_not_contact(open_rows(path, reference.headers), parameters, reference)
    assert sorted(cleaned.records["phone"]) == [ONE, TWO, "18600186000"]
    assert cleaned.rejects.select("source_row", "reason").rows() == [(4, "ragged_row")]


def test_ragged_orders_are_rejected_with_their_line(reference, parameters, tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(f"手机号,订单号,支付时间,金额\n{ONE},D1,2026-01-01,5\n{ONE},D2,2026-01-01\n", "utf-8")
    cleaned = clean_orders(open_rows(path, reference.headers), parameters, reference)
    assert (cleaned.counts.rows, cleaned.counts.kept) == (2, 1)
    assert cleaned.rejects.select("cell", "reason").rows() == [(f"{ONE},D2,2026-01-01", "ragged_row")]
    assert ONE not in repr(cleaned)
    assert isinstance(cleaned.records, pl.DataFrame)
