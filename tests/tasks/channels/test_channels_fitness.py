"""A channel without a valid licence, a filed signature or a passed test carries no marketing, by name."""

from __future__ import annotations

from datetime import timedelta

import pytest
from channel_world import FRIDAY, passed, record, verdict

from chuda.errors import Refused
from tasks.channels.choice import able_to_take_over, rank_channels
from tasks.channels.fitness import reasons_against, standing_of

SIGNATURES = frozenset({"橙柚生活"})


def codes(channel, verdicts=(), kind="marketing", at=FRIDAY):
    return [reason.code for reason in reasons_against(channel, kind, list(verdicts), at, SIGNATURES)]


def test_a_licensed_signed_and_tested_channel_may_be_used():
    assert codes(record(), passed()) == []


def test_each_thing_missing_is_named():
    assert codes(record(licence=None), passed()) == ["licence_missing"]
    assert codes(record(signatures=()), passed()) == ["signature_not_filed"]
    assert codes(record(signatures=("别家",)), passed()) == ["signature_not_filed"]
    assert codes(record()) == ["test_missing"] * 3
    assert codes(record(), [*passed(), verdict("stress", "failed", FRIDAY + timedelta(hours=1))]) == ["test_failed"]


def test_only_marketing_needs_test_and_signature():
    bare = record(signatures=())
    assert codes(bare, kind="notification") == codes(bare, kind="otp") == codes(bare, kind="test") == []


def test_a_verdict_expires_and_a_new_one_holds():
    later = FRIDAY + timedelta(days=180)
    assert codes(record(), passed(), at=later - timedelta(seconds=1)) == []
    assert codes(record(), passed(), at=later) == ["test_expired"] * 3
    assert codes(record(), [*passed(), *passed(later)], at=later) == []


def test_a_running_test_leaves_the_earlier_verdict_in_force():
    again = verdict("basic", "pending", FRIDAY + timedelta(days=1), test="shop-2")
    assert codes(record(), [*passed(), again], at=FRIDAY + timedelta(days=2)) == []


def test_a_waiting_holiday_part_holds_nothing_back_and_a_failed_one_does():
    assert codes(record(), [*passed(), verdict("stress_holiday", "pending")]) == []
    assert codes(record(), [*passed(), verdict("stress_holiday", "failed")]) == ["test_failed"]


def test_a_test_in_the_record_counts_for_180_days_or_as_it_says():
    written = "tested:\n" + "".join(
        f"  {stage}: {{verdict: passed, on: 2026-06-01, evidence: t}}\n" for stage in ("basic", "stress", "scenario")
    )
    assert codes(record(written)) == []
    assert codes(record(written), at=FRIDAY + timedelta(days=9)) == ["test_expired"] * 3
    assert codes(record(written.replace("evidence: t", "evidence: t, valid_until: 2026-10-01"))) == ["test_expired"] * 3


def test_a_simulator_is_exempt_until_it_fails():
    channel = record(simulator=True, endpoint="http://127.0.0.1:1", licence=None)
    assert codes(channel) == []
    assert codes(channel, [verdict("basic", "failed")]) == ["test_failed"]


def test_standing_tells_since_when_and_until_when():
    found = standing_of(record(), "basic", passed(), FRIDAY)
    assert (found.state, found.since, found.until) == ("passed", FRIDAY, FRIDAY + timedelta(days=180))


def test_a_campaign_takes_the_first_channel_of_its_list_that_may_be_used():
    channels = {"bad": record(name="bad", licence=None), "shop": record()}
    fit, warnings = rank_channels(["bad", "shop"], channels, "marketing", passed(), FRIDAY, SIGNATURES)
    assert [channel.name for channel in fit] == ["shop"]
    assert "'bad' has no licence" in warnings[0]


def test_if_none_may_be_used_every_reason_is_given():
    with pytest.raises(Refused, match=r"(?s)no licence.*basic test"):
        rank_channels(["shop"], {"shop": record(licence=None)}, "marketing", [], FRIDAY, SIGNATURES)


def test_only_a_channel_for_the_same_text_can_take_over():
    main = record()
    other = record(name="other")
    assert able_to_take_over(main, [other], SIGNATURES) == [other]
    assert able_to_take_over(main, [record(opt_out_wording="退订回T")], SIGNATURES) == []
    assert able_to_take_over(main, [record(signatures=("别家",))], SIGNATURES) == []
    assert able_to_take_over(record(coverage=("CN", "HK")), [other], SIGNATURES) == []
    assert able_to_take_over(main, [record(simulator=True)], SIGNATURES) == []
