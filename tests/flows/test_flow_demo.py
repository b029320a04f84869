"""The whole chain, judged from outside: by the sample's answer key and by the provider's own record."""

from __future__ import annotations

import re
from datetime import timedelta

import duckdb
import pytest

from chuda.clock import from_us
from chuda.providers.simulator.judge import Judge
from chuda.stores.ledger import open_ledger
from chuda.stores.ledger.releases import state_counts
from chuda.stores.marts import open_marts

GATES = {"contacts", "segments", "audience", "messages", "plan", "dispatch_results", "kpis"}


@pytest.fixture
def warehouse(demo):
    with duckdb.connect(str(demo.state / "warehouse.duckdb"), read_only=True) as connection:
        yield connection


@pytest.fixture
def marts(demo):
    with open_marts(demo.state / "marts.duckdb") as connection:
        yield connection


@pytest.fixture
def judge(demo):
    return Judge.open(demo.folder / "provider", plan_of=lambda batch_id: batch_id.split("-")[0])


def test_the_contacts_are_those_of_the_answer_key(demo, warehouse):
    key = demo.key["candidates"]
    row = warehouse.execute(
        "SELECT rows_in + extra_numbers, kept, merged, alternates, rejected FROM import_run WHERE kind = 'contacts'"
    ).fetchone()
    assert row == (key["rows"] + key["extra_numbers"], key["kept"], key["merged"], key["alternates"],
                   sum(key["rejected"].values()))  # fmt: skip
    consents = dict(warehouse.execute("SELECT consent, count(*) FROM contact_clean GROUP BY 1").fetchall())
    assert consents == demo.key["people"]["by_consent"]
    stages = dict(warehouse.execute("SELECT life_stage, count(*) FROM contact_tagged GROUP BY 1").fetchall())
    wanted = demo.key["people"]["by_life_stage"]
    assert {name.removeprefix("age_").replace("_", "-"): count for name, count in stages.items()} == wanted


def test_nobody_was_messaged_twice_and_the_books_agree_with_the_provider(demo, judge, marts):
    row = marts.execute("SELECT planned, submitted, accepted, rejected, delivered FROM campaign_kpi").fetchone()
    planned, submitted, accepted, rejected, delivered = row
    assert judge.duplicates() == []
    assert judge.count() == accepted
    assert submitted == accepted + rejected
    assert planned > 1000
    assert 0.95 < delivered / submitted <= 1


def test_the_ledger_has_a_state_for_every_planned_message(demo, warehouse, keys):
    (plan_id, planned) = warehouse.execute("SELECT plan_id, planned FROM plan_made").fetchone()
    ledger = open_ledger(demo.state / "ledger.sqlite")
    with ledger.read() as connection:
        counts = state_counts(connection, plan_id)
    ledger.close()
    assert sum(counts.values()) == planned
    assert "intent" not in counts
    assert "planned" not in counts


def test_every_hand_over_passed_its_gate_and_the_verdict_is_kept(warehouse):
    verdicts = warehouse.execute("SELECT DISTINCT gate, verdict FROM gate_result").fetchall()
    assert {gate for gate, _ in verdicts} == GATES
    assert {verdict for _, verdict in verdicts} <= {"passed", "warned"}


def test_messages_left_only_inside_the_slot_and_the_lawful_window(judge):
    hours = {from_us(acceptance.accepted_at_us).hour for acceptance in judge.all()}
    assert hours <= set(range(9, 21))


def test_consent_suppression_and_holdout_are_respected(demo, warehouse, judge, keys):
    from chuda.keys import load_keys

    demo_keys = load_keys(demo.state / "keys", {})
    reached = {demo_keys.token(acceptance.phone) for acceptance in judge.all()}
    granted = {
        row[0] for row in warehouse.execute("SELECT token FROM contact_clean WHERE consent = 'granted'").fetchall()
    }
    excluded = {row[0] for row in warehouse.execute("SELECT token FROM plan_exclusion").fetchall()}
    stopped = {
        row[0]
        for row in warehouse.execute(
            "SELECT token FROM suppression_recorded WHERE reason = 'do_not_contact'"
        ).fetchall()
    }
    assert reached <= granted
    assert not reached & excluded
    assert not reached & stopped
    assert stopped, "the sample's list must have been taken in"


def test_every_text_is_signed_says_how_to_opt_out_and_costs_one_part(judge):
    for acceptance in judge.all():
        assert acceptance.text.startswith("【橙柚生活】")
        assert acceptance.text.endswith("拒收请回复R")
        assert acceptance.parts == 1


def test_the_decision_is_recorded_and_can_be_replayed(warehouse):
    from tasks.experiments.decision import replay

    rows = warehouse.execute("SELECT variant, verdict, record FROM experiment_decision").fetchall()
    assert len(rows) == 2
    assert replay(rows[0][2]).verdict == rows[0][1]


def test_the_rest_got_the_decided_version_in_two_waves_each_watched_for_a_day(warehouse):
    ((arm,),) = warehouse.execute("SELECT DISTINCT chosen FROM experiment_decision").fetchall()
    waves = warehouse.execute("SELECT wave, variant, people, opens_at FROM rollout_wave ORDER BY wave").fetchall()
    assert [(wave, variant) for wave, variant, _, _ in waves] == [(1, arm), (2, arm)]
    (first, second) = (people for _, _, people, _ in waves)
    assert first / (first + second) == pytest.approx(0.2, abs=0.05)
    assert waves[1][3] - waves[0][3] >= timedelta(hours=24)
    assert warehouse.execute("SELECT verdict FROM rollout_check").fetchall() == [("go",)]
    assert warehouse.execute("SELECT outcome FROM rollout_end").fetchall() == [("done",)]
    rest = warehouse.execute("SELECT DISTINCT variant FROM plan_message WHERE wave = 'rollout'").fetchall()
    assert rest == [(arm,)]


def test_the_experiment_page_says_what_was_tested_why_and_what_comes_next(demo):
    html = (demo.state / "reports" / "demo-retail.zh.html").read_text()
    headings = ["测试了什么", "提升（95% 区间）", "怎样得出结论", "接下来", "护栏", "数据健康"]
    headings += ["按人群（探索）", "决策记录"]
    places = [html.find(f">{heading}<") for heading in headings]
    assert -1 not in places
    assert places == sorted(places)
    assert "discount（后备版本）：满199立减50元" in html


def test_every_mart_column_has_a_comment(marts):
    missing = marts.execute(
        "SELECT table_name, column_name FROM duckdb_columns() WHERE database_name = 'marts' AND comment IS NULL"
    ).fetchall()
    assert missing == []


def test_the_demo_prints_the_kpis_and_the_path_of_the_report(demo):
    assert "demo-retail.zh.html" in demo.printed
    assert "Traceback" not in demo.printed
    html = (demo.state / "reports" / "demo-retail.zh.html").read_text()
    assert "<svg" in html
    assert not re.search(r"https?://(?!cy\.example|www\.w3\.org)", html), "the report works offline"
