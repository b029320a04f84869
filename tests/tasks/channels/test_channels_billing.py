"""A bill is compared with our ledger message by message; an over-billing provider is found, a good one is not."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import duckdb
import polars as pl
import pytest
from channel_world import FRIDAY
from kpi_world import KPI_TESTS

from chuda.clock import FixedClock
from chuda.errors import UsageError
from chuda.providers.protocol import DailyTotals
from chuda.providers.simulator.app import open_provider
from chuda.providers.simulator.profile import Conduct, Profile, WorldProfile
from chuda.providers.simulator.rules import IncomingMessage
from tasks.channels.billing import (
    count_due,
    days_to_ask,
    keep_accounts,
    keep_bill,
    keep_totals,
    read_bill,
    reconcile_bill,
    sum_parts,
)
from tasks.channels.record import create_channel_tables

DAY = date(2026, 11, 20)
HEAD = "消息编号,手机号,计费条数,费用\n"


@pytest.fixture
def warehouse(keys):
    """Five messages: delivered, failed, rejected, unknown, delivered with two parts."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'Asia/Shanghai'")
    connection.execute((KPI_TESTS / "warehouse_tables.sql").read_text("utf-8"))
    create_channel_tables(connection)
    for position, parts in enumerate((1, 1, 1, 1, 2)):
        token = keys.token(f"1380013800{position}")
        connection.execute(
            "INSERT INTO plan_message (plan_id, token, parts, batch_id, position) VALUES ('p', ?, ?, 'b', ?)",
            [token, parts, position],
        )
    connection.execute(
        "INSERT INTO batch_state VALUES ('b', 'p', 'r', 'shop', 'accepted', 5, $1, $1, 1, NULL, NULL)", [FRIDAY]
    )
    for position, state in ((2, "rejected"), (3, "unknown")):
        connection.execute("INSERT INTO message_exception VALUES ('b', ?, ?, '', ?)", [position, state, FRIDAY])
    for position, status in ((0, "delivered"), (1, "failed"), (4, "delivered")):
        columns = "(batch_id, position, status, reported_at)"
        values = [position, status, FRIDAY]
        connection.execute(f"INSERT INTO receipt_received {columns} VALUES ('b', ?, ?, ?)", values)
    return connection


def explain(warehouse, keys, tmp_path, lines, billing="submitted", head=HEAD):
    path = tmp_path / "bill.csv"
    path.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")
    keep_bill(warehouse, keys, "shop", DAY, read_bill(path), path.name)
    found = reconcile_bill(warehouse, "shop", DAY, billing, Decimal("0.05"))
    return {each.kind: (each.messages, each.parts) for each in found}


def test_a_bill_that_agrees_has_no_differences(warehouse, keys, tmp_path):
    assert explain(warehouse, keys, tmp_path, ["b.0,,1,0.05", "b.1,,1,0.05", "b.4,,2,0.1"]) == {}
    assert explain(warehouse, keys, tmp_path, ["b.0,,1,0.05", "b.4,,2,0.1"], "delivered") == {}


@pytest.mark.parametrize(
    ("lines", "billing", "kind", "parts"),
    [
        (["b.0,,2,", "b.1,,1,", "b.4,,2,"], "submitted", "parts_differ", 1),
        (["b.0,,1,", "b.4,,2,"], "submitted", "not_billed", -1),
        (["b.0,,1,", "b.1,,1,", "b.4,,2,", "b.9,,1,"], "submitted", "not_ours", 1),
        (["b.0,,1,", "b.1,,1,", "b.4,,2,", "b.2,,1,"], "submitted", "not_accepted_but_billed", 1),
        (["b.0,,1,", "b.1,,1,", "b.4,,2,", "b.3,,1,"], "submitted", "outcome_unknown", 1),
        (["b.0,,1,", "b.1,,1,", "b.4,,2,"], "delivered", "failed_but_billed", 1),
    ],
)
def test_each_difference_is_named(warehouse, keys, tmp_path, lines, billing, kind, parts):
    assert explain(warehouse, keys, tmp_path, lines, billing) == {kind: (1, parts)}


