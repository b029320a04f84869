"""Who is silent is asked about by number, in turn, until the receipt is there or the 72 hours are over."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import polars as pl
import pytest
from fakes import phones, put_release

from chuda.clock import to_us
from chuda.errors import ProviderTrouble
from chuda.providers.protocol import ReceiptEvent, TellsByNumber
from chuda.stores.ledger.feedback import ReceiptRow, append_events
from chuda.stores.ledger.releases import state_counts
from chuda.workspace import open_workspace
from tasks.feedback.asking import ask_about_silent
from tasks.feedback.stage import process_queue

PEOPLE = phones(6)


class Teller:
    """Knows of everybody but the last; remembers whom it was asked about."""

    def __init__(self):
        self.asked, self.is_down = [], False

    async def ask_receipts(self, messages):
        if self.is_down:
            raise ProviderTrouble("no answer")
        self.asked += [(message.message_id, message.phone) for message in messages]
        return [
            ReceiptEvent(message.message_id, message.phone, "failed", "MK:0001", 0, message.sent_at)
            for message in messages
            if message.phone != PEOPLE[5]
        ]


@pytest.fixture
def workspace(workspace_ledger, keys, clock):
    """Six accepted messages, three to a batch, two hours ago: the first told, the second refused, the third erased."""
    put_release(workspace_ledger, keys, clock.now(), people=PEOPLE, batch_size=3, lost={PEOPLE[1]: "opt_out"})
    sent_us = to_us(clock.now() - timedelta(hours=2))
    with workspace_ledger.write() as connection:
        connection.exec_driver_sql("UPDATE batch SET state = 'accepted', attempts = 1")
        for seq in range(2):
            connection.exec_driver_sql(
                "INSERT INTO attempt (batch_id, number, release_id, owner, epoch, size, parts, intent_us, outcome) "
                f"VALUES ('p1-1-{seq}', 1, 'p1-1', 'me', 1, 3, 3, {sent_us}, 'accepted')"
            )
        token = keys.token(PEOPLE[0])
        append_events(connection, [ReceiptRow("demo", "p1-1-0", 0, token, "delivered", "DELIVRD", 1, sent_us, sent_us)])
    with open_workspace() as opened:
        known = [phone for phone in PEOPLE if phone != PEOPLE[2]]
        opened.vault.append(pl.DataFrame({"token": [keys.token(p) for p in known], "phone": known}))
        yield opened


def test_only_the_silent_are_asked_about_and_what_is_told_becomes_their_receipt(workspace):
    teller = Teller()
    assert isinstance(teller, TellsByNumber)
    assert asyncio.run(ask_about_silent(workspace, teller, "demo")) == 2
    assert teller.asked == [(f"p1-1-1.{n}", PEOPLE[3 + n]) for n in range(3)]
    assert process_queue(workspace)["receipts"] == 2
    asyncio.run(ask_about_silent(workspace, teller, "demo"))
    assert teller.asked[3:] == [("p1-1-1.2", PEOPLE[5])]
    assert not process_queue(workspace)["receipts"]
    with workspace.ledger.read() as connection:
        assert state_counts(connection, "p1") == {"delivered": 1, "suppressed": 1, "accepted": 2, "failed": 2}


def test_batches_are_asked_about_in_turn_and_trouble_loses_no_turn(workspace):
    teller = Teller()
    asyncio.run(ask_about_silent(workspace, teller, "demo", batches=1))
    assert teller.asked == []
    teller.is_down = True
    with pytest.raises(ProviderTrouble):
        asyncio.run(ask_about_silent(workspace, teller, "demo", batches=1))
    teller.is_down = False
    assert asyncio.run(ask_about_silent(workspace, teller, "demo", batches=1)) == 2
    assert asyncio.run(ask_about_silent(workspace, teller, "other")) == 0


@pytest.mark.parametrize("hours", [-1.5, 71])
def test_who_was_sent_to_just_now_or_too_long_ago_is_left_alone(workspace, hours):
    with workspace.ledger.write() as connection:
        connection.exec_driver_sql(f"UPDATE attempt SET intent_us = intent_us - {int(hours * 3600e6)}")
    teller = Teller()
    assert asyncio.run(ask_about_silent(workspace, teller, "demo")) == 0
    assert teller.asked == []
