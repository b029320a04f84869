"""A campaign that asks for replies is planned with its answers, which are checked like its messages."""

from __future__ import annotations

import pytest

from chuda.errors import Refused, UsageError
from chuda.stores.ledger.coupons import free_coupons, open_keywords
from chuda.workspace import open_workspace

CAMPAIGN = """
id: coupons
name: 回复领券
type: marketing
trade: retail
sender: business.yaml
channels: [demo]
audience: {segments: [everyone]}
template:
  text: 【橙柚生活】{salutation}，回复Y获取专属优惠码，拒收请回复R
schedule: {date: 2026-11-20, slot: "15:00-17:00"}
replies:
  - keyword: "Y"
    text: 【橙柚生活】您的优惠码{coupon}，到店出示即可使用，拒收请回复R
    coupons: codes.csv
"""


_CONSENT = """
UPDATE contact_clean SET consent = 'granted', consent_source = '门店', consent_purpose = '营销短信',
    consent_at = TIMESTAMPTZ '2026-08-01 10:00:00+08'
"""


def write(world, codes="A1\nA2\n", text=CAMPAIGN):
    world.change(_CONSENT)
    (world.folder / "campaigns" / "codes.csv").write_text(codes, encoding="utf-8")
    return world.campaign(text)


def test_sealing_a_plan_opens_its_keywords_and_its_pool(world):
    plan_id = world.plan(write(world))
    assert world.rows("SELECT keyword, codes FROM plan_offer WHERE plan_id = ?", plan_id) == [("Y", ["A1", "A2"])]
    world.approve(plan_id)
    with open_workspace() as workspace, workspace.ledger.read() as connection:
        assert open_keywords(connection, 0) == ["Y"]
        assert free_coupons(connection) == {("coupons", "Y"): 2}


@pytest.mark.parametrize(
    ("codes", "said"),
    [("", "no codes"), ("A1\nA1\n", "twice"), ("A1\nb c\n", "codes.csv:2"), ("A1\n优惠\n", "codes.csv:2"),
     ("A" * 33, "codes.csv:1")],
)  # fmt: skip
def test_a_pool_that_cannot_be_used_is_refused_with_its_line(world, codes, said):
    with pytest.raises(UsageError, match=said):
        world.plan(write(world, codes))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [("您的优惠码{coupon}，到店", "{salutation}的优惠码{coupon}，到店", "salutation"),
     ("，拒收请回复R\n    coupons", "\n    coupons", "the answer to Y"),
     ("到店出示即可使用", "百分百中奖", "the answer to Y"),
     ("到店出示即可使用", "到店出示即可使用" * 8, "the answer to Y")],
)  # fmt: skip
def test_an_answer_that_fails_a_content_check_is_refused(world, before, after, said):
    assert before in CAMPAIGN
    with pytest.raises(Refused, match=said):
        world.plan(write(world, text=CAMPAIGN.replace(before, after)))
