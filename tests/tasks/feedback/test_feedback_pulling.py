"""Replies stop people at once; what was read is not read again; nothing a provider sends can block what comes after."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime

import httpx
import pytest
from fakes import phones, put_release
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chuda.clock import to_us
from chuda.providers.generic import GenericProvider
from chuda.providers.protocol import ClickEvent, Page, ReceiptEvent, ReplyEvent
from chuda.stores.ledger import open_ledger
from chuda.stores.ledger.complaints import list_complaints
from chuda.stores.ledger.feedback import close_unanswered, reported_notices
from chuda.stores.ledger.queue import open_rejects, waiting_pages
from chuda.stores.ledger.releases import state_counts
from chuda.stores.ledger.suppression import remember_alternates, suppressed_among
from tasks.feedback.processing import Processor
from tasks.feedback.pulling import Puller


class Feeds:
    """A provider that has these events and hands them out by cursor."""

    def __init__(self, **feeds):
        self._feeds = {name: list(items) for name, items in feeds.items()}

    async def _page(self, name, cursor):
        at = int(cursor or 0)
        items = self._feeds.get(name, [])[at : at + 2]
        return Page(items, str(at + len(items)), more=len(items) == 2)

    async def replies(self, cursor):
        return await self._page("replies", cursor)

    async def receipts(self, cursor):
        return await self._page("receipts", cursor)

    async def clicks(self, cursor):
        return await self._page("clicks", cursor)


class Forgetful(Feeds):
    """A queue that hands over each event once, without a cursor, as Tencent's does."""

    async def _page(self, name, cursor):
        assert cursor == ""
        items = [self._feeds[name].pop(0) for _ in range(min(2, len(self._feeds.get(name, []))))]
        return Page(items, "", more=len(items) == 2)


def pull(ledger, keys, clock, words, provider=None, **feeds):
    asyncio.run(Puller(ledger, keys, clock, provider or Feeds(**feeds), "demo").pull(has_clicks=True))
    return Processor(ledger, clock, words).process()


def answering(**feeds):
    """A generic provider whose feeds hold these raw items, on one page each."""

    def handle(request):
        items = feeds.get(request.url.path.strip("/"), []) if not request.url.params["cursor"] else []
        return httpx.Response(200, content=json.dumps({"cursor": "1", "items": items}))

    return GenericProvider("http://provider.test", "secret", httpx.MockTransport(handle))


def stopped(ledger, keys, people, message_type="marketing"):
    with ledger.read() as connection:
        return suppressed_among(connection, [keys.token(phone) for phone in people], message_type)


def test_opt_outs_and_complaints_are_in_force_at_once_and_read_once(any_ledger, keys, clock, words):
    texts = ["td", "退订。", "投诉你们", "谢谢"]
    replies = [ReplyEvent(phone, text, clock.now()) for phone, text in zip(phones(4), texts, strict=True)]
    done = pull(any_ledger, keys, clock, words, replies=replies)
    assert (done["replies"], done["opt_outs"], done["complaints"]) == (4, 2, 1)
    tokens = [keys.token(phone) for phone in phones(4)]
    assert stopped(any_ledger, keys, phones(4)) == set(tokens[:3])
    assert stopped(any_ledger, keys, phones(4), "notification") == {tokens[2]}
    assert not pull(any_ledger, keys, clock, words, replies=replies)


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
    done = pull(ledger, keys, clock, words, receipts=receipts)
    assert (done["receipts"], done["unknown_messages"]) == (3, 1)
    with ledger.read() as connection:
        assert state_counts(connection, "p1") == {"delivered": 1, "unconfirmed": 9}


@pytest.mark.parametrize(
    "number", ["+8613800000000", "8613800000000", "0086 138-0000-0000", "１３８０００００００0", "+86 138 0000 0000"]
)
def test_an_opt_out_counts_however_the_number_is_written(ledger, keys, clock, words, number):
    assert pull(ledger, keys, clock, words, replies=[ReplyEvent(number, "退订", clock.now())])["opt_outs"] == 1
    assert stopped(ledger, keys, ["13800000000"])


def test_an_unreadable_number_is_kept_for_a_person_and_masked(ledger, keys, clock, words):
    replies = [ReplyEvent("1065912345678", "退订 13800000001", clock.now()), ReplyEvent("", "td", clock.now())]
    done = pull(ledger, keys, clock, words, replies=replies)
    assert done["replies"] == 0
    with ledger.read() as connection:
        kept = [reject for _, reject in open_rejects(connection)]
    assert [reject.reason for reject in kept] == ["number_unreadable"] * 2
    assert kept[0].shown == "106****5678 退订 138****0001"


