"""What the ledger knows reaches the warehouse once and whole, also when transactions commit out of order."""

from __future__ import annotations

import threading
from datetime import timedelta

import duckdb
import pytest
from fakes import phones, put_release
from plan_rows import OPENS, insert, put_plan
from sqlalchemy import text

from chuda.clock import to_us
from chuda.stores.ledger import open_ledger
from chuda.stores.ledger.feedback import LinkClickRow, ReceiptRow, add_link_clicks, append_events
from chuda.stores.ledger.releases import Control, set_control, state_counts
from tasks.feedback.mirror import mirror_ledger
from tasks.planning.plan import create_plan_tables


def receipt(number):
    return ReceiptRow("c", "b", number, "t", "delivered", "DELIVRD", 1, 0, 0)


@pytest.fixture
def postgres_ledger(postgres, keys):
    ledger = open_ledger(postgres(), keys)
    yield ledger
    ledger.close()


@pytest.fixture
def warehouse():
    with duckdb.connect() as connection:
        yield connection


def positions(warehouse):
    return [row[0] for row in warehouse.execute("SELECT position FROM receipt_received ORDER BY 1").fetchall()]


def test_what_a_slow_transaction_commits_late_is_not_missed(postgres_ledger, warehouse):
    def write_quickly():
        with postgres_ledger.write() as quick:
            append_events(quick, [receipt(2)])

    with postgres_ledger.write() as slow:
        append_events(slow, [receipt(1)])
        other = threading.Thread(target=write_quickly)
        other.start()
        other.join(0.3)
        mirror_ledger(warehouse, postgres_ledger)
    other.join()
    mirror_ledger(warehouse, postgres_ledger)
    assert positions(warehouse) == [1, 2]


def test_a_reading_is_one_view(postgres_ledger, keys, clock):
    put_release(postgres_ledger, keys, clock.now(), people=phones(1))
    with postgres_ledger.read() as connection:
        before = state_counts(connection, "p1")
        with postgres_ledger.write() as other:
            set_control(other, "p1", Control("cancelled", "x", "y"), 0)
        assert state_counts(connection, "p1") == before == {"planned": 1}


def test_sqlite_reads_each_event_once(ledger, warehouse):
    for number in (1, 2):
        with ledger.write() as connection:
            append_events(connection, [receipt(number)])
        assert mirror_ledger(warehouse, ledger)["receipt_received"] == 1
    assert mirror_ledger(warehouse, ledger)["receipt_received"] == 0
    assert positions(warehouse) == [1, 2]


def put_message(warehouse, plan, variant, link, number=0):
    insert(
        warehouse, "plan_message", plan_id=plan, token=f"{number:032x}", wave="all", variant=variant,
        text=f"【橙柚生活】点 {link} 领取，拒收请回复R", send_at=OPENS, messages_before=0,
    )  # fmt: skip


def put_click(ledger, link, minutes, line):
    with ledger.write() as connection:
        at_us = to_us(OPENS + timedelta(minutes=minutes))
        add_link_clicks(connection, [LinkClickRow("demo", link, line, at_us, at_us)])