def test_a_bill_with_the_right_parts_at_another_price_is_named_with_the_money(warehouse, keys, tmp_path):
    assert explain(warehouse, keys, tmp_path, ["b.0,,1,0.05", "b.1,,1,0.08", "b.4,,2,0.10"]) == {
        "price_differs": (1, 0)
    }
    (found,) = reconcile_bill(warehouse, "shop", DAY, "submitted", Decimal("0.05"))
    assert found.cny == Decimal("0.03")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["b.0,,1,0.05"] * 3 + ["b.1,,1,0.05", "b.4,,2,0.1"], {"parts_differ": (1, 2)}),  # charged three times
        (["b.0,,1,0.05", "b.1,,1,0.05", "b.4,,1,0.05", "b.4,,1,0.05"], {}),  # two parts, a line each
        (["b.0,,1,", "b.1,,1,", "b.4,,2,", "b.9,,1,", "b.9,,1,"], {"not_ours": (1, 2)}),
        (["b.0,,1,0.05", "b.1,,1,0.05", "b.4,,1,0.08", "b.4,,1,0.05"], {"price_differs": (1, 0)}),
    ],
)
def test_what_a_message_is_billed_is_the_sum_of_its_lines(warehouse, keys, tmp_path, lines, expected):
    assert explain(warehouse, keys, tmp_path, lines) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([("4", 1), ("4", 1)], {}),
        ([("4", 2), ("4", 2)], {"parts_differ": (1, 2)}),
        ([("4", 1), ("4", 1), ("9", 1), ("9", 1)], {"not_ours": (2, 2)}),
    ],
)
def test_without_our_ids_a_person_with_more_lines_than_messages_has_messages_of_several_lines(
    warehouse, keys, tmp_path, lines, expected
):
    told = [f"1380013800{n},{parts}" for n, parts in [("0", 1), ("1", 1), *lines]]
    assert explain(warehouse, keys, tmp_path, told, head="手机号,条数\n") == expected


def test_the_lines_of_a_person_with_several_messages_follow_their_parts(warehouse, keys, tmp_path):
    columns = "(plan_id, token, parts, batch_id, position)"
    warehouse.execute(f"INSERT INTO plan_message {columns} VALUES ('p', ?, 1, 'b', 5)", [keys.token("13800138004")])
    told = [f"1380013800{n},1" for n in (0, 1, 4, 4, 4)]
    assert explain(warehouse, keys, tmp_path, told, head="手机号,条数\n") == {}


def test_the_bill_of_an_account_knows_the_messages_of_its_other_channels(warehouse, keys, tmp_path):
    send_through(warehouse, keys, "codes")
    mine = ["b.0,,1,", "b.1,,1,", "b.4,,2,"]
    assert explain(warehouse, keys, tmp_path, [*mine, "c.0,,1,"]) == {"not_ours": (1, 1)}
    keep_accounts(warehouse, {"shop": "a", "codes": "a"})
    assert explain(warehouse, keys, tmp_path, [*mine, "c.0,,1,"]) == {"not_billed": (1, -1)}  # c.1 is missing
    assert explain(warehouse, keys, tmp_path, [*mine, "c.0,,1,", "c.1,,1,"]) == {}
    assert explain(warehouse, keys, tmp_path, mine) == {}  # a bill of one channel only


def send_through(warehouse, keys, channel):
    for position in range(2):
        warehouse.execute(
            "INSERT INTO plan_message (plan_id, token, parts, batch_id, position) VALUES ('p', ?, 1, 'c', ?)",
            [keys.token(f"1390013900{position}"), position],
        )
    warehouse.execute(
        "INSERT INTO batch_state VALUES ('c', 'p', 'r', $2, 'accepted', 2, $1, $1, 1, NULL, NULL)", [FRIDAY, channel]
    )


def test_an_answer_to_a_keyword_is_due_like_any_message(warehouse, keys, tmp_path):
    for position, state in ((0, "accepted"), (1, "rejected")):
        warehouse.execute(
            "INSERT INTO answer_sent (plan_id, token, channel, batch_id, position, state, sent_at, parts) "
            "VALUES ('p', ?, 'shop', 'a', ?, ?, ?, 2.00)",
            [keys.token(f"1380013800{position}"), position, state, FRIDAY],
        )
    mine = ["b.0,,1,", "b.1,,1,", "b.4,,2,"]
    assert explain(warehouse, keys, tmp_path, [*mine, "a.0,,2,"]) == {}
    assert explain(warehouse, keys, tmp_path, mine) == {"not_billed": (1, -2)}
    assert explain(warehouse, keys, tmp_path, [*mine, "a.0,,2,", "a.1,,2,"]) == {"not_accepted_but_billed": (1, 2)}
    assert count_due(warehouse, "shop", DAY, "submitted").parts == 6


@pytest.mark.parametrize(
    ("billing", "told", "beyond"),
    # Four parts are due and one is open when every submitted part is charged; by delivery three are due, one is open.
    [("submitted", 4, 0), ("submitted", 5, 0), ("submitted", 7, 2), ("submitted", 3, -1), ("delivered", 4, 0),
     ("delivered", 6, 2), ("delivered", 1, -2)],
)  # fmt: skip
def test_the_providers_figure_is_held_against_what_may_be_due(warehouse, billing, told, beyond):
    assert count_due(warehouse, "shop", DAY, billing).beyond(told) == beyond


def test_a_bill_without_our_ids_is_matched_by_number_and_order_and_keeps_no_number(warehouse, keys, tmp_path):
    lines = ["+86 138-0013-8000,1", "13800138001,1", "13800138004,3"]
    assert explain(warehouse, keys, tmp_path, lines, head="手机号,条数\n") == {"parts_differ": (1, 1)}
    assert "13800138" not in str(warehouse.execute("SELECT * FROM bill_line").fetchall())


