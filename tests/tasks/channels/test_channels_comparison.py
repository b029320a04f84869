"""Channels side by side: who may be used, what found the others' faults, and how the bills stand."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from channel_world import FRIDAY, LINES, record, verdict

from chuda.errors import UsageError
from chuda.providers.simulator.companies import load_companies
from chuda.providers.simulator.profile import Conduct
from chuda.stores.ledger.channels import Route
from tasks.channels.cells import read_cell
from tasks.channels.comparison import BillStanding, bill_standing, compare_channels

DAY = {"account": "generic:shop-main", "messages": 10, "unknown_parts": 0, "provider_parts": None, "bill_parts": None,
       "difference_parts": None, "bill_difference_parts": None}  # fmt: skip


def judged(stage, state, messages=10, at=FRIDAY, test="shop-1", **measures):
    evidence = json.dumps({"zh": stage, "en": stage, "measures": measures})
    return replace(verdict(stage, state, at, test=test), messages=messages, evidence=evidence)


def compare(*verdicts, routes=(), **changes):
    records = {"shop": record(**changes), "codes": record(name="codes", message_types=("otp",))}
    return compare_channels(records, verdicts, routes, LINES.vetting, FRIDAY + timedelta(days=1), None)


PASSED = [judged("basic", "passed", 10, first_attempt=10, delivered=10),
          judged("stress", "passed", 180, sends=[[60, 60], [60, 60], [59, 60]], delivered=180),
          judged("scenario", "passed", 180, types={"marketing": [60, 60], "otp": [60, 60]}, delivered=180)]  # fmt: skip


def test_a_channel_that_passed_is_usable_with_first_attempts_apart_from_all_that_arrived():
    (channel,) = compare(*PASSED)
    assert (channel.standing, channel.found_by) == ("usable", None)
    assert (channel.attempts.first, channel.attempts.delivered, channel.attempts.messages) == (309, 370, 370)


def test_what_failed_is_named_with_the_messages_until_then():
    (channel,) = compare(PASSED[0], judged("stress", "failed", 180, sends=[[50, 60]], delivered=60))
    assert (channel.standing, channel.found_by) == ("blocked", ("stress", 190))


def test_a_canary_that_failed_is_watched_and_remembered_when_the_next_is_well():
    dropped = judged("canary", "failed", 60, FRIDAY, "p1", delivered=40)
    (channel,) = compare(*PASSED, dropped)
    assert (channel.standing, channel.found_by) == ("watch", ("canary", 60))
    (channel,) = compare(*PASSED, dropped, judged("canary", "passed", 70, FRIDAY + timedelta(hours=1), "p2"))
    assert (channel.standing, channel.found_by, channel.was_found_by) == ("usable", None, ("canary", 60))
    assert [each.messages for each in channel.canaries] == [60, 70]


def test_a_cell_that_avoids_a_usable_channel_is_to_be_watched():
    (channel,) = compare(*PASSED, routes=[Route("shop", "unicom", "河南", "loss", "{}", 1)])
    assert channel.standing == "watch"


def test_an_untested_real_channel_is_not_usable_and_one_without_marketing_is_not_compared():
    (channel,) = compare()
    assert channel.record.name == "shop" and channel.standing == "blocked" and channel.attempts is None


@pytest.mark.parametrize(
    ("days", "standing"),
    [
        ([DAY], BillStanding("unknown", 0, 0)),
        ([DAY | {"provider_parts": 10, "difference_parts": 0}], BillStanding("agrees", 0, 0)),
        ([DAY | {"provider_parts": 11, "difference_parts": 1, "unknown_parts": 1}], BillStanding("agrees", 0, 0)),
        ([DAY | {"provider_parts": 10, "difference_parts": 0}, DAY | {"provider_parts": 12, "difference_parts": 2}],
         BillStanding("differs", 2, 20)),
        ([DAY | {"provider_parts": 9, "difference_parts": -1, "bill_parts": 10, "bill_difference_parts": 0}],
         BillStanding("agrees", 0, 0)),
        ([DAY | {"account": "another", "difference_parts": 5, "provider_parts": 5}], BillStanding("unknown", 0, 0)),
    ],
)  # fmt: skip
def test_a_bill_stands_above_the_figures_and_what_is_unknown_excuses_them(days, standing):
    (channel,) = compare(*PASSED)
    assert bill_standing(channel, days) == standing


def test_bills_that_cancel_each_other_out_differ_all_the_same():
    (channel,) = compare(*PASSED)
    days = [DAY | {"bill_parts": 11, "bill_difference_parts": 1}, DAY | {"bill_parts": 9, "bill_difference_parts": -1}]
    assert bill_standing(channel, days) == BillStanding("differs", 0, 10)


@pytest.mark.parametrize("words", [("unicom", "河南"), ("联通", "河南省"), ("中国联通", " 河南 ")])
def test_a_cell_is_read_in_either_language(words):
    assert read_cell(*words) == ("unicom", "河南")


@pytest.mark.parametrize(("words", "said"), [(("vodafone", "河南"), "no carrier"), (("unicom", "加州"), "no province")])
def test_a_cell_nobody_has_is_refused(words, said):
    with pytest.raises(UsageError, match=said):
        read_cell(*words)


def test_the_simulated_companies_are_one_good_and_five_bad_ones_each_with_what_catches_it(tmp_path):
    from channel_world import ROOT

    companies = load_companies(ROOT / "data" / "reference")
    assert companies["good"].profile.world.conduct == Conduct() and companies["good"].caught_by is None
    caught = [company.caught_by for company in companies.values()]
    assert sorted(filter(None, caught)) == ["basic", "bill", "canary", "scenario", "stress"]
    assert companies["good"].with_phones(frozenset({"13800138000"})).world.always_on == {"13800138000"}
    (tmp_path / "simulated_companies.yaml").write_text("x: {zh: a, en: b, caught_by: luck}")
    with pytest.raises(UsageError, match="caught_by"):
        load_companies(tmp_path)