def test_clicks_of_nobody_count_for_the_variant_whose_link_they_followed(any_ledger, keys, warehouse):
    create_plan_tables(warehouse)
    put_plan(warehouse, "p1", click_tracking="per_variant")
    put_plan(warehouse, "p2", click_tracking="per_variant", campaign_id="other", created_at=OPENS)
    put_plan(warehouse, "p3", click_tracking="per_variant")
    for variant in ("a", "b"):
        for number in range(2):
            put_message(warehouse, "p1", variant, f"https://cy.example/{variant}", number)
        put_message(warehouse, "p2", variant, "https://cy.example/both")
        put_message(warehouse, "p3", variant, "https://cy.example/a")
    for plan in ("p1", "p2"):
        put_release(any_ledger, keys, OPENS, people=phones(1), plan_id=plan, occurrence=plan)
    with any_ledger.write() as connection:
        connection.execute(text("UPDATE batch SET attempts = 1, state = 'accepted'"))
        for plan in ("p1", "p2"):
            connection.execute(
                text("INSERT INTO attempt (batch_id, number, release_id, owner, epoch, size, parts, intent_us, "
                     "outcome) VALUES (:batch, 1, :release, 'me', 1, 1, 1, :us, 'accepted')"),
                {"batch": f"{plan}-1-0", "release": f"{plan}-1", "us": to_us(OPENS)},
            )  # fmt: skip
    for number, (link, minutes) in enumerate([
        ("https://cy.example/a", 5), ("https://cy.example/a", 6), ("https://cy.example/b", 7),
        ("https://cy.example/both", 8), ("https://cy.example/a", -5), ("https://cy.example/a", 8 * 24 * 60),
        ("https://cy.example/", 9),
    ]):  # fmt: skip
        put_click(any_ledger, link, minutes, str(number))
    mirror_ledger(warehouse, any_ledger)
    assert mirror_ledger(warehouse, any_ledger)["variant_click"] == 3
    counted = warehouse.execute("SELECT plan_id, variant, clicks FROM variant_click ORDER BY 1, 2").fetchall()
    assert counted == [("p1", "a", 2), ("p1", "b", 1), ("p2", None, 1)]


def test_answers_to_keywords_reach_the_warehouse_message_by_message_with_their_price(any_ledger, keys, warehouse):
    record = '{"price_cny_per_part": "0.055", "billing": "delivered"}'
    put_release(
        any_ledger, keys, OPENS, people=phones(3), plan_id="p1-2-answers-1f", occurrence="x", channel_record=record,
        message_type="coupon_reply", lost={phones(3)[1]: "opt_out"},
    )  # fmt: skip
    put_release(any_ledger, keys, OPENS, people=phones(2), plan_id="p1")
    mirror_ledger(warehouse, any_ledger)
    assert mirror_ledger(warehouse, any_ledger)["answer_sent"] == 3
    rows = warehouse.execute(
        "SELECT plan_id, campaign_id, position, token, state, parts::varchar, price_cny::varchar, billing "
        "FROM answer_sent ORDER BY position"
    ).fetchall()
    assert rows == [
        ("p1", "autumn", n, keys.token(phones(3)[n]), state, "1.00", "0.0550", "delivered")
        for n, state in enumerate(["planned", "suppressed", "planned"])
    ]


def test_a_batch_has_the_price_of_the_channel_it_leaves_through_under_the_release_that_was_approved(
    any_ledger, keys, warehouse
):
    own = '{"price_cny_per_part": "0.05", "billing": "submitted"}'
    other = '{"price_cny_per_part": "0.0725", "billing": "delivered"}'
    put_release(any_ledger, keys, OPENS, people=phones(1), channel_record=own)
    put_release(any_ledger, keys, OPENS, people=phones(1), number="1~1", channel="other", channel_record=other)
    put_release(any_ledger, keys, OPENS, people=phones(1), number=2)
    warehouse.execute(
        "CREATE TABLE batch_state (batch_id VARCHAR, plan_id VARCHAR, release_id VARCHAR, channel VARCHAR, "
        "state VARCHAR, size INTEGER, sent_at TIMESTAMPTZ, accepted_at TIMESTAMPTZ, attempts INTEGER)"
    )
    warehouse.execute("INSERT INTO batch_state (batch_id) VALUES ('of a warehouse before there were prices')")
    mirror_ledger(warehouse, any_ledger)
    rows = warehouse.execute(
        "SELECT batch_id, release_id, channel, price_cny::varchar, billing FROM batch_state ORDER BY batch_id"
    ).fetchall()
    assert rows == [
        ("p1-1-0", "p1-1", "demo", "0.0500", "submitted"), ("p1-1~1-0", "p1-1", "other", "0.0725", "delivered"),
        ("p1-2-0", "p1-2", "demo", None, None),
    ]  # fmt: skip


def test_the_answers_to_what_a_stand_in_sent_are_the_plan_s(any_ledger, keys, warehouse):
    put_release(any_ledger, keys, OPENS, people=phones(1), plan_id="p-7-2~1-answers-1f", message_type="coupon_reply")
    mirror_ledger(warehouse, any_ledger)
    assert warehouse.execute("SELECT plan_id FROM answer_sent").fetchall() == [("p-7",)]
