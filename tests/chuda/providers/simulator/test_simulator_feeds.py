"""Paging: whatever the pages, the pauses and the order of arrival, nothing is shown twice and nothing is missed."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from chuda.clock import BUSINESS_ZONE, FixedClock, from_us
from chuda.providers.simulator.app import open_provider
from chuda.providers.simulator.feeds import START
from chuda.providers.simulator.profile import Faults, Profile, WorldProfile
from chuda.providers.simulator.record import Event, Record
from chuda.providers.simulator.rules import IncomingMessage

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=BUSINESS_ZONE)
TEXT = "【触达科技】限时八折 chd.cn/a1B2 拒收请回复R"


def _drain(record: Record, kind: str, after, limit: int):
    shown = []
    while page := record.read_events(kind, after, limit):
        shown += page
        after = page[-1][0]
    return shown, after


@settings(max_examples=60, deadline=None)
@given(
    times=st.lists(st.integers(1, 5), max_size=30),
    limits=st.lists(st.integers(1, 4), min_size=5, max_size=5),
)
def test_events_of_equal_times_are_paged_once_each_as_time_goes_by(times, limits):
    with tempfile.TemporaryDirectory() as home:
        clock = FixedClock(from_us(0))
        record = Record.open(Path(home), clock)
        events = [Event("receipt", (time, number), 1, time, False, f"{number}") for number, time in enumerate(times)]
        record.add_events(events, [], 1)
        shown, after = [], START
        for now_us, limit in enumerate(limits, start=1):
            asyncio.run(clock.sleep_until(from_us(now_us)))
            page, after = _drain(record, "receipt", after, limit)
            assert all(position[0] <= now_us for position, _ in page)
            shown += page
        record.close()
    assert [position for position, _ in shown] == sorted(event.position for event in events)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.integers(1, 6)),
        st.tuples(st.just("wait"), st.sampled_from([0, 1, 3, 30, 3600, 40_000])),
        st.tuples(st.just("read"), st.integers(1, 5)),
    ),
    max_size=25,
)
TROUBLED = Profile(
    blacklisted_share=0.0,
    marketing_hours=(0, 24),
    world=WorldProfile(click_rate=0.6, order_rate=0.6, opt_out_rate=0.3),
    faults=Faults(receipt_duplicate=0.3, receipt_reorder=0.3, receipt_late=0.2, receipt_lost=0.1),
)
KINDS = ("receipt", "reply", "click", "order")


async def _live(home: Path, steps):
    """Send, wait and read as told; then wait long and read the rest. Returns what was shown and all there was."""
    clock = FixedClock(NOON)
    provider = open_provider(home, clock, 1, TROUBLED)
    shown = {kind: [] for kind in KINDS}
    cursors = dict.fromkeys(KINDS, START)

    async def read(limit):
        for kind in KINDS:
            page = await provider.feeds.read(kind, cursors[kind], limit)
            shown[kind] += page
            cursors[kind] = page[-1][0] if page else cursors[kind]
            if page and limit == 1000:
                await read(limit)

    for number, (step, amount) in enumerate((*steps, ("wait", 30 * 86400), ("read", 1000))):
        if step == "send":
            batch = [
                IncomingMessage(f"p1-{number}.{n}", f"1380000{number:02d}{n:02d}", TEXT, "marketing")
                for n in range(amount)
            ]
            await provider.accept(f"p1-{number}", batch)
        elif step == "wait":
            await clock.sleep_until(clock.now() + timedelta(seconds=amount))
        else:
            await read(amount)
    everything = {kind: await provider.feeds.read(kind, START, 10**6) for kind in KINDS}
    provider.record.close()
    return shown, everything


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_a_client_that_pages_while_others_send_sees_every_event_once(steps):
    with tempfile.TemporaryDirectory() as home:
        shown, everything = asyncio.run(_live(Path(home), steps))
    assert shown == everything


def test_items_carry_what_the_protocol_promises(kit):
    profile = Profile(blacklisted_share=0.0, world=WorldProfile(click_rate=0.9, order_rate=0.9, opt_out_rate=0.5))

    async def scenario():
        async with kit.opened(profile) as company:
            await company.send("p1-1", kit.phones(50))
            assert await company.read_all("/receipts") == []
            await company.advance(days=8)
            fields = {
                path: set((await company.read_all(path))[0]) for path in ("/receipts", "/replies", "/clicks", "/orders")
            }
            assert fields == {
                "/receipts": {"message_id", "provider_message_id", "phone", "status", "code", "reported_at", "parts"},
                "/replies": {"phone", "text", "received_at"},
                "/clicks": {"message_id", "phone", "link", "clicked_at", "user_agent"},
                "/orders": {"order_id", "phone", "paid_at", "amount", "discount", "product"},
            }
            click = (await company.read_all("/clicks"))[0]
            assert click["link"] == "chd.cn/a1B2"
            assert datetime.fromisoformat(click["clicked_at"]) > kit.noon

    asyncio.run(scenario())


def test_an_empty_page_hands_the_cursor_back(kit):
    async def scenario():
        async with kit.opened() as company:
            await company.send("p1-1", kit.phones(5))
            await company.advance(days=3)
            first = (await company.client.get("/receipts")).json()
            second = (await company.client.get("/receipts", params={"cursor": first["cursor"]})).json()
            assert second == {"cursor": first["cursor"], "items": []}

    asyncio.run(scenario())


class SwingingClock:
    """A machine whose time somebody sets, forwards and back."""

    kind = "real"

    def __init__(self, moment):
        self.moment = moment

    def now(self):
        return self.moment

    async def sleep_until(self, moment):
        self.moment = max(self.moment, moment)


def test_a_clock_set_back_lets_nothing_appear_before_what_was_already_shown(tmp_path):
    def batch(number):
        return [IncomingMessage(f"p1-{number}.{n}", f"1380000{number}{n:03d}", TEXT, "otp") for n in range(20)]

    async def scenario():
        clock = SwingingClock(NOON)
        provider = open_provider(tmp_path, clock, 1, Profile(blacklisted_share=0.0))
        await provider.accept("p1-1", batch(1))
        clock.moment += timedelta(days=3)
        first = await provider.feeds.read("receipt", START, 100)
        assert len(first) == 20
        clock.moment -= timedelta(days=3)
        await provider.accept("p1-2", batch(2))
        clock.moment += timedelta(days=9)
        rest = await provider.feeds.read("receipt", first[-1][0], 100)
        assert len(rest) == 20
        provider.record.close()

    asyncio.run(scenario())
