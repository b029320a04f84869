"""Following own links: on disk before the answer, to allowed pages only, programs apart, guessers stopped."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest
from fakes import phones, put_release

from chuda.clock import to_us
from chuda.errors import ProviderTrouble
from chuda.stores.ledger.short_links import PROOFS, KeptLink, keep_links
from tasks.feedback.durable import DurableWriter
from tasks.feedback.processing import Processor
from tasks.feedback.receiving import Receiver, make_app
from tasks.feedback.redirecting import MissLimit, Redirector, link_paths
from tasks.feedback.scanners import Look, why_scanner

SHOP = "https://shop.example/autumn"
PHONE = {
    "user-agent": "Mozilla/5.0 (Linux; Android 14; HarmonyOS) AppleWebKit/537.36 Mobile Safari/537.36",
    "accept-language": "zh-CN",
}
CODES = [f"Code{n:06d}" for n in range(4)]


@pytest.fixture
def serving(any_ledger, keys, clock, words):
    """A receiver that follows four links: sent a minute ago, not sent, of a proof, and to a page it may not."""
    put_release(any_ledger, keys, clock.now(), people=phones(3))
    with any_ledger.write() as connection:
        links = [KeptLink(CODES[0], "p1-1-0", 0), KeptLink(CODES[1], "p1-1-0", 1), KeptLink(CODES[2], PROOFS, 0)]
        keep_links(connection, "demo", f"{SHOP}/a?b=c", links)
        keep_links(connection, "demo", "https://other.example/", [KeptLink(CODES[3], "p1-1-0", 2)])
        connection.exec_driver_sql("UPDATE batch SET attempts = 1, state = 'accepted'")
        connection.exec_driver_sql(
            "INSERT INTO attempt (batch_id, number, release_id, owner, epoch, size, parts, intent_us, outcome) "
            f"VALUES ('p1-1-0', 1, 'p1-1', 'me', 1, 3, 3, {to_us(clock.now() - timedelta(minutes=1))}, 'accepted')"
        )
        connection.exec_driver_sql("INSERT INTO message_exception VALUES ('p1-1-0', 1, 'suppressed', 'opt_out', 0)")

    @asynccontextmanager
    async def serve(writer_class=DurableWriter, **changes):
        writer = writer_class(any_ledger, Processor(any_ledger, clock, words))
        redirector = Redirector(any_ledger, clock, writer, {"demo": (SHOP,)}, **changes)
        receiver = Receiver(keys, clock, writer, "s" * 24, {})
        app = make_app(receiver, redirector, link_paths(["https://cy.example/r/"]))
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://cy.example", headers=PHONE) as client:
                yield client

    return serve


def rows(ledger, statement):
    with ledger.read() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(statement)]


async def until(is_so):
    for _ in range(300):
        if is_so():
            return True
        await asyncio.sleep(0.01)
    return False


def test_a_tap_is_on_disk_when_the_visitor_is_sent_on_and_becomes_that_message_s_click(serving, any_ledger, keys):
    async def go():
        async with serving() as client:
            answer = await client.get(f"/r/{CODES[0]}")
            assert rows(any_ledger, "SELECT channel, feed, size FROM feed_page") == [("demo", "clicks", 1)]
            assert (answer.status_code, answer.headers["location"]) == (302, f"{SHOP}/a?b=c")
            assert answer.headers["cache-control"] == "no-store"
            assert await until(lambda: rows(any_ledger, "SELECT 1 FROM click"))

    asyncio.run(go())
    told = rows(any_ledger, "SELECT channel, batch_id, position, token, link FROM click")
    assert told == [("demo", "p1-1-0", 0, keys.token(phones(1)[0]), f"{SHOP}/a?b=c")]
    assert not rows(any_ledger, "SELECT 1 FROM link_look")


def test_programs_get_the_same_answer_and_are_kept_apart_with_the_reason(serving, any_ledger):
    async def go():
        async with serving() as client:
            answers = [
                await client.head(f"/r/{CODES[0]}"),
                await client.get(f"/r/{CODES[0]}", headers={"Sec-Purpose": "prefetch;prerender"}),
                await client.get(f"/r/{CODES[0]}", headers={"user-agent": "LinkScanner/2.0 13800138000"}),
                await client.get(f"/r/{CODES[0]}", headers={"user-agent": ""}),
                await client.get(f"/r/{CODES[1]}"),
            ]
            assert {answer.status_code for answer in answers} == {302}
            assert await until(lambda: len(rows(any_ledger, "SELECT 1 FROM link_look")) == 5)

    asyncio.run(go())
    assert [row[0] for row in rows(any_ledger, "SELECT reason FROM link_look ORDER BY id")] == [
        "head", "prefetch", "program", "no_browser", "not_sent",
    ]  # fmt: skip
    assert not rows(any_ledger, "SELECT 1 FROM click")
    assert "13800138000" not in str(rows(any_ledger, "SELECT agent FROM link_look"))


def test_taps_that_come_at_the_same_time_are_all_kept(serving, any_ledger):
    async def go():
        async with serving() as client:
            answers = await asyncio.gather(*(client.head(f"/r/{CODES[number % 2]}") for number in range(40)))
            assert {answer.status_code for answer in answers} == {302}
            assert rows(any_ledger, "SELECT sum(size) FROM feed_page") == [(40,)]
            assert await until(lambda: len(rows(any_ledger, "SELECT 1 FROM link_look")) == 40)

    asyncio.run(go())
    assert rows(any_ledger, "SELECT position, count(*) FROM link_look GROUP BY 1 ORDER BY 1") == [(0, 20), (1, 20)]


@pytest.mark.parametrize(
    "path",
    ["/r/Code999999", f"/r/{CODES[3]}", "/r/short", "/r/Code00000é", f"/r/{CODES[0]}/", f"/r/{CODES[0]}x", "/r/",
     f"/{CODES[0]}", "/r/https://evil.example", "/"],
)  # fmt: skip
def test_what_leads_nowhere_or_not_where_it_may_is_not_found_all_alike(serving, any_ledger, path):
    async def go():
        async with serving() as client:
            answer = await client.get(path)
            assert answer.status_code == 404
            assert answer.headers.get("content-length") in ("0", "9")
            assert (await client.post(f"/r/{CODES[0]}")).status_code == 405

    asyncio.run(go())
    assert not rows(any_ledger, "SELECT 1 FROM feed_page")


def test_a_proof_s_link_is_followed_and_never_counted(serving, any_ledger):
    async def go():
        async with serving() as client:
            answer = await client.get(f"/r/{CODES[2]}")
            assert (answer.status_code, answer.headers["location"]) == (302, f"{SHOP}/a?b=c")

    asyncio.run(go())
    assert not rows(any_ledger, "SELECT 1 FROM feed_page")


def test_who_guesses_has_to_wait_and_nobody_else_not_even_behind_the_same_address(serving, clock):
    def behind(client, address):
        transport = httpx.ASGITransport(client._transport.app, client=(address, 40000))
        return httpx.AsyncClient(transport=transport, base_url="http://cy.example", headers=PHONE)

    async def status(client, code):
        return (await client.get(f"/r/{code}")).status_code

    async def go():
        async with serving(misses=MissLimit(per_minute=3)) as client:
            guesser, other, neighbour = (behind(client, host) for host in ("2001:db8::1", "10.0.0.2", "2001:db8::2"))
            assert [await status(guesser, f"Guess{n:05d}") for n in range(5)] == [404, 404, 404, 429, 429]
            assert await status(neighbour, "Guess00006") == 429, "one visitor has a whole /64"
            assert [await status(each, CODES[0]) for each in (guesser, neighbour, other)] == [302, 302, 302]
            assert await status(guesser, CODES[3]) == 404
            assert await status(other, "Guess00001") == 404
            await clock.sleep_until(clock.now() + timedelta(seconds=25))
            assert await status(guesser, "Guess00007") == 404

    asyncio.run(go())


def test_a_link_that_may_lead_nowhere_any_more_is_no_guess(serving):
    async def go():
        async with serving(misses=MissLimit(per_minute=2)) as client:
            assert [(await client.get(f"/r/{CODES[3]}")).status_code for _ in range(4)] == [404] * 4
            assert [(await client.get(f"/r/Guess{n:05d}")).status_code for n in range(3)] == [404, 404, 429]

    asyncio.run(go())


def test_a_tap_that_cannot_be_kept_is_not_answered_as_if_it_were(serving):
    class Broken(DurableWriter):
        def _write(self, batch):
            raise ProviderTrouble("the disk is full")

    async def go():
        async with serving(Broken) as client:
            assert (await client.get(f"/r/{CODES[0]}")).status_code == 503

    asyncio.run(go())


DESKTOP = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/131 Safari/537.36"


@pytest.mark.parametrize(
    ("agent", "language", "seconds", "reason"),
    [(PHONE["user-agent"], "zh-CN", 1.5, "too_fast"), (PHONE["user-agent"], "zh-CN", 5, ""),
     (PHONE["user-agent"], "", 5, "too_soon"), (DESKTOP, "zh-CN", 20, "too_soon"), (DESKTOP, "zh-CN", 40, ""),
     (PHONE["user-agent"], "", 40, ""), (PHONE["user-agent"], "zh-CN", -1, "not_sent"),
     ("WhatsApp/2.0 preview", "zh-CN", 40, "program"), ("MyApp/1.0", "zh-CN", 40, "no_browser")],
)  # fmt: skip
def test_who_comes_sooner_than_a_person_could_is_a_program(agent, language, seconds, reason):
    assert why_scanner(Look(agent, "GET", "", language, int(seconds * 1e6))) == reason


def test_what_is_remembered_of_addresses_is_bounded():
    limit = MissLimit(per_minute=1)
    for number in range(10_050):
        limit.note(f"10.0.{number // 256}.{number % 256}", 0)
    assert len(limit._left) == 10_000
    assert not limit.is_spent("10.0.0.1", 0)
    assert limit.is_spent("10.0.39.1", 0)
