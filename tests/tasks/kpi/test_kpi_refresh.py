"""A refresh publishes all or nothing, documented, and adds up."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kpi_world import NOW, World

from chuda.stores.marts import open_marts, read_rows
from tasks.experiments.intervals import wilson_interval
from tasks.kpi.catalog import published_marts, read_macros
from tasks.kpi.refresh import refresh_marts

STATES = ["accepted", "rejected", "not_sent", "unknown", "unconfirmed", "suppressed", "expired", "cancelled"]
COUNTED = [
    "planned",
    "submitted",
    "accepted",
    "rejected",
    "delivered",
    "failed",
    "opted_out",
    "clicked",
    "parts",
    "cost_cny",
    "revenue_cny",
]


class GateSaysNo(Exception):
    pass


def test_everything_published_carries_its_comment(world: World, tmp_path: Path) -> None:
    refresh_marts(world.warehouse, tmp_path / "marts.duckdb", NOW)
    with open_marts(tmp_path / "marts.duckdb") as marts:
        tables = read_rows(
            marts,
            "select table_name as name, comment from duckdb_tables() where schema_name = 'main' union all "
            "select view_name, comment from duckdb_views() where not internal",
        )
        columns = read_rows(
            marts,
            "select table_name, column_name, comment from duckdb_columns() where not internal and schema_name = 'main'",
        )
    assert {row["name"]: row["comment"] for row in tables} == {mart.name: mart.comment for mart in published_marts()}
    assert {(row["table_name"], row["column_name"]): row["comment"] for row in columns} == {
        (mart.name, column.name): column.comment for mart in published_marts() for column in mart.columns
    }


def test_the_summary_counts_what_was_published(world: World, tmp_path: Path) -> None:
    world.put("plan_made", {})
    world.put_messages(1000, delivered=900, clicked=250)
    summary = refresh_marts(world.warehouse, tmp_path / "marts.duckdb", NOW)
    assert (summary.rows["message_fact"], summary.rows["campaign_kpi"], summary.alerts) == (1000, 1, 1)
    assert summary.built_at == NOW
    assert set(summary.rows) == {mart.name for mart in published_marts()}


def test_the_gate_sees_the_new_marts_and_its_no_keeps_the_old_ones(world: World, tmp_path: Path) -> None:
    path = tmp_path / "marts.duckdb"
    refresh_marts(world.warehouse, path, NOW)
    world.put("plan_made", {})
    world.put_messages(3, delivered=3)
    seen: list[int] = []

    def refuse(connection: object) -> None:
        seen.extend(row["planned"] for row in read_rows(connection, "select planned from campaign_kpi"))  # type: ignore[arg-type]
        raise GateSaysNo

    with pytest.raises(GateSaysNo):
        refresh_marts(world.warehouse, path, NOW, refuse)
    with open_marts(path) as marts:
        assert read_rows(marts, "from campaign_kpi") == []
    assert seen == [3]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["marts.duckdb", "marts.duckdb.lock"]


def test_the_same_fact_keeps_its_alert(world: World, tmp_path: Path) -> None:
    world.put("plan_made", {})
    world.put_messages(1000, delivered=900)
    world.put("reply_received", {"kind": "complaint"})
    first = {row["alert_id"] for row in world.rows("alert")}
    world.put("receipt_received", {"receipt_id": "late", "batch_id": "b-p1--", "position": 999})
    again = {row["alert_id"] for row in world.rows("alert")}
    # nobody clicked either: delivery, open rate and the segment, and the complaint
    assert len(first) == 4
    assert first == again


def test_the_same_warehouse_gives_the_same_marts(world: World) -> None:
    world.put("plan_made", {})
    world.put_messages(500, delivered=400, clicked=90, segment="a")
    world.put_messages(300, delivered=250, clicked=90, segment="b")
    with world.marts() as connection:
        first = {
            mart.name: sorted(map(str, connection.execute(f"from {mart.name}").fetchall()))
            for mart in published_marts()
        }
    with world.marts() as connection:
        again = {
            mart.name: sorted(map(str, connection.execute(f"from {mart.name}").fetchall()))
            for mart in published_marts()
        }
    assert first == again


Message = st.tuples(
    st.sampled_from(STATES), st.sampled_from(["", "delivered", "failed"]), st.sampled_from(["a", "b", None]),
    st.sampled_from([9, 10, 16]), st.integers(1, 3), st.booleans(),
)  # fmt: skip


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(Message, min_size=1, max_size=30))
def test_segments_and_hours_add_up_to_the_campaign(messages: list[tuple[str, str, str | None, int, int, bool]]) -> None:
    world = World()
    world.put("plan_made", {})
    world.put("order_clean", {"token": "t0"}, {"order_id": "o2", "token": "t1", "paid_at": "2026-11-21 10:00:00+08"})
    for number, (state, receipt, segment, hour, parts, is_clicked) in enumerate(messages):
        of = {"batch_id": f"b{number}", "token": f"t{number}"}
        world.put("batch_state", {"batch_id": of["batch_id"], "state": state, "sent_at": f"2026-11-20 {hour}:10:00+08"})
        world.put("plan_message", {**of, "segment": segment, "parts": parts})
        if receipt:
            world.put("receipt_received", {**of, "receipt_id": str(number), "status": receipt})
        if is_clicked:
            world.put("click_received", {**of, "click_id": str(number)})
    with world.marts() as connection:
        (campaign,) = read_rows(connection, "from campaign_kpi")
        left = campaign["submitted"] + campaign["suppressed"] + campaign["expired"] + campaign["cancelled"]
        assert campaign["planned"] == left + campaign["waiting_to_leave"] == len(messages)
        assert campaign["accepted"] == campaign["delivered"] + campaign["failed"] + campaign["awaiting_receipt"]
        for mart in ("segment_kpi", "hour_kpi"):
            sums = ", ".join(f"sum({name}) as {name}" for name in COUNTED)
            (total,) = read_rows(connection, f"select {sums} from {mart}")
            assert total == {name: campaign[name] for name in COUNTED}, mart


@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 3000)), min_size=1, max_size=30))
@settings(max_examples=5, deadline=None)
def test_the_published_wilson_bounds_are_those_of_the_experiments(counts: list[tuple[int, int]]) -> None:
    with duckdb.connect() as connection:
        connection.execute(read_macros("macros"))
        for events, base in counts:
            events = min(events, base)
            expected = wilson_interval(events, base)
            found = connection.execute("select wilson_low($1, $2), wilson_high($1, $2)", [events, base]).fetchone()
            assert found == pytest.approx((expected.low, expected.high), abs=1e-7)
        assert connection.execute("select rate(null, 5), rate(1, 0), rate(7, 5), wilson_low(null, 5)").fetchone() == (
            None, None, 1.0, None,
        )  # fmt: skip
