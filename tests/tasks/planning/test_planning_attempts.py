"""Attempts to break the rules that take several plans; those that take one are in rule_attempts.yaml."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from chuda.errors import GateFailed, Refused
from chuda.stores.ledger.failover import stand_ins
from chuda.stores.ledger.releases import releases_of, state_counts
from chuda.workspace import open_workspace
from tasks.dispatch.stage import send_plan
from tasks.planning.figures import read_figures
from tasks.planning.summary import plan_lines

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


@pytest.fixture
def offer(world) -> str:
    return world.campaign(OFFER)


def send(plan_id: str) -> list[str]:
    """Why sending stopped, release by release."""
    with open_workspace() as workspace:
        return [report.stop for report in asyncio.run(send_plan(workspace, plan_id, False))]


def states(plan_id: str) -> dict[str, int]:
    with open_workspace() as workspace, workspace.ledger.read() as ledger:
        return state_counts(ledger, plan_id)


def change_file(path: str | Path, old: str, new: str) -> None:
    text = Path(path).read_text(encoding="utf-8")
    assert old in text
    Path(path).write_text(text.replace(old, new), encoding="utf-8")


def test_by_clock_nothing_leaves_at_night_and_what_is_late_is_void(world, offer):
    plan = world.plan(offer)
    world.approve(plan)
    assert send(plan) == ["window_closed"]
    world.at("2026-11-20T21:00:00")
    assert send(plan) == ["window_closed"]
    world.at("2026-11-21T15:30:00")
    send(plan)
    assert states(plan) == {"expired": 10}


def test_by_editing_after_approval_the_approved_plan_is_what_counts(world, offer):
    plan = world.plan(offer)
    world.approve(plan)
    change_file(offer, "立减20元", "立减90元")
    changed = world.plan(offer)
    assert changed != plan
    with pytest.raises(Refused, match=f"already released as plan {plan}"):
        world.approve(changed)


def test_by_two_campaigns_at_once_nobody_gets_one_more_than_the_cap(world):
    capped = OFFER + "weekly_cap: 1\n"
    plans = [world.plan(world.campaign(capped.replace("id: offer", f"id: offer-{n}"), f"{n}.yaml")) for n in (1, 2)]
    for plan in plans:
        world.approve(plan)
    assert [states(plan) for plan in plans] == [{"planned": 10}, {"suppressed": 10}]
    third = world.campaign(capped.replace("id: offer", "id: offer-3"), "3.yaml")
    with pytest.raises(GateFailed, match="somebody may be messaged"):
        world.plan(third)


def test_by_trade_what_needs_leave_is_refused_without_it(world):
    with pytest.raises(Refused, match="trade_not_authorised"):
        world.plan(world.campaign(OFFER.replace("trade: retail", "trade: finance")))
    business = world.folder / "campaigns" / "business.yaml"
    until = "authorisations: [{trade: finance, number: 银2026, expires_on: 2026-11-20}]\n"
    business.write_text(business.read_text(encoding="utf-8") + until, encoding="utf-8")
    late = OFFER.replace("trade: retail", "trade: finance").replace("{date: 2026-11-20", "{date: 2026-11-21")
    with pytest.raises(GateFailed, match="somebody may be messaged"):
        world.plan(world.campaign(late))


def test_by_own_words_a_text_the_business_forbids_is_refused_by_name(world, offer):
    (world.folder / "campaigns" / "lexicon.yaml").write_text(
        "groups:\n  - id: ours\n    category: provider\n    severity: block\n    law: 内部规定\n"
        "    law_en: house rule\n    advice: 换一个说法\n    advice_en: say it differently\n"
        "    entries:\n      - {id: lijian, words: [立减]}\n",
        encoding="utf-8",
    )
    with pytest.raises(Refused, match="立减"):
        world.plan(offer)


def test_the_channel_that_may_stand_in_is_shown_hashed_and_sealed_with_the_plan(world):
    path = world.folder / "campaigns/channels/demo.yaml"
    other = path.with_name("other.yaml")
    other.write_text(path.read_text("utf-8").replace("name: demo", "name: other"), encoding="utf-8")
    two = OFFER.replace("[demo]", "[demo, other]")
    plan_id = world.plan(world.campaign(two))
    with open_workspace() as workspace, workspace.warehouse.read() as connection:
        said = "\n".join(plan_lines(read_figures(connection, plan_id), "en"))
    assert "if it stops while sending, what was not sent goes on by: other" in said
    change_file(other, "rate_parts_per_second: 1000", "rate_parts_per_second: 900")
    assert world.plan(world.campaign(two)) != plan_id, "its record is part of what is approved"
    change_file(other, "rate_parts_per_second: 900", "rate_parts_per_second: 1000")
    world.approve(plan_id)
    with open_workspace() as workspace, workspace.ledger.read() as connection:
        (release,) = releases_of(connection, plan_id)
    assert [(one.channel, one.release_id) for one in stand_ins(release)] == [("other", f"{plan_id}-1~1")]


def test_the_plan_says_which_channel_does_not_take_over_and_why(world):
    path = world.folder / "campaigns/channels/demo.yaml"
    text = (
        path.read_text("utf-8").replace("name: demo", "name: other").replace("billing: submitted", "billing: delivered")
    )
    path.with_name("other.yaml").write_text(text, encoding="utf-8")
    plan_id = world.plan(world.campaign(OFFER.replace("[demo]", "[demo, other]")))
    with open_workspace() as workspace, workspace.warehouse.read() as connection:
        figures = read_figures(connection, plan_id)
        said = "\n".join(row[0] for row in connection.execute("SELECT warning FROM plan_warning").fetchall())
    assert figures.standby == ()
    assert "other does not take over if demo stops while sending (billing)" in said
