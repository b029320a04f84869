"""Every rule of compliance, and the ways to break it: by data, clock, edited files, two campaigns. Cases are data.

Keys of a case in rule_attempts.yaml: `rule`; `person` and `set` (SQL) or `suppress` (scope, reason); `file` (campaign,
channel, business) with `change` (old, new), `append` or `gone`, `also` (file, appended text); `at` (the clock); and
what refuses it: `reason` (of an exclusion), `refused` (words of the refusal) or `stop` (of a request).
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from planning_world import ROOT, World

from chuda.clock import BUSINESS_ZONE, to_us
from chuda.errors import ChudaError, Refused
from chuda.stores.ledger.approvals import events_of, find_approval
from chuda.stores.ledger.dispatching import Moment, claim
from chuda.stores.ledger.leases import acquire
from chuda.stores.ledger.releases import find_release, state_counts
from chuda.stores.ledger.suppression import Suppression, remember_alternates, suppress
from chuda.stores.ledger.throttle import RateLimits
from chuda.workspace import open_workspace
from tasks.dispatch.stage import send_plan
from tasks.planning.briefing import read_briefing
from tasks.planning.texts import check_campaign_texts

ATTEMPTS = yaml.safe_load(Path(__file__).with_name("rule_attempts.yaml").read_text(encoding="utf-8"))
DOC = ROOT / "docs" / "compliance.md"
OFFER = """
id: offer
name: 周末立减
type: marketing
trade: retail
sender: business.yaml
channels: [demo]
audience: {segments: [everyone]}
template:
  text: 【橙柚生活】{salutation}，周末到店立减20元，拒收请回复R
schedule: {date: 2026-11-20, slot: "15:00-17:00"}
"""
FILES = {"campaign": "campaign.yaml", "channel": "channels/demo.yaml", "business": "business.yaml"}


def named(way: str) -> Any:
    cases = ATTEMPTS[way]
    ids = [f"{case['rule']}-{number}" for number, case in enumerate(cases, start=1)]
    return pytest.mark.parametrize("case", cases, ids=ids)


def spoil(world: World, case: dict[str, Any]) -> None:
    """Change what the case says: the clock, a file, another one."""
    if "at" in case:
        world.at(case["at"])
    if "file" in case:
        path = world.folder / "campaigns" / FILES[case["file"]]
        text = path.read_text(encoding="utf-8")
        old, new = case.get("change", ("", ""))
        assert old in text, f"{old!r} is not in {path.name}"
        path.write_text(text.replace(old, new) + case.get("append", "") + "\n", encoding="utf-8")
        if case.get("gone"):
            path.unlink()
    if "also" in case:
        path = world.folder / "campaigns" / FILES[case["also"][0]]
        path.write_text(path.read_text(encoding="utf-8") + case["also"][1] + "\n", encoding="utf-8")


def stop_person(world: World, person: int, scope: str, reason: str) -> None:
    token = world.token(person)
    with open_workspace() as workspace, workspace.ledger.write() as ledger:
        now = to_us(workspace.clock.now())
        suppress(ledger, [Suppression(token, scope, reason, "test", now, now)])  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def bench(populated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A workspace for the module, with the offer planned and approved for ten people."""
    folder = tmp_path_factory.mktemp("rules") / "world"
    shutil.copytree(populated, folder)
    with pytest.MonkeyPatch.context() as patch:
        world = open_world(folder, patch)
        plan = world.plan(world.campaign(OFFER + "weekly_cap: 2\n"))
        assert plan is not None
        world.approve(plan)
        (folder / "plan_id").write_text(plan)
        yield world


def open_world(folder: Path, patch: pytest.MonkeyPatch) -> World:
    """The workspace in a folder, at two in the morning of the day."""
    for name, value in (("HOME", "home"), ("CAMPAIGNS", "campaigns")):
        patch.setenv(f"CHUDA_{name}", str(folder / value))
    patch.setenv("CHUDA_REFERENCE", str(ROOT / "data" / "reference"))
    patch.setenv("CHUDA_DEMO_TOKEN", "simulator")
    return World(folder, patch.setenv).at("2026-11-20T02:00:00")


