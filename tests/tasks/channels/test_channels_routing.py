"""Cells that avoid a channel leave through the campaign's next one, in releases of their own."""

from __future__ import annotations

import duckdb
import pytest
from channel_world import FRIDAY, record

from chuda.stores.ledger.channels import Route
from chuda.windows import DailyWindow
from tasks.channels.routing import choose_routing, keep_routes, number_by_channel

OWN, NEXT, LAST = record(batch_size=10), record(name="next", batch_size=4), record(name="last")
DAY = DailyWindow(8 * 60, 21 * 60)


def route(channel: str, carrier: str = "unicom", province: str = "河南") -> Route:
    return Route(channel, carrier, province, "canary", "{}", 1)


def names(*routes: Route) -> dict[tuple[str, str], str]:
    return {cell: channel.name for cell, channel in choose_routing(OWN, [NEXT, LAST], routes).moved.items()}


def test_without_routes_nothing_moves():
    assert names() == {}


def test_a_cell_takes_the_first_channel_it_does_not_avoid():
    assert names(route("shop")) == {("unicom", "河南"): "next"}
    assert names(route("shop"), route("next")) == {("unicom", "河南"): "last"}
    assert names(route("next")) == {}  # its own channel is well


def test_a_cell_that_avoids_all_stays_where_it_is():
    assert names(route("shop"), route("next"), route("last")) == {}


@pytest.fixture
def connection():
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'Asia/Shanghai'")
    connection.execute("CREATE SCHEMA draft; SET search_path = 'draft,main'")
    connection.execute("CREATE TABLE main.plan_route (plan_id VARCHAR, number INT, channel VARCHAR, record VARCHAR)")
    connection.execute(
        "CREATE TABLE message_staged AS SELECT md5(i::varchar) AS token, if(i < 90, 'all', 'rollout') AS wave, "
        "if(i % 3 = 0, 'unicom', 'mobile') AS carrier, if(i % 2 = 0, '河南', '广东') AS province, 't' AS text, "
        "1 AS parts, $1::timestamptz AS send_at, $1::timestamptz + INTERVAL 9 HOUR AS expires_at "
        "FROM range(100) t(i)", [FRIDAY],
    )  # fmt: skip
    return connection


def test_each_release_is_of_one_channel_and_everybody_is_dealt_once(connection):
    number_by_channel(connection, choose_routing(OWN, [NEXT], [route("shop")]), DAY, 1)
    keep_routes(connection, "p1")
    dealt = connection.execute("SELECT count(*), count(DISTINCT token) FROM message_numbered").fetchone()
    assert dealt == (90, 90)
    routed = "(carrier = 'unicom' AND province = '河南')"
    rows = connection.execute(
        f"SELECT release_number, bool_and({routed}), bool_or({routed}), count(*), max(position) FROM message_numbered "
        "GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert rows == [(1, False, False, 75, 9), (2, True, True, 15, 3)]
    assert connection.execute("SELECT plan_id, number, channel FROM plan_route").fetchall() == [("p1", 2, "next")]


def test_the_roll_out_stays_staged_for_later(connection):
    number_by_channel(connection, choose_routing(OWN, [NEXT], [route("shop")]), DAY, 1)
    assert connection.execute("SELECT count(*) FROM message_staged WHERE wave = 'rollout'").fetchone() == (10,)


def test_without_a_moved_cell_all_go_as_before(connection):
    number_by_channel(connection, choose_routing(OWN, [NEXT], []), DAY, 5)
    keep_routes(connection, "p1")
    assert connection.execute("SELECT DISTINCT release_number FROM message_numbered").fetchall() == [(5,)]
    assert connection.execute("SELECT count(*) FROM plan_route").fetchone() == (0,)
