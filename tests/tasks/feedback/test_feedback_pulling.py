"""Replies stop people at once; what was read is not read again; a late receipt wins."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from fakes import phones, put_release

from chuda.clock import to_us
from chuda.providers.protocol import Page, ReceiptEvent, ReplyEvent
from chuda.stores.ledger.feedback import close_unanswered
from chuda.stores.ledger.releases import state_counts
from chuda.stores.ledger.suppression import suppressed_among
from tasks.content.context import load_content_reference
from tasks.feedback.pulling import Puller

ROOT = Path(__file__).parents[3]


class Feeds:
    """A provider that has these events and hands them out by cursor."""

    def __init__(self, replies=(), receipts=()):
        self._feeds = {"replies": list(replies), "receipts": list(receipts)}

    async def _page(self, name, cursor):
        at = int(cursor or 0)
        items = self._feeds[name][at : at + 2]
        return Page(items, str(at + len(items)), more=len(items) == 2)

    async def replies(self, cursor):
        return await self._page("replies", cursor)

    async def receipts(self, cursor):
        return await self._page("receipts", cursor)


@pytest.fixture(scope="module")
def words():
    return load_content_reference(ROOT / "data" / "reference").reply_words


def pull(ledger, keys, clock, words, **feeds):
    return asyncio.run(Puller(ledger, keys, clock, Feeds(**feeds), "demo", words).pull(has_clicks=False))


def test_opt_outs_and_complaints_are_in_force_at_once_and_read_once(ledger, keys, clock, words):
    texts = ["td", "退订。", "投诉你们", "谢谢"]
    replies = [ReplyEvent(phone, text, clock.now()) for phone, text in zip(phones(4), texts, strict=True)]
    done = pull(ledger, keys, clock, words, replies=replies)
    assert (done.replies, done.opt_outs, done.complaints) == (4, 2, 1)
    tokens = [keys.token(phone) for phone in phones(4)]
    with ledger.read() as connection:
        assert suppressed_among(connection, tokens, "marketing") == set(tokens[:3])
        assert suppressed_among(connection, tokens, "notification") == {tokens[2]}
    assert pull(ledger, keys, clock, words, replies=replies).replies == 0


def test_a_late_receipt_wins_over_a_closed_question(ledger, keys, clock, words):
    put_release(ledger, keys, clock.now(), people=phones(10))
    now_us = to_us(clock.now())
    with ledger.write() as connection:
        connection.exec_driver_sql("UPDATE batch SET state = 'unknown', attempts = 1")
        connection.exec_driver_sql(
            "INSERT INTO attempt (batch_id, number, release_id, owner, epoch, size, parts, intent_us, outcome) "
            f"VALUES ('p1-1-0', 1, 'p1-1', 'me', 1, 10, 10, {now_us}, 'unknown')"
        )
        assert close_unanswered(connection, now_us, now_us) == 0, "72 hours are not over"
        assert close_unanswered(connection, now_us + 1, now_us) == 1
    with ledger.read() as connection:
        assert state_counts(connection, "p1") == {"unconfirmed": 10}
        assert connection.exec_driver_sql("SELECT count(*) FROM batch WHERE sealed IS NOT NULL").scalar() == 0
    receipts = [
        ReceiptEvent("p1-1-0.3", phones(10)[3], "failed", "MK:0001", 1, clock.now()),
        ReceiptEvent("p1-1-0.3", phones(10)[3], "delivered", "DELIVRD", 1, clock.now()),
        ReceiptEvent("somebody-elses", phones(10)[4], "delivered", "DELIVRD", 1, clock.now()),
    ]
    assert pull(ledger, keys, clock, words, receipts=receipts).receipts == 3
    with ledger.read() as connection:
        assert state_counts(connection, "p1") == {"delivered": 1, "unconfirmed": 9}