@pytest.fixture
def approved(bench: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A copy of it, to be spoilt; its plan knows the copy's files."""
    shutil.copytree(bench.folder, tmp_path / "world")
    world = open_world(tmp_path / "world", monkeypatch)
    with open_workspace() as workspace, workspace.ledger.write() as ledger:
        for column in ("campaign_file", "business_file"):
            ledger.exec_driver_sql(
                f"UPDATE plan_source SET {column} = replace({column}, ?, ?)", (str(bench.folder), str(world.folder))
            )
    return world


def plan_of(world: World) -> str:
    return (world.folder / "plan_id").read_text()


def test_by_data_each_person_is_left_out_by_the_name_of_the_rule(world: World) -> None:
    channel = world.folder / "campaigns" / FILES["channel"]
    text = channel.read_text(encoding="utf-8").replace("[CN, HK, MO, TW]", "[CN]")
    channel.write_text(text, encoding="utf-8")
    for case in ATTEMPTS["data"]:
        token = world.token(case["person"])
        if "set" in case:
            world.change(f"UPDATE contact_clean SET {case['set']} WHERE token = ?", token)
        if "suppress" in case:
            stop_person(world, case["person"], *case["suppress"])
        if "suppress_alternate" in case:
            world.change(
                "INSERT INTO contact_alternate BY NAME SELECT ? AS token, ? AS alternate_token", token, "a" * 32
            )
            with open_workspace() as workspace, workspace.ledger.write() as ledger:
                now = to_us(workspace.clock.now())
                suppress(ledger, [Suppression("a" * 32, *case["suppress_alternate"], "test", now, now)])
    plan = world.plan(world.campaign(OFFER))
    assert plan is not None
    left_out = dict(world.rows("SELECT token, reason FROM plan_exclusion WHERE plan_id = ?", plan))
    expected = {world.token(case["person"]): case["reason"] for case in ATTEMPTS["data"]}
    assert left_out == expected


@named("planning")
def test_before_a_plan_exists_it_is_refused_by_name(case, bench, tmp_path, monkeypatch) -> None:
    shutil.copytree(bench.folder / "campaigns", tmp_path / "world" / "campaigns")
    (tmp_path / "world" / "home").mkdir()
    shutil.copyfile(bench.folder / "home" / "keys", tmp_path / "world" / "home" / "keys")
    (tmp_path / "world" / "home" / "keys").chmod(0o600)
    world = open_world(tmp_path / "world", monkeypatch)
    campaign = world.campaign(OFFER)
    spoil(world, case)
    with pytest.raises(ChudaError) as refused, open_workspace() as workspace:
        briefing = read_briefing(workspace.settings, Path(campaign), workspace.clock.now())
        templates = [template for wording in briefing.wordings.values() for template in wording.values()]
        check_campaign_texts(templates, briefing.context)
    assert case["refused"] in str(refused.value)


@named("editing")
def test_what_is_edited_after_approval_takes_the_approval_back_by_name(case, approved) -> None:
    plan = plan_of(approved)
    spoil(approved, case)
    with open_workspace() as workspace:
        with pytest.raises(Refused) as refused:
            asyncio.run(send_plan(workspace, plan, False))
        assert case["refused"] in str(refused.value)
        assert f"the approval of {plan}-1 is void" in str(refused.value)
        with workspace.ledger.read() as ledger:
            assert find_approval(ledger, f"{plan}-1") is None
            assert [event.event for event in events_of(ledger, plan)] == ["approved", "voided"]
            assert case["refused"] in events_of(ledger, plan)[-1].detail
    with pytest.raises(Refused, match="make a new plan"):
        approved.approve(plan)


def test_what_was_put_back_can_be_approved_again(approved) -> None:
    campaign = approved.folder / "campaigns" / "campaign.yaml"
    text = campaign.read_text(encoding="utf-8")
    campaign.write_text(text.replace("立减20元", "立减90元"), encoding="utf-8")
    with pytest.raises(Refused, match="is void"), open_workspace() as workspace:
        asyncio.run(send_plan(workspace, plan_of(approved), False))
    campaign.write_text(text, encoding="utf-8")
    approved.approve(plan_of(approved))
    campaign.unlink()  # a file that is gone changes nothing of what was approved
    with open_workspace() as workspace:
        reports = asyncio.run(send_plan(workspace, plan_of(approved), False))
    assert [report.stop for report in reports] == ["window_closed"]


def start_at(plan: str, moment: str) -> Any:
    """What a sender may start at a moment of the business clock."""
    now = datetime.fromisoformat(moment).replace(tzinfo=BUSINESS_ZONE)
    with open_workspace() as workspace, workspace.ledger.write() as ledger:
        store_us = workspace.ledger.store_now_us(ledger)
        lease = acquire(ledger, f"release:{plan}-1", "tester", store_us)
        release = find_release(ledger, f"{plan}-1")
        assert lease is not None and release is not None
        return claim(ledger, lease, release, RateLimits("demo", 1000), Moment(now, store_us, to_us(now)), 10)


@named("sending")
def test_by_clock_no_request_starts_when_it_may_not(case, approved) -> None:
    claims = start_at(plan_of(approved), case["at"])
    assert (claims.started, claims.stop) == ((), case["stop"])


def test_whoever_withdraws_after_the_approval_is_not_in_the_request(approved) -> None:
    for case in ATTEMPTS["withdrawn"]:
        stop_person(approved, case["person"], *case["suppress"])
    claims = start_at(plan_of(approved), "2026-11-20T15:00:00")
    assert [len(one.positions) for one in claims.started] == [10 - len(ATTEMPTS["withdrawn"])]
    with open_workspace() as workspace, workspace.ledger.read() as ledger:
        assert state_counts(ledger, plan_of(approved))["suppressed"] == len(ATTEMPTS["withdrawn"])


def test_an_opt_out_of_an_alternate_number_is_one_of_the_person(approved) -> None:
    person = approved.token(3)
    with open_workspace() as workspace, workspace.ledger.write() as ledger:
        now = to_us(workspace.clock.now())
        remember_alternates(ledger, [(person, "b" * 32)])
        suppress(ledger, [Suppression("b" * 32, "marketing", "opt_out", "test", now, now)])
    claims = start_at(plan_of(approved), "2026-11-20T15:00:00")
    assert [len(one.positions) for one in claims.started] == [9]


@pytest.mark.parametrize(
    ("campaign", "channel", "reason"),
    [("weekly_cap: 1\n", "", "weekly_cap"), ("weekly_cap: 3\n", "messages_per_person_per_day: 1\n", "provider_cap")],
)
def test_by_a_second_campaign_nobody_gets_more_than_the_caps(campaign, channel, reason, approved) -> None:
    from expectations.gate import GateFailed
    from tasks.compliance.stage import check_compliance

    record = approved.folder / "campaigns" / FILES["channel"]
    record.write_text(record.read_text(encoding="utf-8") + channel, encoding="utf-8")
    approved.change("UPDATE contact_clean SET consent = 'none' WHERE token = ?", approved.token(0))
    second = approved.campaign(OFFER.replace("id: offer", "id: second") + campaign, "second.yaml")
    with pytest.raises(GateFailed, match="somebody may be messaged"):
        check_compliance.fn(second)
    assert reason in DOC.read_text(encoding="utf-8")


def test_every_rule_that_is_attacked_is_in_the_docs() -> None:
    text = DOC.read_text(encoding="utf-8")
    rules = {case["rule"] for cases in ATTEMPTS.values() for case in cases}
    assert [rule for rule in sorted(rules) if f"| {rule} |" not in text] == []
