"""Own short links in plans: a code per message, none twice, the same again, kept when sealed, to allowed pages only."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest
from planning_world import World

from chuda.errors import Refused
from chuda.keys import Keys
from chuda.short_links import link_code, link_identity
from chuda.stores.ledger.short_links import PROOFS, find_link
from chuda.workspace import open_workspace
from tasks.channels.proof import chosen_texts, keep_proof_link, proof_code
from tasks.planning.briefing import read_briefing
from tasks.planning.short_links import write_short_links

TARGET = "https://shop.example/autumn/offers-of-the-week?from=a-long-tail-of-parameters&and=more"
CAMPAIGN = f"""
id: autumn
name: 秋季
type: marketing
trade: retail
sender: business.yaml
channels: [demo]
audience: {{segments: [everyone]}}
template:
  text: 【橙柚生活】{{salutation}}，满199立减50元，周日止，点 {{link}} 领取，拒收请回复R
  link: {TARGET}
schedule: {{date: 2026-11-20, slot: "10:30-11:30"}}
"""


@pytest.fixture
def linked(world: World) -> World:
    """The workspace with short links on its channel."""
    path = world.folder / "campaigns" / "channels" / "demo.yaml"
    own = "short_links: https://cy.example/r\nlink_targets: [https://shop.example/autumn]\n"
    path.write_text(path.read_text(encoding="utf-8") + own, encoding="utf-8")
    return world


def test_every_message_has_a_link_of_its_own_that_is_counted_and_kept_and_a_proof_has_nobody_s(linked):
    plan = linked.plan(linked.campaign(CAMPAIGN))
    rows = linked.rows("SELECT token, text, units, parts FROM plan_message WHERE plan_id = ?", plan)
    codes = {re.search(r"点 https://cy\.example/r/([0-9A-Za-z]{10}) 领取", text)[1]: token for token, text, *_ in rows}
    assert len(codes) == len(rows) == 10
    assert {(units, parts) for _, text, units, parts in rows} == {(len(rows[0][1]), 1)}
    with open_workspace() as workspace:
        identity = link_identity("autumn", "2026-11-20", None)
        assert codes == {link_code(workspace.keys, identity, token): token for token in codes.values()}
    with open_workspace() as workspace, workspace.warehouse.read() as connection:
        record, [proof] = chosen_texts(connection, plan, workspace.keys)
        with workspace.ledger.write() as ledger:
            keep_proof_link(connection, ledger, workspace.keys, plan, record)
            code = proof_code(workspace.keys, plan)
            assert (find_link(ledger, code).batch_id, find_link(ledger, code).target) == (PROOFS, TARGET)
    assert f"点 https://cy.example/r/{code} 领取" in proof.text
    assert proof.people == 10
    linked.at("2026-11-20T09:00:00").approve(plan)
    with open_workspace() as workspace, workspace.ledger.read() as connection:
        found = {code: find_link(connection, code) for code in codes}
    assert {(link.channel, link.target, link.sent_us) for link in found.values()} == {("demo", TARGET, None)}
    assert len({(link.batch_id, link.position) for link in found.values()}) == 10


def test_a_page_that_links_may_not_lead_to_refuses_the_campaign(linked):
    campaign = linked.campaign(CAMPAIGN.replace("shop.example/autumn", "shop.example.evil.example/autumn"))
    with open_workspace() as workspace, pytest.raises(Refused, match="link_targets"):
        read_briefing(workspace.settings, Path(campaign), workspace.clock.now())


def test_where_codes_run_into_each_other_all_get_different_ones():
    keys = Keys(bytes(32), bytes(range(32)))
    briefing = SimpleNamespace(
        channel=SimpleNamespace(short_links="https://s.example"), campaign=SimpleNamespace(id="c"), occurrence="o",
        wordings={"a": None, "b": None},
    )  # fmt: skip
    with duckdb.connect(config={"preserve_insertion_order": False}) as connection:

        def draw(codes=80):
            connection.execute(
                "CREATE OR REPLACE TABLE message_rendered AS SELECT md5(i::varchar) AS token, "
                "if(i % 2 = 0, 'a', 'b') AS variant, 'https://s.example/0000000000' AS text, 1 AS units, 1 AS parts "
                "FROM range(60) t(i)"
            )
            write_short_links(connection, briefing, keys, codes=codes)
            return connection.execute("SELECT token, text FROM message_rendered ORDER BY 1").fetchall()

        first = draw()
        assert len({text for _, text in first}) == 60
        assert draw() == first
        with pytest.raises(Refused, match="codes"):
            draw(codes=20)
