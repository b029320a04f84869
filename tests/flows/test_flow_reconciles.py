"""The figures are the provider's own: every count of the marts, recomputed from the simulator's record."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from chuda.keys import load_keys
from chuda.stores.marts import open_marts
from tasks.feedback.scanners import is_scanner


@pytest.fixture(scope="module")
def marts(demo) -> Iterator[Any]:
    with open_marts(demo.state / "marts.duckdb") as connection:
        yield connection


@pytest.fixture(scope="module")
def record(demo, marts) -> dict[str, list[dict[str, Any]]]:
    """What the company showed until the marts were built, by kind, in the order in which it happened."""
    built_us = marts.execute("select epoch_us(built_at) from mart_build").fetchone()[0]
    with sqlite3.connect(demo.folder / "provider" / "simulator.sqlite") as company:
        rows = company.execute(
            "select kind, item from event where visible_at_us <= ? order by happened_at_us", [built_us]
        ).fetchall()
    found: dict[str, list[dict[str, Any]]] = {"receipt": [], "reply": [], "click": [], "order": []}
    for kind, item in rows:
        found[kind].append(json.loads(item))
    return found


def test_every_message_has_the_state_of_its_last_receipt(marts, record):
    last = {item["message_id"]: item["status"] for item in record["receipt"]}
    ours = dict(
        marts.execute(
            "select batch_id || '.' || position, state from message_fact where state in ('delivered', 'failed')"
        ).fetchall()
    )
    assert ours == last
    accepted, delivered = marts.execute("select accepted, delivered from campaign_kpi").fetchone()
    assert delivered == Counter(last.values())["delivered"]
    assert accepted >= len(last)


def test_every_click_of_a_person_and_no_other_is_counted(marts, record):
    people = [item for item in record["click"] if not is_scanner(item.get("user_agent", ""))]
    assert people
    ours = marts.execute("select count(*) from contact_event where source = 'click'").fetchone()[0]
    assert ours == len(people)
    clicked = marts.execute("select batch_id || '.' || position from message_fact where is_clicked").fetchall()
    assert {row[0] for row in clicked} == {item["message_id"] for item in people}
    assert marts.execute("select clicked from campaign_kpi").fetchone()[0] == len(clicked)


def test_orders_are_attributed_to_those_who_were_delivered_a_message(demo, marts, record):
    keys = load_keys(demo.state / "keys", {})
    bought = {(item["order_id"], keys.token(item["phone"]), Decimal(item["amount"])) for item in record["order"]}
    ours = marts.execute("select event_id, token, amount_cny from contact_event where campaign_id is not null "
                         "and source = 'order'").fetchall()  # fmt: skip
    assert set(ours) == bought
    revenue, converted = marts.execute("select revenue_cny, converted from campaign_kpi").fetchone()
    assert revenue == sum(amount for _, _, amount in bought)
    assert converted == len({token for _, token, _ in bought})


def test_opt_outs_and_replies_add_up(marts, record):
    ours = marts.execute("select count(*) from contact_event where source = 'reply'").fetchone()[0]
    assert ours == len(record["reply"])
    said = Counter(item["text"].strip().upper() for item in record["reply"])
    plain = sum(count for text, count in said.items() if text in ("R", "T", "TD", "N", "退订", "拒收"))
    counted = marts.execute("select count(*) from contact_event where kind = 'opt_out'").fetchone()[0]
    assert counted >= plain > 0


def test_the_marts_hold_no_phone_number(demo, marts):
    """Every text column of every table, also of what is kept beside them; a token's digits stand between letters."""
    columns = marts.execute(
        "select schema_name, table_name, column_name from duckdb_columns() join duckdb_tables() "
        "using (database_name, schema_name, table_name) where data_type like '%VARCHAR%' or data_type like 'ENUM%'"
    ).fetchall()
    assert {"message_row", "event_row", "complaint"} <= {table for _, table, _ in columns}
    number = "(^|[^0-9a-zA-Z])([+]?86)?1[3-9][0-9]{9}([^0-9a-zA-Z]|$)"
    found = [
        (table, column)
        for schema, table, column in columns
        if marts.execute(
            f'select 1 from {schema}.{table} where regexp_matches("{column}"::varchar, $1) limit 1', [number]
        ).fetchone()
    ]
    assert found == []


def test_parts_and_costs_are_those_of_the_company(demo, marts):
    with sqlite3.connect(demo.folder / "provider" / "simulator.sqlite") as company:
        parts, messages = company.execute("select sum(parts), sum(message_count) from submission").fetchone()
    ours = marts.execute("select parts, accepted, cost_cny from campaign_kpi").fetchone()
    price = marts.execute("select max(cost_cny / parts) from message_fact where is_accepted").fetchone()[0]
    assert ours == (parts, messages, parts * Decimal(str(price)))
    bill = marts.execute("select sum(our_parts), sum(our_parts_submitted), sum(cost_cny) from provider_bill").fetchone()
    assert bill == (parts, parts, ours[2])
