"""The classification by itself: what is recorded of what a provider said, member by member."""

from __future__ import annotations

from datetime import datetime

import pytest

from chuda.clock import BUSINESS_ZONE
from chuda.providers.protocol import MessageResult, SendResult
from chuda.stores.ledger.dispatching import Claim
from chuda.stores.ledger.recording import OpenQuestion, RequestOutcome
from tasks.dispatch.outcomes import message_id, parse_message_id, settle_answer, settle_question

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=BUSINESS_ZONE)
OK, BAD, WORSE = MessageResult("accepted"), MessageResult("rejected", "BAD"), MessageResult("rejected", "WORSE")
LOST, KEPT = MessageResult("unknown", "ReadTimeout"), MessageResult("not_sent", "429")


def answered(answer: SendResult, positions=(0, 1, 2), number: int = 1) -> RequestOutcome:
    return settle_answer(Claim("b-1", number, tuple(positions), len(positions), b"", NOON), answer)


def asked(found, is_definitive: bool, positions=(0, 1, 2)) -> RequestOutcome:
    return settle_question(OpenQuestion("b-1", 3, tuple(positions), 0, 0), found, is_definitive)


def named(**results: MessageResult) -> dict[str, MessageResult]:
    return {f"b-1.{name[1:]}": result for name, result in results.items()}


def test_names_of_messages_go_both_ways():
    assert message_id("p1-1-0", 17) == "p1-1-0.17"
    assert parse_message_id("p1-1-0.17") == ("p1-1-0", 17)
    assert parse_message_id("a.b.9999") == ("a.b", 9999)


@pytest.mark.parametrize("text", ["", "17", ".17", "b.", "b.x", "b.-1", "b.10000", "b.１", "b. 1"])
def test_what_is_no_name_of_ours_is_none(text):
    assert parse_message_id(text) is None


@pytest.mark.parametrize("result", [OK, BAD, LOST], ids=["accepted", "rejected", "unknown"])
def test_one_word_for_all_is_the_word_of_the_batch(result):
    outcome = answered(SendResult(result), number=4)
    assert outcome == RequestOutcome("b-1", 4, result.state, result.code, {}, 0)


def test_of_settled_states_the_more_frequent_one_is_the_batchs_and_the_others_are_exceptions():
    mostly_ok = answered(SendResult(OK, named(_1=BAD)))
    assert (mostly_ok.outcome, mostly_ok.code, mostly_ok.exceptions) == ("accepted", "", {1: ("rejected", "BAD")})
    mostly_bad = answered(SendResult(BAD, named(_1=OK)))
    assert (mostly_bad.outcome, mostly_bad.code, mostly_bad.exceptions) == ("rejected", "BAD", {1: ("accepted", "")})
    even = answered(SendResult(OK, named(_1=BAD)), positions=(0, 1))
    assert (even.outcome, even.exceptions) == ("accepted", {1: ("rejected", "BAD")})


def test_members_with_another_code_keep_it():
    outcome = answered(SendResult(BAD, named(_2=WORSE)))
    assert (outcome.code, outcome.exceptions) == ("BAD", {2: ("rejected", "WORSE")})


@pytest.mark.parametrize("open_one", [LOST, KEPT], ids=["unknown", "not_sent"])
def test_what_leaves_a_question_or_a_message_open_wins_and_the_settled_are_exceptions(open_one):
    outcome = answered(SendResult(OK, named(_0=open_one, _1=BAD)))
    assert (outcome.outcome, outcome.code) == (open_one.state, open_one.code)
    assert outcome.exceptions == {1: ("rejected", "BAD"), 2: ("accepted", "")}


def test_unknown_wins_over_not_sent_and_neither_is_an_exception():
    outcome = answered(SendResult(KEPT, named(_2=LOST)))
    assert (outcome.outcome, outcome.code, outcome.exceptions) == ("unknown", "ReadTimeout", {})


@pytest.mark.parametrize(("number", "seconds"), [(1, 2), (2, 4), (3, 8), (5, 32), (6, 60), (30, 60), (2000, 60)])
def test_what_was_not_sent_waits_longer_each_time(number, seconds):
    outcome = answered(SendResult(KEPT), number=number)
    assert outcome == RequestOutcome("b-1", number, "not_sent", "429", {}, seconds * 1_000_000)


def test_the_providers_own_pause_comes_before_ours_and_a_persons_before_the_channels():
    assert answered(SendResult(KEPT, retry_after_s=7.5)).retry_us == 7_500_000
    limited = MessageResult("not_sent", "LIMIT", 3600.0)
    assert answered(SendResult(OK, named(_1=limited), retry_after_s=7.5)).retry_us == 3_600_000_000
    shorter = MessageResult("not_sent", "LIMIT", 30.0)
    assert answered(SendResult(limited, named(_1=shorter))).retry_us == 3_600_000_000


@pytest.mark.parametrize("result", [OK, BAD, LOST], ids=["accepted", "rejected", "unknown"])
def test_only_what_was_not_sent_is_ever_tried_again(result):
    assert answered(SendResult(result, retry_after_s=9.0)).retry_us == 0


def test_what_a_definitive_query_does_not_name_was_not_sent():
    outcome = asked(named(_1=MessageResult("accepted", "delivered")), is_definitive=True)
    assert outcome == RequestOutcome("b-1", 3, "not_sent", "absent", {1: ("accepted", "delivered")}, 0)


def test_what_a_hint_does_not_name_stays_unknown():
    outcome = asked(named(_1=MessageResult("accepted", "delivered")), is_definitive=False)
    assert outcome == RequestOutcome("b-1", 3, "unknown", "absent", {1: ("accepted", "delivered")}, 0)


def test_a_question_about_nobody_closes_the_batch():
    assert asked({}, is_definitive=False, positions=()) == RequestOutcome("b-1", 3, "accepted", "", {}, 0)


@pytest.mark.parametrize("is_definitive", [True, False])
def test_what_was_found_is_accepted_and_only_those_in_question_are_looked_at(is_definitive):
    found = named(_0=MessageResult("accepted", "x"), _2=MessageResult("accepted", "x"))
    outcome = asked(found, is_definitive, positions=(0, 2))
    assert outcome == RequestOutcome("b-1", 3, "accepted", "x", {}, 0)