def test_a_receipt_whose_number_cannot_be_read_still_finds_its_message(ledger, keys, clock, words):
    put_release(ledger, keys, clock.now(), people=phones(3))
    pull(ledger, keys, clock, words, receipts=[ReceiptEvent("p1-1-0.1", "?", "delivered", "DELIVRD", 1, clock.now())])
    with ledger.read() as connection:
        assert connection.exec_driver_sql("SELECT token, position FROM receipt").one() == (
            keys.token(phones(3)[1]), 1,
        )  # fmt: skip


def test_a_receipt_that_names_only_the_request_finds_its_member_and_one_with_nothing_the_last_message(
    ledger, keys, clock, words
):
    put_release(ledger, keys, clock.now(), people=phones(3))
    now_us = to_us(clock.now())
    with ledger.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO attempt (batch_id, number, release_id, owner, epoch, size, parts, intent_us, outcome) "
            f"VALUES ('p1-1-0', 1, 'p1-1', 'me', 1, 3, 3, {now_us}, 'accepted')"
        )
    receipts = [
        ReceiptEvent("", phones(3)[2], "delivered", "DELIVRD", 1, clock.now(), batch_id="p1-1-0"),
        ReceiptEvent("", phones(3)[1], "delivered", "DELIVRD", 1, clock.now()),
        ReceiptEvent("", phones(9)[8], "delivered", "DELIVRD", 1, clock.now()),
        ReceiptEvent("p1-1-0.0", phones(9)[8], "delivered", "DELIVRD", 1, clock.now()),
    ]
    assert pull(ledger, keys, clock, words, receipts=receipts)["unknown_messages"] == 2
    with ledger.read() as connection:
        found = connection.exec_driver_sql("SELECT position FROM receipt WHERE batch_id = 'p1-1-0' ORDER BY 1").all()
    assert [row[0] for row in found] == [1, 2], "a number that is another member's belongs to nobody's message"


def test_a_receipt_with_nothing_but_a_number_is_never_of_a_message_that_was_provably_not_sent(
    any_ledger, keys, clock, words
):
    put_release(any_ledger, keys, clock.now(), people=phones(4), batch_size=1)
    now_us = to_us(clock.now())
    tries = [  # newest last, each to its own person; the last person's first message may have arrived, the next did not
        ("p1-1-0", 1, "'not_sent'", "'ConnectError'"), ("p1-1-1", 1, "'not_sent'", "'absent'"),
        ("p1-1-2", 1, "NULL", "NULL"), ("p1-1-3", 1, "'unknown'", "NULL"), ("p1-1-3", 2, "'not_sent'", "'429'"),
    ]  # fmt: skip
    with any_ledger.write() as connection:
        for place, (batch_id, number, outcome, code) in enumerate(tries):
            connection.exec_driver_sql(
                "INSERT INTO attempt (release_id, owner, epoch, size, parts, batch_id, number, intent_us, outcome, "
                f"code) VALUES ('p1-1', 'me', 1, 1, 1, '{batch_id}', {number}, {now_us + place - 9}, {outcome}, {code})"
            )
    receipts = [ReceiptEvent("", phone, "delivered", "DELIVRD", 1, clock.now()) for phone in phones(4)]
    assert pull(any_ledger, keys, clock, words, receipts=receipts)["unknown_messages"] == 1
    with any_ledger.read() as connection:
        found = connection.exec_driver_sql("SELECT batch_id FROM receipt WHERE position >= 0 ORDER BY 1").all()
    assert [row[0] for row in found] == ["p1-1-1", "p1-1-2", "p1-1-3"]


def test_a_receipt_for_a_notice_is_kept_under_its_id_once_and_is_no_unknown_message(any_ledger, keys, clock, words):
    notice_id = f"n{7:020x}"
    told = ReceiptEvent(f"{notice_id}.0", phones(1)[0], "delivered", "DELIVRD", 1, clock.now())
    odd = [ReceiptEvent(f"{name}.0", phones(1)[0], "delivered", "", 1, clock.now()) for name in ("n1", "n" + "0" * 21)]
    counts = pull(any_ledger, keys, clock, words, receipts=[told, told, *odd])
    assert (counts["receipts"], counts["duplicates"], counts["unknown_messages"]) == (3, 1, 2)
    with any_ledger.read() as connection:
        found = reported_notices(connection, [notice_id, f"n{8:020x}"])
    assert found == {(notice_id, keys.token(phones(1)[0]))}


