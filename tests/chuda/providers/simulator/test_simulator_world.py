"""The world: the same seed gives the same fates, and the rates are those of the profile."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from chuda.clock import to_us
from chuda.providers.simulator import people
from chuda.providers.simulator.carriers import carrier_of, count_parts
from chuda.providers.simulator.profile import Effect, WorldProfile
from chuda.providers.simulator.world import SECOND, Message, World

COUNT = 12_000
PREFIXES = ("138", "139", "186", "133", "177", "131")


def _messages(kit, text=None, message_type="marketing", count=COUNT, moment=None):
    at_us = to_us(moment or kit.noon)
    mixed = [f"{PREFIXES[n % len(PREFIXES)]}{n:08d}" for n in range(count)]
    return [Message(f"p1-{n}.0", phone, text or kit.text, message_type, at_us) for n, phone in enumerate(mixed)]


def _fates(kit, profile=None, seed=1, **options):
    world = World(seed, profile or WorldProfile())
    return [world.fate(message) for message in _messages(kit, **options)]


def test_fates_depend_on_seed_phone_and_message_alone(kit):
    messages = _messages(kit, count=300)
    forwards = [World(7, WorldProfile()).fate(m) for m in messages]
    world = World(7, WorldProfile())
    backwards = [world.fate(m) for m in reversed(messages)][::-1]
    assert forwards == backwards
    assert forwards != [World(8, WorldProfile()).fate(m) for m in messages]


def test_a_fate_does_not_change_between_versions(kit):
    # Written down once: a demo, a report and a benchmark can be rebuilt only as long as this stays.
    fate = World(1, WorldProfile()).fate(Message("p1-1.0", "13800138000", kit.text, "marketing", to_us(kit.noon)))
    assert (fate.receipt.status, fate.receipt.code) == ("delivered", "DELIVRD")
    assert (fate.receipt.at_us - to_us(kit.noon)) / SECOND == pytest.approx(7.139985)
    assert [click.link for click in fate.clicks] == ["chd.cn/a1B2"]
    assert [(order.order_id, str(order.amount), str(order.discount)) for order in fate.orders] == [
        ("SO6a1261136bd21a4f", "191.90", "69.00")
    ]


def test_rates_are_those_of_the_profile(kit):
    fates = _fates(kit)
    delivered = [f for f in fates if f.receipt and f.receipt.status == "delivered"]
    reported = [f for f in fates if f.receipt]
    assert len(delivered) / len(reported) == pytest.approx(0.987, abs=0.004)
    assert 1 - len(reported) / COUNT == pytest.approx(0.001, abs=0.0008)
    clickers = [f for f in fates if f.clicks]
    # 12 o'clock is a little worse than the day's mean.
    assert len(clickers) / len(delivered) == pytest.approx(0.27 * 0.95, abs=0.015)
    assert sum(bool(f.orders) for f in clickers) / len(clickers) == pytest.approx(0.18, abs=0.025)
    assert sum(len(f.orders) for f in fates if not f.clicks) == 0


def test_people_opt_out_and_complain_at_the_given_rates_in_the_forms_they_use(kit):
    profile = WorldProfile(opt_out_rate=0.2, complaint_rate=0.1, chatter_rate=0.1)
    replies = [reply.text for fate in _fates(kit, profile) for reply in fate.replies]
    counts = Counter(replies)
    opt_outs = sum(counts[form] for form in people.OPT_OUTS.values)
    complaints = sum(counts[form] for form in people.COMPLAINTS.values)
    assert opt_outs / COUNT == pytest.approx(0.2, abs=0.02)
    assert complaints / COUNT == pytest.approx(0.1, abs=0.015)
    assert {"R", "td", "ＴＤ", "退订。", "拒收", "n"} <= set(counts)
    assert counts["R"] > counts["TD"] > counts["拒收"] > 0


def test_failing_numbers_fail_for_lasting_reasons_whatever_is_sent(kit):
    world = World(1, WorldProfile())
    empty = re.compile(r"MK:0000|MK:0001|MI:0073|MI:0210|CB:0001|CB:0053|DB:0101")
    messages = _messages(kit)
    dead = [m for m in messages if (r := world.fate(m).receipt) and empty.fullmatch(r.code)]
    assert len(dead) > 20
    for message in dead:
        again = world.fate(message._replace(message_id="p2-9.9", message_type="notification", text="【触达科技】您好"))
        assert again.receipt is None or empty.fullmatch(again.receipt.code)


def test_codes_of_a_failure_are_those_of_the_carrier(kit):
    profile = WorldProfile(delivery=dict.fromkeys(("mobile", "unicom", "telecom"), 0.0))
    world = World(1, profile)
    codes = {"mobile": Counter(), "unicom": Counter(), "telecom": Counter()}
    for message in _messages(kit, count=3000):
        receipt = world.fate(message).receipt
        if receipt:
            codes[carrier_of(message.phone)][receipt.code] += 1
    assert "MK:0000" in codes["mobile"] and "MI:0073" not in codes["mobile"]
    assert "MI:0073" in codes["unicom"] and "MK:0000" not in codes["unicom"]
    assert "CB:0001" in codes["telecom"] and "DELIVRD" not in codes["telecom"]


def test_a_wording_moves_clicks_and_orders_by_its_factors(kit):
    profile = WorldProfile(effects=(Effect(contains="限时", clicks=1.5, orders=2.0),))
    with_it, without = _fates(kit, profile), _fates(kit, profile, text=kit.text.replace("限时", "全场"))
    rates = [sum(bool(f.clicks) for f in fates) / COUNT for fates in (with_it, without)]
    assert rates[0] / rates[1] == pytest.approx(1.5, rel=0.1)
    orders = [sum(bool(f.orders) for f in fates) / sum(bool(f.clicks) for f in fates) for fates in (with_it, without)]
    assert orders[0] / orders[1] == pytest.approx(2.0, rel=0.2)


def test_nothing_comes_of_a_message_that_did_not_arrive(kit):
    profile = WorldProfile(click_rate=0.9, order_rate=0.9, opt_out_rate=0.5)
    failed = [f for f in _fates(kit, profile) if f.receipt and f.receipt.status == "failed"]
    assert len(failed) > 100
    assert not any(f.clicks or f.orders or f.replies for f in failed)


def test_a_few_people_come_back_to_the_link(kit):
    visits = Counter(len(f.clicks) for f in _fates(kit))
    assert visits[2] / (visits[1] + visits[2]) == pytest.approx(0.15, abs=0.03)


def test_the_hour_moves_clicks(kit):
    at_noon = sum(bool(f.clicks) for f in _fates(kit))
    at_five = sum(bool(f.clicks) for f in _fates(kit, moment=kit.noon.replace(hour=17)))
    assert at_five / at_noon == pytest.approx(1.15 / 0.95, rel=0.05)


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("【触达科技】详情chd.cn/a1B2，拒收请回复R", "chd.cn/a1B2"),
        ("【触达科技】详情 https://s.chd.cn/x/y?u=7&v=a-b 拒收请回复R", "https://s.chd.cn/x/y?u=7&v=a-b"),
        ("【Chuda】See chd.cn/offer.html. Reply R to stop", "chd.cn/offer.html"),
    ],
)
def test_the_link_that_is_clicked_is_the_one_in_the_text(kit, text, link):
    fates = _fates(kit, WorldProfile(click_rate=0.9), text=text, count=60)
    assert {click.link for fate in fates for click in fate.clicks} == {link}


def test_without_a_link_nobody_clicks_or_buys(kit):
    fates = _fates(kit, text="【触达科技】王先生您好，新品八折 拒收请回复R", count=3000)
    assert not any(f.clicks or f.orders for f in fates)


@pytest.mark.parametrize(("message_type", "answers"), [("otp", False), ("test", False), ("notification", True)])
def test_only_marketing_is_opted_out_of(kit, message_type, answers):
    profile = WorldProfile(opt_out_rate=0.5, complaint_rate=0.2, chatter_rate=0.2)
    texts = {r.text for f in _fates(kit, profile, message_type=message_type, count=600) for r in f.replies}
    assert not texts & {*people.OPT_OUTS.values, *people.COMPLAINTS.values}
    assert bool(texts) is answers


def test_who_is_asked_for_an_answer_gives_it(kit):
    fates = _fates(kit, text="【触达科技】回复Y获取专属优惠码 拒收请回复R")
    assert sum(r.text in people.ANSWERS.values for f in fates for r in f.replies) / COUNT == pytest.approx(
        0.03, abs=0.01
    )


def test_causes_come_before_their_effects(kit):
    at_us = to_us(kit.noon)
    for fate in _fates(kit):
        arrived_us = fate.receipt.at_us if fate.receipt else at_us
        assert arrived_us >= at_us if fate.receipt is None else arrived_us >= at_us + SECOND // 2
        assert all(event.at_us > arrived_us for event in (*fate.replies, *fate.clicks))
        assert all(order.at_us > fate.clicks[0].at_us and order.amount > 0 for order in fate.orders)


def test_receipts_take_seconds_and_a_few_take_hours(kit):
    waits = sorted((f.receipt.at_us - to_us(kit.noon)) / SECOND for f in _fates(kit) if f.receipt)
    assert 2 < waits[len(waits) // 2] < 8
    assert waits[int(len(waits) * 0.97)] < 60
    assert waits[-1] > 3600


@pytest.mark.parametrize(
    ("text", "phone", "parts"),
    [
        ("字" * 70, "13800138000", 1),
        ("字" * 71, "13800138000", 2),
        ("a" * 160, "13800138000", 3),
        ("a" * 160, "+85291234567", 1),
        ("a" * 161, "+85291234567", 2),
        ("字" * 71, "+85291234567", 2),
        ("😀" * 35, "13800138000", 1),
        ("😀" * 36, "13800138000", 2),
        ("😀" * 67, "13800138000", 3),  # 33 pairs a part: the 34th would be split
    ],
)
def test_parts_are_counted_as_the_trade_does(text, phone, parts):
    assert count_parts(text, phone) == parts