def test_a_second_bill_replaces_the_first(warehouse, keys, tmp_path):
    explain(warehouse, keys, tmp_path, ["b.0,,9,"])
    assert explain(warehouse, keys, tmp_path, ["b.0,,1,", "b.1,,1,", "b.4,,2,"]) == {}


def test_an_excel_file_reads_like_a_csv_file(tmp_path):
    path = tmp_path / "bill.xlsx"
    pl.DataFrame({"消息编号": ["b.0"], "计费条数": ["2"], "费用": ["0.11"]}).write_excel(path)
    assert read_bill(path).select("message_id", "parts").rows() == [("b.0", 2)]


@pytest.mark.parametrize(
    ("text", "said"), [("手机号,状态\n1,2\n", "needs the parts"), (HEAD + "b.0,,viel,\n", "bill.csv:2:")]
)
def test_a_bill_that_cannot_be_used_says_why(tmp_path, text, said):
    path = tmp_path / "bill.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=said):
        read_bill(path)


async def company(tmp_path, conduct: Conduct, billing: str = "submitted"):
    profile = Profile(blacklisted_share=0, billing=billing, world=WorldProfile(conduct=conduct))
    provider = open_provider(
        tmp_path / "provider", FixedClock(datetime(2026, 11, 20, 12, tzinfo=FRIDAY.tzinfo)), 1, profile
    )
    batch = [IncomingMessage(f"b.{n}", f"138{n:08d}", "【橙柚生活】您好", "marketing") for n in range(100)]
    await provider.accept("b", batch)
    provider.record.flush()
    totals, lines = await provider.totals(DAY), provider.bill(DAY)
    provider.record.close()
    return totals, lines


@pytest.mark.parametrize(("share", "too_much"), [(0.0, 0), (0.2, 23)])
def test_an_over_billing_company_says_more_in_statistics_and_bill_and_a_good_one_does_not(tmp_path, share, too_much):
    import asyncio

    totals, lines = asyncio.run(company(tmp_path, Conduct(overbilled=share)))
    assert sum(line.parts for line in lines) == 100 + too_much == totals.parts


def test_the_providers_figures_count_under_the_channels_billing_mode(warehouse):
    totals = DailyTotals(DAY, parts=5, delivered=3, failed=1, messages=4, delivered_parts=4)
    for billing, parts in (("submitted", 5), ("delivered", 4)):
        keep_totals(warehouse, "shop", billing, totals, FRIDAY)
        assert warehouse.execute("SELECT parts FROM provider_total").fetchall() == [(parts,)]


def test_only_days_on_which_something_left_are_asked_about(warehouse):
    assert days_to_ask(warehouse, "shop", DAY) == [DAY]
    assert days_to_ask(warehouse, "other", DAY) == []


def test_parts_beyond_our_count_add_up(warehouse, keys, tmp_path):
    explain(warehouse, keys, tmp_path, ["b.0,,2,", "b.4,,2,"])
    assert (
        sum_parts(reconcile_bill(warehouse, "shop", DAY, "submitted", Decimal("0.05"))) == 0
    )  # one too many, one missing


def test_a_bill_without_headers_shows_no_number(tmp_path):
    path = tmp_path / "bill.csv"
    path.write_text("13800138000,b.0,1\n13800138001,b.1,1\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"138\*\*\*\*8000, b\.0") as caught:
        read_bill(path)
    assert "13800138000" not in str(caught.value)


@pytest.mark.parametrize(
    ("fee", "read"),
    [("0.50元", "0.5"), ("￥0.50", "0.5"), ("¥ 0.05", "0.05"), ('"1,234.5"', "1234.5"), ("0.15000000000000002", "0.15"),
     ("5E-2", "0.05"), ("", None), (" ", None)],
)  # fmt: skip
def test_a_fee_is_read_however_money_is_written(tmp_path, fee, read):
    path = tmp_path / "bill.csv"
    path.write_text(f"{HEAD}b.0,,1,{fee}\n", encoding="utf-8")
    assert read_bill(path)["fee_cny"].to_list() == [None if read is None else Decimal(read)]


@pytest.mark.parametrize("fee", ["五毛", "0.05/条", "nan", "13800138000x"])
def test_a_fee_that_is_no_amount_is_refused_with_its_line_and_not_shown(tmp_path, fee):
    path = tmp_path / "bill.csv"
    path.write_text(f"{HEAD}b.0,,1,0.05\nb.1,,1,{fee}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"bill\.csv:3: the fee") as caught:
        read_bill(path)
    assert fee not in str(caught.value)


def test_an_empty_id_is_no_id_and_the_number_counts(warehouse, keys, tmp_path):
    lines = [f'"{blank}",1380013800{n},{parts},' for n, parts, blank in ((0, 1, ""), (1, 1, " "), (4, 2, ""))]
    assert explain(warehouse, keys, tmp_path, lines) == {}
