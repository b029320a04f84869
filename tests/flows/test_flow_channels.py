"""A channel's test through the whole chain: plans, gate, approval, sender, simulator, receipts, verdict."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import pytest
from fakes import start_simulator
from flow_runs import ROOT, free_port
from typer.testing import CliRunner

from chuda.clock import BUSINESS_ZONE, from_us, to_us
from chuda.errors import Refused, UsageError
from chuda.keys import Keys, save_keys
from chuda.providers.simulator.judge import Judge
from chuda.providers.simulator.shop import export_bill
from chuda.stores.ledger import open_ledger, start_simulated_clock
from chuda.stores.ledger.channels import open_tests, steps_of, test_phones, verdicts_of
from chuda.stores.ledger.releases import due_plans, find_control
from chuda.workspace import Workspace, open_workspace
from flows.cli import app
from tasks.channels.phones import register_phones
from tasks.channels.stage import ask_statistics, begin_test, judge_test, plan_proofs
from tasks.channels.testing import next_moment, ripe_stages
from tasks.dispatch.stage import approve_plan, dispatch
from tasks.feedback.stage import collect_feedback
from tasks.kpi.stage import refresh_kpis
from tasks.planning.briefing import read_briefing

START = datetime(2026, 11, 20, 15, 0, tzinfo=BUSINESS_ZONE)
PHONES = [f"{('13800', '13300', '18600', '16500')[n % 4]}{100_000 + n * 79:06d}" for n in range(12)]


HIDES = {"resend": {"share": 0.5, "after_seconds": [90, 300]}, "overbilled": 1.0}
PEAKS = {"peaks": [{"from_hour": 9.25, "to_hour": 10.25, "factor": 15}], "filters": [{"words": ["优惠"], "share": 1.0}]}


@dataclass
class Place:
    """A workspace in simulated time with two providers: `demo` resends what it loses, says nothing and over-bills;
    `peaky` slows down in the morning and filters marketing."""

    folder: Path
    endpoint: str
    test_id: str

    @property
    def campaign(self) -> Path:
        return self.folder / "campaigns" / "demo_retail.yaml"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("channels")
    home, ports = folder / "home", (free_port(), free_port())
    shutil.copytree(ROOT / "data" / "campaigns", folder / "campaigns")
    write_records(folder / "campaigns" / "channels", *ports)
    keys = Keys(bytes(range(32)), bytes(range(32, 64)))
    save_keys(home / "keys", keys)
    ledger = open_ledger(home / "ledger.sqlite", keys)
    start_simulated_clock(ledger, START)
    ledger.close()
    with pytest.MonkeyPatch.context() as environment, ExitStack() as companies:
        for name, value in (("HOME", home), ("CAMPAIGNS", folder / "campaigns"), ("DEMO_TOKEN", "simulator"),
                            ("LANG", "en")):  # fmt: skip
            environment.setenv(f"CHUDA_{name}", str(value))
        environment.delenv("CHUDA_NOW", raising=False)
        for name, conduct, port in (("provider", HIDES, ports[0]), ("peaky", PEAKS, ports[1])):
            profile = folder / f"{name}.yaml"
            profile.write_text(json.dumps({"world": {"always_on": PHONES, "conduct": conduct}}))
            companies.enter_context(
                start_simulator(folder / name, profile=profile, ledger=home / "ledger.sqlite", port=port)
            )
        yield Place(folder, f"http://127.0.0.1:{ports[0]}", test_both())


def write_records(channels: Path, port: int, other: int) -> None:
    for path in sorted(channels.glob("demo*.yaml")):
        text = path.read_text()
        renamed = text.replace("name: demo", "name: peaky").replace("account: demo", "account: peaky")
        renamed = renamed.replace("provider: 触达模拟器", "provider: 另一家")
        (channels / path.name.replace("demo", "peaky")).write_text(renamed.replace("8025", str(other)))
        path.write_text(text.replace("8025", str(port)))


def test_both() -> str:
    """Both tests, side by side, to their end; the id of the first."""
    with open_workspace() as workspace:
        register_phones(workspace, PHONES, date(2026, 11, 19), "own")
    tests = [begin(channel) for channel in ("demo", "peaky")]
    while moment := do_what_is_due(tests):
        with open_workspace() as workspace:
            asyncio.run(workspace.clock.sleep_until(moment))
    return tests[0]


test_both.__test__ = False  # type: ignore[attr-defined]


def begin(channel: str) -> str:
    begun = begin_test.fn(channel)
    for plan_id in begun.details["plans"].split():
        approve_plan.fn(plan_id, "me")
    return begun.details["test_id"]


def do_what_is_due(tests: list[str]) -> datetime | None:
    send_due()
    with open_workspace() as workspace:
        now_us = to_us(workspace.clock.now())
        ripe = [test_id for test_id in tests if ripe_stages(steps(workspace, test_id), now_us)]
    if ripe:
        collect_feedback.fn()
    for test_id in ripe:
        judge_test.fn(test_id)
    with open_workspace() as workspace:
        moments = [next_moment(steps(workspace, test_id), now_us) for test_id in tests]
    return from_us(min(filter(None, moments))) if any(moments) else None


def send_due() -> None:
    with open_workspace() as workspace, workspace.ledger.read() as ledger:
        due = due_plans(ledger, to_us(workspace.clock.now()))
    for plan_id in due:
        dispatch.fn(plan_id, False)


def steps(workspace: Workspace, test_id: str):
    with workspace.ledger.read() as ledger:
        return steps_of(ledger, test_id)


def test_hidden_resends_are_caught_by_the_basic_stage_after_ten_messages(place):
    with open_workspace() as workspace, workspace.ledger.read() as ledger:
        (basic,) = [verdict for verdict in verdicts_of(ledger, "demo") if verdict.stage == "basic"]
    said = json.loads(basic.evidence)
    assert (basic.verdict, basic.messages) == ("failed", 10)
    assert said["measures"]["delivered"] == 10 and said["measures"]["first_attempt"] < 10
    assert said["resend"] == "neither told nor declared"
    with Judge.open(place.folder / "provider") as judge:
        assert judge.count() == 10
        assert {message.message_type for message in judge.all()} == {"marketing"}


def test_the_rest_of_a_failed_test_is_cancelled_and_nothing_is_left_to_do(place):
    with open_workspace() as workspace:
        found = steps(workspace, place.test_id)
        assert {step.state for step in found} == {"done"}
        assert next_moment(found, to_us(workspace.clock.now())) is None
        with workspace.ledger.read() as ledger:
            assert open_tests(ledger) == {}
            controls = {find_control(ledger, step.plan_id).state for step in found if step.stage != "basic"}
    assert controls == {"cancelled"}


def test_a_slow_morning_and_a_filter_are_caught_by_their_stages_and_basic_saw_neither(place):
    with open_workspace() as workspace, workspace.ledger.read() as ledger:
        found = {verdict.stage: verdict for verdict in verdicts_of(ledger, "peaky")}
    assert {stage: verdict.verdict for stage, verdict in found.items()} == {
        "basic": "passed", "stress": "failed", "scenario": "failed", "stress_holiday": "pending",
    }  # fmt: skip
    assert (found["stress"].messages, found["scenario"].messages) == (36, 36)
    assert json.loads(found["scenario"].evidence)["measures"]["types"]["marketing"] == [0, 12]
    before, during, _ = json.loads(found["stress"].evidence)["measures"]["median_latency_s"]
    assert during > 5 * before


def test_over_billing_is_alerted_by_the_statistics_and_explained_by_the_bill_message_by_message(place):
    ask_statistics.fn(30)
    with open_workspace() as workspace, workspace.warehouse.read() as connection:
        alarms = connection.execute("SELECT subject, events FROM channel_alarm WHERE kind = 'bill_differs'").fetchall()
    assert alarms == [("demo 2026-11-20 statistics", 10)]
    bill = place.folder / "bill.csv"
    assert export_bill(place.endpoint, "simulator", date(2026, 11, 20), bill) == 10
    said = run("channel", "bill", "demo", str(bill), "--day", "2026-11-20")
    told = {
        tuple(cell.strip() for cell in line.strip("│ ").split("│")[:2]) for line in said.splitlines() if "│" in line
    }
    assert {("ours, as submitted (your contract)", "10"), ("ours, as delivered", "10"),
            ("the provider's receipts", "10"), ("the provider's statistics", "20"), ("the bill", "20"),
            ("another number of parts", "10")} <= told  # fmt: skip
    assert said.count("another number of parts") == 11


def test_the_commands_say_where_each_channel_stands(place):
    listed = run("channel", "list")
    assert "test_failed" in listed and "peaky-otp" in listed
    with pytest.raises(Refused, match="the scenario test of channel 'peaky' is failed"):
        run("channel", "check", "peaky")
    assert "999,99" in run("channel", "balance", "demo")
    assert len(run("testphone", "list").split("****")) == 13


def test_a_cell_is_switched_away_and_given_back_by_hand(place):
    assert "switched away" in run("channel", "switch", "demo", "联通", "河南省")
    assert "was away already" in run("channel", "switch", "demo", "unicom", "河南")
    assert "is back" in run("channel", "return", "demo", "unicom", "河南")
    with pytest.raises(UsageError, match="does not avoid"):
        run("channel", "return", "demo", "unicom", "河南")
    with pytest.raises(UsageError, match="no carrier"):
        run("channel", "switch", "demo", "vodafone", "河南")


def test_the_comparison_page_says_who_may_be_used_and_why_not(place):
    page = Path(run("channel", "report").split()[-1]).read_text()
    assert "None of the 2 marketing channels may be used" in page
    assert "found by: Basic, after 10 messages" in page and "found by: Stress, after 46 messages" in page
    assert page.count("<svg") == 1 and "<script" not in page and "http://" not in page.replace("http://www.w3.org", "")
    assert not any(number in page for number in PHONES)


def test_doctor_says_why_a_channel_carries_no_marketing_and_what_to_do(place):
    from flows.checkup import examine

    found = {finding.what: finding for finding in examine()}
    basic = found["the basic test of channel 'demo' is failed: no marketing"]
    assert (basic.state, basic.advice) == ("warn", "`chuda channel test demo`")


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    return result.output


def test_a_channel_that_failed_carries_no_marketing_by_name(place):
    with open_workspace() as workspace, pytest.raises(Refused, match="the basic test of channel 'demo' is failed"):
        read_briefing(workspace.settings, place.campaign, workspace.clock.now())


def test_analysts_see_the_verdict_and_the_alert_and_no_campaign(place):
    from chuda.stores.marts import open_marts, read_rows

    refresh_kpis.fn()
    with open_workspace() as workspace, open_marts(workspace.settings.marts_file) as marts:
        assert read_rows(
            marts, "select verdict, messages, delivered from channel_test where stage = 'basic' and channel = 'demo'"
        ) == [{"verdict": "failed", "messages": 10, "delivered": 10}]
        assert {
            row["subject"] for row in read_rows(marts, "select subject from alert where kind = 'channel_test_failed'")
        } == {"demo basic", "peaky stress", "peaky scenario"}
        assert read_rows(marts, "from campaign_kpi") == []
        assert read_rows(marts, "select messages from provider_bill where channel = 'demo'") == [{"messages": 10}]


def test_a_number_is_in_the_vault_and_nowhere_else(place):
    with open_workspace() as workspace, workspace.ledger.read() as ledger:
        phones = test_phones(ledger)
    assert {phone.shown for phone in phones} == {f"{number[:3]}****{number[-4:]}" for number in PHONES}
    for path in (place.folder / "home").rglob("*"):
        if path.is_file():
            assert not any(number.encode() in path.read_bytes() for number in PHONES), path.name


def test_an_agreement_that_lies_ahead_and_a_bad_number_are_refused_by_place(place):
    with open_workspace() as workspace:
        with pytest.raises(UsageError, match="lies ahead"):
            register_phones(workspace, PHONES[:1], date(2026, 12, 1), "")
        with pytest.raises(UsageError, match="number 2 in your list"):
            register_phones(workspace, [PHONES[0], "010-12345678"], date(2026, 11, 19), "")


def test_a_proof_of_a_probe_is_refused(place):
    with open_workspace() as workspace:
        plan_id = steps(workspace, place.test_id)[0].plan_id
    with pytest.raises(UsageError, match="is a test or a proof itself"):
        plan_proofs.fn(plan_id)