GOOD_REPLY = {"phone": "13800000000", "text": "R", "received_at": "2026-11-20T10:00:00+08:00"}
BAD_REPLIES = [
    None, 7, "x", [], {}, {**GOOD_REPLY, "phone": None}, {**GOOD_REPLY, "text": None}, {**GOOD_REPLY, "phone": {}},
    {**GOOD_REPLY, "phone": "13800000000/13900000000"},
]  # fmt: skip
ODD_REPLIES = [
    {**GOOD_REPLY, "received_at": value}
    for value in (None, "yesterday", "2026-11-20 10:00:00", "0001-01-01T00:00:00+14:00", 1763600000)
] + [{**GOOD_REPLY, "text": text} for text in ("R\0", "退订\ud83d", "R" + " " * 5000)]


@pytest.mark.parametrize("bad", BAD_REPLIES, ids=repr)
def test_a_bad_item_costs_itself_only_and_says_why(ledger, keys, clock, words, bad):
    done = pull(ledger, keys, clock, words, answering(replies=[bad, GOOD_REPLY]))
    assert done["opt_outs"] == 1
    with ledger.read() as connection:
        [(_, reject)] = open_rejects(connection)
    assert reject.reason
    assert "13800000000" not in reject.shown
    assert "13900000000" not in reject.shown


@pytest.mark.parametrize("odd", ODD_REPLIES, ids=lambda item: repr(item)[:60])
def test_what_is_odd_about_an_opt_out_never_costs_the_opt_out(any_ledger, keys, clock, words, odd):
    assert pull(any_ledger, keys, clock, words, answering(replies=[odd]))["opt_outs"] == 1
    assert stopped(any_ledger, keys, ["13800000000"])


