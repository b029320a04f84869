"""A cell that drops is found by its own history, beyond chance; it leaves where configured, and comes back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import duckdb
import polars as pl
import pytest
from channel_world import CONDUCTS, FRIDAY, LINES, ROOT, record
from kpi_world import KPI_TESTS

from chuda.campaign.model import Campaign
from chuda.clock import BUSINESS_ZONE, from_us, to_us
from chuda.providers.simulator.profile import Conduct, DeadCell, WorldProfile
from chuda.providers.simulator.world import Message, World
from chuda.stores.ledger.channels import open_routes, verdicts_of
from tasks.channels.canary import (
    Cell,
    campaign_id_of,
    count_cells,
    find_ripe,
    judge_cells,
    least_visible,
    thin_out,
    write_campaign,
)
from tasks.channels.watching import act_on, tell_cells
from tasks.planning.plan import tracking_of

HISTORY = Cell("unicom", "河南", 0, 0, 0, 400, 394)
PREFIXES = {("mobile", "广东"): "1380013", ("unicom", "河南"): "1860371", ("telecom", "四川"): "1330028"}


def cell(sent: int, delivered: int, base: Cell = HISTORY) -> Cell:
    return replace(base, sent=sent, delivered=delivered, first_attempt=delivered)


def states(*cells: Cell) -> list[str]:
    return [each.state for each in judge_cells(cells, LINES)]


def test_a_lost_cell_is_found_in_five_messages_and_a_single_loss_is_no_drop():
    assert states(cell(5, 0)) == ["dropped"]
    assert states(cell(20, 19)) == ["level"]
    assert states(cell(4, 0)) == ["unjudged"]


def test_a_cell_without_a_history_is_not_judged():
    assert states(replace(cell(50, 0), sent_before=29, delivered_before=29)) == ["unjudged"]


def test_a_drop_too_small_to_matter_is_none_however_certain():
    large = Cell("mobile", "广东", 20_000, 19_000, 19_000, 200_000, 197_000)
    assert states(large) == ["level"]
    assert states(replace(large, delivered=18_500)) == ["dropped"]


def test_looking_at_many_cells_asks_for_stronger_evidence():
    weak = cell(12, 10)
    assert states(weak) == ["dropped"]
    assert states(weak, *(replace(cell(12, 12), province=f"省{n}") for n in range(60)))[0] == "level"


def test_how_many_messages_a_total_loss_takes_to_show():
    few, many = least_visible(HISTORY, 1, LINES), least_visible(HISTORY, 120, LINES)
    assert few is not None and many is not None and 1 <= few < many <= 6
    assert states(*(replace(cell(many, 0), province=f"省{n}") for n in range(1))) == [
        "unjudged" if many < 5 else "dropped"
    ]


class Warehouse:
    """Messages of a simulated company by cell, as plan, ledger mirror and receipts have them."""

    def __init__(self, conduct: Conduct, seed: int = 1) -> None:
        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone = 'Asia/Shanghai'")
        self.connection.execute((KPI_TESTS / "warehouse_tables.sql").read_text("utf-8"))
        self._world = World(seed, WorldProfile(conduct=conduct))

    def send(self, plan_id: str, campaign_id: str, at: datetime, of_each: int, kind: str = "marketing") -> None:
        rows, receipts = [], []
        for (carrier, province), prefix in PREFIXES.items():
            for number in range(of_each):
                position, phone = len(rows), f"{prefix}{number:04d}"
                rows.append((plan_id, f"{phone}", carrier, province, plan_id, position))
                fate = self._world.fate(Message(f"{plan_id}.{position}", phone, "您好", kind, to_us(at))).receipt
                if fate:
                    receipts.append((plan_id, position, fate.status, from_us(fate.at_us)))
        run = self.connection
        run.execute("INSERT INTO plan_made (plan_id, campaign_id, channel, message_type) VALUES (?, ?, 'shop', ?)",
                    [plan_id, campaign_id, kind])  # fmt: skip
        run.execute("INSERT INTO batch_state VALUES (?, ?, 'r', 'shop', 'accepted', ?, ?, ?, 1, NULL, NULL)",
                    [plan_id, plan_id, len(rows), at, at])  # fmt: skip
        self._put("plan_message", ("plan_id", "token", "carrier", "province", "batch_id", "position"), rows)
        self._put("receipt_received", ("batch_id", "position", "status", "reported_at"), receipts)

    def _put(self, table: str, columns: tuple[str, ...], rows: list[tuple]) -> None:
        self.connection.register("incoming", pl.DataFrame(rows, schema=columns, orient="row").to_arrow())
        self.connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM incoming")
        self.connection.unregister("incoming")

    def judge(self, plan_id: str, at: datetime):
        return judge_cells(count_cells(self.connection, plan_id, "shop", at, LINES), LINES)


DEAD = Conduct(dead_cells=(DeadCell(prefixes=frozenset({PREFIXES["unicom", "河南"]}), since=FRIDAY),))
LATER = FRIDAY + timedelta(days=3)


@pytest.fixture
def dead() -> Warehouse:
    warehouse = Warehouse(DEAD)
    warehouse.send("h1", "autumn", FRIDAY - timedelta(days=20), 200)
    warehouse.send("t1", "test-shop-1", FRIDAY - timedelta(days=10), 20, kind="test")
    warehouse.send("c1", "canary-shop-2026-11", LATER, 8)
    return warehouse


def test_one_province_of_one_carrier_lost_after_a_date_is_caught_with_eight_messages_in_it(dead):
    judged = {(each.cell.carrier, each.cell.province): each for each in dead.judge("c1", LATER)}
    assert {cell: each.state for cell, each in judged.items()} == {
        ("mobile", "广东"): "level", ("unicom", "河南"): "dropped", ("telecom", "四川"): "level",
    }  # fmt: skip
    assert judged["unicom", "河南"].cell.sent_before == 200  # its own history, without the tests to test phones


def test_a_good_channel_raises_next_to_no_alarm_in_forty_months():
    alarms = 0
    for seed in range(40):
        warehouse = Warehouse(CONDUCTS["good"], seed)
        warehouse.send("h1", "autumn", FRIDAY - timedelta(days=20), 60)
        warehouse.send("c1", "canary-shop-2026-11", LATER, 12)
        alarms += any(each.state == "dropped" for each in warehouse.judge("c1", LATER))
    assert alarms <= 1


def test_a_canary_is_ripe_when_its_receipts_are_complete(dead):
    assert find_ripe(dead.connection, LATER + timedelta(hours=71), LINES) == []
    assert [row[0] for row in find_ripe(dead.connection, LATER + timedelta(hours=72), LINES)] == ["c1"]


def test_a_dropped_cell_leaves_only_where_the_record_says_so_and_returns_when_well(ledger, dead):
    judged = dead.judge("c1", LATER)
    with ledger.write() as connection:
        act_on(connection, "c0", record(), judged, LINES, LATER)
        assert open_routes(connection) == []
        watched = act_on(connection, "c1", record(switch_cells=True), judged, LINES, LATER)
        assert watched.switched == (("unicom", "河南"),)
        assert [(r.channel, r.carrier, r.province) for r in open_routes(connection)] == [("shop", "unicom", "河南")]
        well = judge_cells([cell(30, 30)], LINES)
        assert act_on(connection, "c2", record(switch_cells=True), well, LINES, LATER).returned == (("unicom", "河南"),)
        assert open_routes(connection) == []
        assert [v.verdict for v in verdicts_of(connection)] == ["failed", "failed", "passed"]


def test_an_alarm_is_told_once_and_taken_back(dead):
    judged = dead.judge("c1", LATER)
    for _ in range(2):
        tell_cells(dead.connection, "shop", judged, LINES, LATER)
    assert dead.connection.execute("SELECT subject, base FROM channel_alarm").fetchall() == [("shop unicom 河南", 8)]
    tell_cells(dead.connection, "shop", judge_cells([cell(30, 30)], LINES), LINES, LATER)
    assert dead.connection.execute("SELECT count(*) FROM channel_alarm").fetchone() == (0,)


@pytest.mark.parametrize(("volume", "size"), [(0, 10), (300, 3), (301, 4)])
def test_the_canary_is_one_percent_of_the_volume_or_of_the_audience_before_there_is_any(volume, size):
    connection = duckdb.connect()
    connection.execute((KPI_TESTS / "warehouse_tables.sql").read_text("utf-8"))
    connection.execute("INSERT INTO plan_made (plan_id, channel, message_type) VALUES ('h', 'shop', 'marketing')")
    connection.execute("INSERT INTO batch_state VALUES ('h', 'h', 'r', 'shop', 'accepted', ?, ?, ?, 1, NULL, NULL)",
                       [volume, FRIDAY, FRIDAY])  # fmt: skip
    connection.execute("CREATE TABLE audience_eligible AS SELECT md5(i::varchar) AS token FROM range(1000) t(i)")
    connection.execute("CREATE TABLE audience_candidate AS SELECT * FROM audience_eligible")
    connection.execute("CREATE TABLE audience_excluded AS SELECT 'x' AS token, 'no_consent' AS reason")
    assert thin_out(connection, "canary-shop-2026-11", "shop", LINES, FRIDAY + timedelta(days=5)) == size
    left = connection.execute("SELECT count(*) FROM audience_candidate").fetchone()
    assert left == (size,) and connection.execute("SELECT count(*) FROM audience_excluded").fetchone() == (0,)


def test_a_month_has_one_canary_and_further_ones_a_number():
    november = datetime(2026, 11, 10, tzinfo=BUSINESS_ZONE)
    assert [campaign_id_of("shop", november, n) for n in (1, 2)] == ["canary-shop-2026-11", "canary-shop-2026-11-2"]


def test_the_shipped_lines_and_texts_are_read():
    from tasks.channels.texts import load_probe_texts

    texts = load_probe_texts(ROOT / "data" / "reference")
    assert texts.write("basic", "marketing", record(), "橙柚生活", 7).endswith("编号000007，拒收请回复R")


@pytest.mark.parametrize(
    ("text", "link", "tracking"),
    [("【橙柚生活】{salutation}，近日降温，拒收请回复R", None, "none"),
     ("【橙柚生活】{salutation}，看 https://a.cn/x，拒收请回复R", None, "per_message"),
     ("【橙柚生活】{salutation}，看 {link}，拒收请回复R", "https://a.example/x", "per_message")],
)  # fmt: skip
def test_a_text_without_a_link_is_not_measured_by_clicks(text, link, tracking):
    written = write_campaign("canary-demo-2026-12", "demo", text, "business.yaml", "质量巡检")
    template = {"text": text, **({"link": link} if link else {})}
    campaign = Campaign.model_validate(written | {"template": template})
    assert tracking_of(campaign, record(click_tracking="per_message")) == tracking
