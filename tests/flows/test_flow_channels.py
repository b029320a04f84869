"""A channel's test through the whole chain: plans, gate, approval, sender, simulator, receipts, verdict."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import pytest
from fakes import start_simulator
from flow_runs import ROOT, free_port

from chuda.clock import BUSINESS_ZONE, from_us, to_us
from chuda.errors import Refused, UsageError
from chuda.keys import Keys, save_keys
from chuda.providers.simulator.judge import Judge
from chuda.stores.ledger import open_ledger, start_simulated_clock
from chuda.stores.ledger.channels import open_tests, steps_of, test_phones, verdicts_of
from chuda.stores.ledger.releases import due_plans, find_control
from chuda.workspace import Workspace, open_workspace
from tasks.channels.phones import register_phones
from tasks.channels.stage import begin_test, judge_test, plan_proofs
from tasks.channels.testing import next_moment
from tasks.dispatch.stage import approve_plan, dispatch
from tasks.feedback.stage import collect_feedback
from tasks.kpi.stage import refresh_kpis
from tasks.planning.briefing import read_briefing

START = datetime(2026, 11, 20, 15, 0, tzinfo=BUSINESS_ZONE)
PHONES = [f"{('13800', '13300', '18600', '16500')[n % 4]}{100_000 + n * 79:06d}" for n in range(12)]


@dataclass
class Place:
    """A workspace in simulated time whose provider resends what it loses, and says nothing."""

    folder: Path
    test_id: str

    @property
    def campaign(self) -> Path:
        return self.folder / "campaigns" / "demo_retail.yaml"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("channels")
    home, port = folder / "home", free_port()
    shutil.copytree(ROOT / "data" / "campaigns", folder / "campaigns")
    for path in (folder / "campaigns" / "channels").glob("*.yaml"):
        path.write_text(path.read_text().replace("8025", str(port)))
    keys = Keys(bytes(range(32)), bytes(range(32, 64)))
    save_keys(home / "keys", keys)
    ledger = open_ledger(home / "ledger.sqlite", keys)
    start_simulated_clock(ledger, START)
    ledger.close()
    profile = folder / "profile.yaml"
    world = {"always_on": PHONES, "conduct": {"resend": {"share": 0.5, "after_seconds": [90, 300]}}}
    profile.write_text(json.dumps({"world": world}))
    with pytest.MonkeyPatch.context() as environment:
        for name, value in (("HOME", home), ("CAMPAIGNS", folder / "campaigns"), ("DEMO_TOKEN", "simulator")):
            environment.setenv(f"CHUDA_{name}", str(value))
        environment.delenv("CHUDA_NOW", raising=False)
        with start_simulator(folder / "provider", profile=profile, ledger=home / "ledger.sqlite", port=port):
            yield Place(folder, run_until_basic_is_judged())


def run_until_basic_is_judged() -> str:
    with open_workspace() as workspace:
        register_phones(workspace, PHONES, date(2026, 11, 19), "own")
    begun = begin_test.fn("demo")
    test_id = begun.details["test_id"]
    for plan_id in begun.details["plans"].split():
        approve_plan.fn(plan_id, "me")
    send_due()
    with open_workspace() as workspace:
        judge_us = steps(workspace, test_id)[0].judge_us
        asyncio.run(workspace.clock.sleep_until(from_us(judge_us)))
    collect_feedback.fn()
    judge_test.fn(test_id)
    return test_id


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
        (basic,) = [verdict for verdict in verdicts_of(ledger) if verdict.stage == "basic"]
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


def test_a_channel_that_failed_carries_no_marketing_by_name(place):
    with open_workspace() as workspace, pytest.raises(Refused, match="the basic test of channel 'demo' is failed"):
        read_briefing(workspace.settings, place.campaign, workspace.clock.now())


def test_analysts_see_the_verdict_and_the_alert_and_no_campaign(place):
    from chuda.stores.marts import open_marts, read_rows

    refresh_kpis.fn()
    with open_workspace() as workspace, open_marts(workspace.settings.marts_file) as marts:
        assert read_rows(marts, "select verdict, messages from channel_test where stage = 'basic'") == [
            {"verdict": "failed", "messages": 10}
        ]
        assert read_rows(marts, "select kind, subject from alert") == [
            {"kind": "channel_test_failed", "subject": "demo basic"}
        ]
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