@pytest.mark.parametrize(
    "message_id", ["p1-1-0.²", "p1-1-0." + "9" * 30, "p1-1-0.-1", ".1", "\0.\ud83d1", "p1-1-0.3.7"]
)
def test_a_message_id_that_is_not_ours_is_nobodys_message(ledger, keys, clock, words, message_id):
    item = {"message_id": message_id, "phone": "13800000000", "status": "delivered", "parts": "9" * 40}
    good = {"message_id": "p1-1-0.0", "phone": "13800000000", "status": "delivered", "code": "DELIVRD", "parts": 1}
    put_release(ledger, keys, clock.now(), people=phones(1))
    done = pull(ledger, keys, clock, words, answering(receipts=[item, good]))
    assert (done["receipts"], done["unknown_messages"]) == (2, 1)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_FIELDS = st.sampled_from(
    ["phone", "text", "received_at", "message_id", "status", "code", "parts", "link", "clicked_at"]
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(junk=st.lists(_JSON | st.dictionaries(_FIELDS, _JSON, max_size=6), max_size=5), feed=st.sampled_from(
    ["receipts", "replies", "clicks"]))  # fmt: skip
def test_whatever_a_provider_says_the_cursor_moves_and_later_opt_outs_count(tmp_path, keys, clock, words, junk, feed):
    fresh = open_ledger(tmp_path / f"{abs(hash((str(junk), feed)))}.sqlite", keys)
    feeds = {feed: junk, "replies": [*(junk if feed == "replies" else []), GOOD_REPLY]}
    pull(fresh, keys, clock, words, answering(**feeds))
    assert stopped(fresh, keys, ["13800000000"])
    with fresh.read() as connection:
        assert not waiting_pages(connection)
        assert connection.exec_driver_sql("SELECT DISTINCT value FROM feed_cursor").scalar() == "1"
    fresh.close()


def test_two_pullers_at_once_keep_a_page_once(any_ledger, keys, clock, words):
    class Slow(Feeds):
        async def replies(self, cursor):
            page = await super().replies(cursor)
            if not cursor:
                await asyncio.sleep(0)  # the other one asks the same meanwhile
            return page

    provider = Slow(replies=[ReplyEvent(phone, "hello", clock.now()) for phone in phones(2)])
    first, second = (Puller(any_ledger, keys, clock, provider, "demo") for _ in range(2))

    async def both():
        await asyncio.gather(first.pull(False), second.pull(False))

    asyncio.run(both())
    with any_ledger.read() as connection:
        assert connection.exec_driver_sql("SELECT sum(size) FROM feed_page").scalar() == 2
    assert Processor(any_ledger, clock, words).process()["duplicates"] == 0


def test_a_queue_that_forgets_is_on_disk_before_it_is_asked_again(ledger, keys, clock, words):
    kept = []

    class Watched(Forgetful):
        async def replies(self, cursor):
            with ledger.read() as connection:
                kept.append(connection.exec_driver_sql("SELECT coalesce(sum(size), 0) FROM feed_page").scalar())
            return await super().replies(cursor)

    provider = Watched(replies=[ReplyEvent(phone, "td", clock.now()) for phone in phones(5)])
    assert pull(ledger, keys, clock, words, provider)["opt_outs"] == 5
    assert kept == [0, 2, 4]


def test_an_event_told_twice_is_kept_once(any_ledger, keys, clock, words):
    put_release(any_ledger, keys, clock.now(), people=phones(2))
    receipt = ReceiptEvent("p1-1-0.0", phones(1)[0], "delivered", "DELIVRD", 1, clock.now())
    reply = ReplyEvent(phones(1)[0], "投诉", clock.now())
    click = ClickEvent("p1-1-0.0", phones(1)[0], "https://s.example/a", clock.now())
    provider = Feeds(receipts=[receipt] * 3, replies=[reply] * 3, clicks=[click] * 3)
    done = pull(any_ledger, keys, clock, words, provider)
    assert [done[name] for name in ("receipts", "replies", "clicks", "complaints", "duplicates")] == [1, 1, 1, 1, 6]


def test_programs_that_look_at_links_are_no_clicks_and_numbers_in_links_are_masked(ledger, keys, clock, words):
    link = "https://s.example/a?m=13800000000"
    clicks = [
        ClickEvent("p1-1-0.0", phones(1)[0], link, clock.now(), "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1)"),
        ClickEvent("p1-1-0.0", phones(1)[0], link, clock.now(), "Mozilla/5.0 (compatible; LinkScanner/2.0)"),
    ]
    done = pull(ledger, keys, clock, words, clicks=clicks)
    assert (done["clicks"], done["scanners"]) == (1, 1)
    with ledger.read() as connection:
        assert connection.exec_driver_sql("SELECT link FROM click").scalar() == "https://s.example/a?m=138****0000"


def test_an_opt_out_on_one_number_covers_the_person(any_ledger, keys, clock, words):
    main, other, third, stranger = (keys.token(phone) for phone in phones(4))
    with any_ledger.write() as connection:
        remember_alternates(connection, [(main, other), (main, third)])
    pull(any_ledger, keys, clock, words, replies=[ReplyEvent(phones(4)[1], "退订", clock.now())])
    assert stopped(any_ledger, keys, phones(4)) == {main, other, third}
    assert stranger


def test_a_complaint_from_a_reply_starts_its_clock(ledger, keys, clock, words):
    pull(ledger, keys, clock, words, replies=[ReplyEvent(phones(1)[0], "我要投诉 13900000000", clock.now())])
    with ledger.read() as connection:
        [case] = list_complaints(connection)
    assert (case.shown, case.text, case.channel) == ("138****0000", "我要投诉 139****0000", "demo")
    assert case.deadline_us - case.complained_us == 24 * 3600 * 1_000_000
    assert case.done_us is not None
    assert not case.is_overdue(case.deadline_us + 1)


def test_nothing_that_is_kept_shows_a_number(ledger, keys, clock, words, tmp_path):
    replies = [ReplyEvent("+86 13800000000", "call 139 0000 0000", clock.now()), ReplyEvent("x13700000000", "y", None)]
    asyncio.run(Puller(ledger, keys, clock, Feeds(replies=replies), "demo").pull(False))
    with ledger.read() as connection:
        stored = str(connection.exec_driver_sql("SELECT items FROM feed_page").all())
        stored += str(connection.exec_driver_sql("SELECT shown FROM feed_reject").all())
    Processor(ledger, clock, words).process()
    with ledger.read() as connection:
        stored += str(connection.exec_driver_sql("SELECT * FROM reply").all())
    for number in ("13800000000", "139 0000 0000", "13700000000"):
        assert number not in stored
    assert isinstance(clock.now(), datetime)
