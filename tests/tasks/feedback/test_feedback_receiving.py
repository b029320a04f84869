"""A push is answered once it is on disk, counts once, and tells strangers nothing."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import asynccontextmanager
from functools import partial

import httpx
import pytest
from fakes import phones, put_release

from chuda.errors import ChudaError, ProviderTrouble, StoreTrouble, UsageError
from chuda.providers.simulator.aliyun import receipt_push as aliyun_receipt
from chuda.providers.simulator.aliyun import reply_push as aliyun_reply
from chuda.providers.simulator.tencent import receipt_push as tencent_receipt
from chuda.providers.simulator.tencent import reply_push as tencent_reply
from chuda.stores.ledger.queue import open_rejects
from chuda.stores.ledger.releases import state_counts
from chuda.stores.ledger.suppression import suppressed_among
from tasks.feedback.durable import DurableWriter
from tasks.feedback.processing import Processor
from tasks.feedback.receiving import LARGEST_BODY, Receiver, check_secret, make_app

SECRET = "s3cret-" * 4
ADAPTERS = {"own": "generic", "ali": "aliyun", "ten": "tencent"}
AT = "2026-11-20T10:00:00.000000+08:00"
OPT_OUT = {"phone": "13800000000", "text": "退订", "received_at": AT}


class Room:
    """The receiver and a client that posts to it."""

    def __init__(self, ledger, client, processor):
        self.ledger, self.client, self.processor = ledger, client, processor

    async def post(self, body, channel="own", feed="replies", secret=SECRET):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.client.post(f"/push/{secret}/{channel}/{feed}", content=content)

    def kept(self):
        with self.ledger.read() as connection:
            return connection.exec_driver_sql("SELECT coalesce(sum(size), 0) FROM feed_page").scalar()


@pytest.fixture
def serving(any_ledger, keys, clock, words):
    @asynccontextmanager
    async def serve(writer_class=DurableWriter, processor_class=Processor):
        processor = processor_class(any_ledger, clock, words)
        app = make_app(Receiver(keys, clock, writer_class(any_ledger, processor), SECRET, ADAPTERS))
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://push.test") as client:
                yield Room(any_ledger, client, processor)

    return serve


async def until(is_so):
    for _ in range(200):
        if is_so():
            return True
        await asyncio.sleep(0.01)
    return False


def test_an_answered_push_is_on_disk_and_the_opt_out_soon_in_force(serving, any_ledger, keys):
    def is_stopped():
        with any_ledger.read() as connection:
            return suppressed_among(connection, [keys.token("13800000000")], "marketing")

    async def go():
        async with serving() as room:
            answer = await room.post([OPT_OUT])
            assert (answer.status_code, answer.json(), room.kept()) == (200, {"code": 0}, 1)
            assert await until(is_stopped)

    asyncio.run(go())


def test_a_push_told_twice_counts_once_and_many_at_once_all_count(serving, any_ledger):
    def replies():
        with any_ledger.read() as connection:
            return connection.exec_driver_sql("SELECT count(*) FROM reply").scalar()

    async def go():
        async with serving() as room:
            bodies = [[{**OPT_OUT, "phone": phone}] for phone in phones(30)] * 2
            answers = await asyncio.gather(*(room.post(body) for body in bodies))
            assert {answer.status_code for answer in answers} == {200}
            assert room.kept() == 30
            assert await until(lambda: replies() == 30)

    asyncio.run(go())


@pytest.mark.parametrize(
    ("channel", "receipt", "reply", "answer"),
    [("ali", aliyun_receipt, aliyun_reply, "code"), ("ten", tencent_receipt, tencent_reply, "result")],
)
def test_each_cloud_is_understood_and_hears_its_own_words(serving, any_ledger, keys, clock, channel, receipt, reply,
                                                          answer):  # fmt: skip
    put_release(any_ledger, keys, clock.now(), people=phones(2))
    item = {"message_id": "p1-1-0.1", "provider_message_id": "x", "phone": phones(2)[1], "status": "delivered",
            "code": "DELIVRD", "reported_at": AT, "parts": 1, "batch_id": "p1-1-0"}  # fmt: skip
    said = {"phone": phones(2)[0], "text": "td", "received_at": AT}

    def is_done():
        with any_ledger.read() as connection:
            stopped = suppressed_among(connection, [keys.token(phones(2)[0])], "marketing")
            return stopped and state_counts(connection, "p1") == {"delivered": 1, "planned": 1}

    async def go():
        async with serving() as room:
            heard = await room.post([receipt(item)], channel, "receipts")
            assert (heard.status_code, heard.json()[answer]) == (200, 0)
            pushed = reply(said) if channel == "ten" else [reply(said)]
            assert (await room.post(pushed, channel, "replies")).json()[answer] == 0
            assert await until(is_done)

    asyncio.run(go())


@pytest.mark.parametrize(
    ("change", "status"),
    [({"secret": "wrong"}, 404), ({"channel": "nobody"}, 404), ({"feed": "orders"}, 404), ({"secret": "s3cret é"}, 404),
     ({"body": b"x" * (LARGEST_BODY + 1)}, 413), ({"body": b"{"}, 400), ({"body": b"\xff\xfe"}, 400),
     ({"body": [OPT_OUT] * 1001}, 400), ({"body": b"[" * 100_000}, 400)],
)  # fmt: skip
def test_what_is_wrong_is_refused_and_nothing_is_kept_of_it(serving, change, status):
    async def go():
        async with serving() as room:
            answer = await room.post(**{"body": [OPT_OUT], **change})
            assert (answer.status_code, answer.content) == (status, b"")
            assert room.kept() == 0
            assert (await room.client.get(f"/push/{SECRET}/own/replies")).status_code == 405

    asyncio.run(go())


def test_a_bad_item_and_a_bad_body_are_kept_for_a_person_without_their_numbers(serving, any_ledger):
    async def go():
        async with serving() as room:
            assert (await room.post([{"text": "退订 13800000001"}, OPT_OUT])).status_code == 200
            assert (await room.post(b"phone=13800000002")).status_code == 400
            assert room.kept() == 1

    asyncio.run(go())
    with any_ledger.read() as connection:
        rejects = [reject for _, reject in open_rejects(connection)]
    assert [reject.reason for reject in rejects] == ["phone_missing", "body_not_as_documented"]
    assert not any("1380000000" in reject.shown for reject in rejects)


def test_what_could_not_be_kept_is_not_answered_as_if_it_were(serving):
    class Broken(DurableWriter):
        def _write(self, batch):
            raise ProviderTrouble("the disk is full")

    async def go():
        async with serving(Broken) as room:
            answer = await room.post([OPT_OUT])
            assert (answer.status_code, room.kept()) == (503, 0)

    asyncio.run(go())


class AwayAtFirst(Processor):
    """A processor whose first looks at the ledger fail, each in its own way."""

    troubles = (StoreTrouble("the ledger is away"), RuntimeError("unforeseen"))

    def __init__(self, *given):
        super().__init__(*given)
        self.looks = 0

    def waiting(self, replies_only=False):
        self.looks += 1
        if self.looks <= len(self.troubles):
            raise self.troubles[self.looks - 1]
        return super().waiting(replies_only)


def test_a_ledger_that_is_away_at_the_start_does_not_end_the_writer(serving, any_ledger):
    def replies():
        with any_ledger.read() as connection:
            return connection.exec_driver_sql("SELECT count(*) FROM reply").scalar()

    async def go():
        async with serving(partial(DurableWriter, pause_s=0.01), AwayAtFirst) as room:
            assert await until(lambda: room.processor.looks >= 2)
            answer = await asyncio.wait_for(room.post([OPT_OUT]), 5)
            assert (answer.status_code, room.kept()) == (200, 1)
            assert await until(lambda: replies() == 1)

    asyncio.run(go())


def test_whoever_waits_when_the_writer_ends_is_refused_and_so_is_who_comes_later(ledger, keys, clock, words):
    class Slow(DurableWriter):
        def _write(self, batch):
            assert is_released.wait(5)

    is_released = threading.Event()

    async def go():
        writer = Slow(ledger, Processor(ledger, clock, words))
        running = asyncio.create_task(writer.run())
        waiting = [asyncio.create_task(writer.keep(None, []))]
        await asyncio.sleep(0.01)  # the first is being written, the others are in the queue
        waiting += [asyncio.create_task(writer.keep(None, [])) for _ in range(3)]
        await asyncio.sleep(0)
        running.cancel()
        heard = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 5)
        assert [type(each) for each in heard] == [ChudaError] * 4
        with pytest.raises(ChudaError, match="again"):
            await writer.keep(None, [])
        is_released.set()

    asyncio.run(go())


@pytest.mark.parametrize("secret", ["", "short", "a" * 23, "ä" * 30, "a/" * 20, "a b" * 10])
def test_a_weak_secret_is_refused(secret):
    with pytest.raises(UsageError, match="CHUDA_PUSH_SECRET"):
        check_secret(secret)
