"""A wanted reply gets its answer: one person, one code, once; opt-outs and quiet hours bind it like any marketing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
from fakes import FakeProvider, phones, put_release

from chuda.clock import FixedClock, to_us
from chuda.providers.protocol import ReplyEvent
from chuda.stores.ledger.coupons import KeywordOffer, ask_for_answer, find_offer, free_coupons, open_offer
from chuda.stores.ledger.queue import keep_pulled, open_rejects
from chuda.stores.ledger.releases import Control, find_release, releases_of, set_control
from chuda.workspace import open_workspace
from tasks.dispatch.sender import ChannelLimits, Sender
from tasks.feedback.answering import seal_answers
from tasks.feedback.intake import make_page
from tasks.feedback.processing import Processor

TEXT = "【橙柚生活】您的专属优惠码{coupon}，到店出示即可使用，拒收请回复R"
DAY_US = 24 * 3600 * 1_000_000


@pytest.fixture
def workspace(workspace_ledger):
    with open_workspace() as opened:
        yield opened


@pytest.fixture
def campaign(workspace, keys, clock):
    """Three people were sent a message that promises a code to whoever replies with Y; the pool holds two."""
    ledger, now_us = workspace.ledger, to_us(clock.now())
    release = put_release(ledger, keys, clock.now(), people=phones(3))
    workspace.vault.append(pl.DataFrame({"token": [keys.token(p) for p in phones(3)], "phone": phones(3)}))
    offer = KeywordOffer("p1", "autumn", "Y", TEXT, True, now_us + 7 * DAY_US)
    with ledger.write() as connection:
        open_offer(connection, offer, ["CY1", "CY2"])
        open_offer(connection, offer, ["CY1", "CY2"])
        connection.exec_driver_sql("UPDATE batch SET state = 'accepted', attempts = 1")
        connection.exec_driver_sql(
            "INSERT INTO attempt (batch_id, number, release_id, owner, epoch, size, parts, intent_us, outcome) "
            f"VALUES ('p1-1-0', 1, 'p1-1', 'me', 1, 3, 3, {now_us}, 'accepted')"
        )
    return release


def hear(workspace, keys, words, clock, *said):
    """Replies of (person's number, text), taken in and processed."""
    events = [ReplyEvent(phones(9)[n], text, clock.now()) for n, text in said]
    page, rejects = make_page(keys, "demo", "replies", events, [], clock.now())
    with workspace.ledger.write() as connection:
        keep_pulled(connection, page, rejects, "", "")
    return Processor(workspace.ledger, clock, words).process()


def send(workspace, keys, clock, plan_id):
    provider = FakeProvider()
    with workspace.ledger.read() as connection:
        [release] = releases_of(connection, plan_id)
    sender = Sender(workspace.ledger, keys, clock, provider, ChannelLimits(1000), "me")
    report = asyncio.run(sender.send(release))
    return provider, report


def test_a_wanted_reply_is_answered_once_with_a_code_of_its_own(workspace, campaign, keys, words, clock):
    said = hear(workspace, keys, words, clock, (0, "y"), (1, " Ｙ！"), (0, "Y Y"))
    assert said["answers"] == 2
    [plan_id] = seal_answers(workspace)
    provider, _ = send(workspace, keys, clock, plan_id)
    assert dict(provider.taken) == {phones(2)[0]: 1, phones(2)[1]: 1}
    assert seal_answers(workspace) == []
    assert hear(workspace, keys, words, clock, (0, "Y"))["answers"] == 0
    with workspace.ledger.read() as connection:
        texts = connection.exec_driver_sql("SELECT text FROM answer ORDER BY text").scalars().all()
        assert free_coupons(connection) == {("autumn", "Y"): 0}
        release = find_release(connection, f"{plan_id}-1")
    assert [("CY1" in text, "CY2" in text) for text in texts] == [(True, False), (False, True)]
    assert (release.message_type, release.size) == ("coupon_reply", 2)


def test_when_the_pool_is_empty_a_person_is_told(workspace, campaign, keys, words, clock):
    said = hear(workspace, keys, words, clock, (0, "Y"), (1, "Y"), (2, "Y"))
    assert said["answers"] == 2
    with workspace.ledger.read() as connection:
        assert [reject.reason for _, reject in open_rejects(connection)] == ["coupons_used_up"]


def test_whoever_was_not_sent_the_message_is_read_by_a_person(workspace, campaign, keys, words, clock):
    assert hear(workspace, keys, words, clock, (7, "Y"))["answers"] == 0
    with workspace.ledger.read() as connection:
        assert connection.exec_driver_sql("SELECT kind FROM reply").scalar() == "other"


def test_an_opt_out_after_the_wish_wins(workspace, campaign, keys, words, clock):
    hear(workspace, keys, words, clock, (0, "Y"), (0, "退订"))
    [plan_id] = seal_answers(workspace)
    assert not send(workspace, keys, clock, plan_id)[0].taken


def test_a_wish_in_the_night_is_answered_in_the_morning(workspace, campaign, keys, words, clock):
    hear(workspace, keys, words, clock, (0, "Y"))
    [plan_id] = seal_answers(workspace)
    night = FixedClock(clock.now().replace(hour=21, minute=30))
    provider, report = send(workspace, keys, night, plan_id)
    assert (dict(provider.taken), report.stop) == ({}, "window_closed")
    morning = FixedClock(clock.now().replace(hour=8, minute=1) + timedelta(days=1))
    assert sum(send(workspace, keys, morning, plan_id)[0].taken.values()) == 1


def test_answers_wait_while_their_campaign_is_paused_and_are_dropped_when_it_is_cancelled(
    workspace, campaign, keys, words, clock
):
    hear(workspace, keys, words, clock, (0, "Y"))
    for state, sealed in (("paused", 0), ("running", 1)):
        with workspace.ledger.write() as connection:
            set_control(connection, "p1", Control(state, "", ""), 0)
        assert len(seal_answers(workspace)) == sealed
    hear(workspace, keys, words, clock, (1, "Y"))
    with workspace.ledger.write() as connection:
        set_control(connection, "p1", Control("cancelled", "", ""), 0)
    assert seal_answers(workspace) == []


def test_an_offer_that_has_ended_is_closed(workspace, campaign, keys, clock):
    token, late_us = keys.token(phones(1)[0]), to_us(clock.now()) + 8 * DAY_US
    with workspace.ledger.write() as connection:
        assert find_offer(connection, "Y", token, late_us) is None
        offer, release_id = find_offer(connection, "Y", token, to_us(clock.now()))
        assert ask_for_answer(connection, offer, release_id, token, 0) == "granted"
        assert ask_for_answer(connection, offer, release_id, token, 0) == "repeated"


def test_two_runs_at_once_seal_an_answer_once(workspace, campaign, keys, words, clock):
    hear(workspace, keys, words, clock, (0, "Y"))
    other: list[str] = []

    class Vault:
        """The vault, while whose numbers are read another run comes along."""

        def read(self, tokens):
            other.extend(seal_answers(workspace))
            return workspace.vault.read(tokens)

    assert seal_answers(replace(workspace, vault=Vault())) == []
    assert len(other) == 1
    assert sum(send(workspace, keys, clock, other[0])[0].taken.values()) == 1


@pytest.mark.parametrize(("state", "stop"), [("paused", "paused"), ("cancelled", "cancelled")])
def test_what_stops_the_campaign_stops_the_answers_that_are_sealed(
    workspace, campaign, keys, words, clock, state, stop
):
    hear(workspace, keys, words, clock, (0, "Y"))
    [plan_id] = seal_answers(workspace)
    with workspace.ledger.write() as connection:
        set_control(connection, "p1", Control(state, "", ""), 0)
    provider, report = send(workspace, keys, clock, plan_id)
    assert (dict(provider.taken), report.stop) == ({}, stop)
