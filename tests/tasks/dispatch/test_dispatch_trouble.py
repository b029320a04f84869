"""What goes wrong around the sender: each time a clear message, a consistent state, and a repetition that is safe."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from approving_world import RealFixedClock
from fakes import ACCEPTED, FakeProvider, phones, put_release
from postgres import start_postgres_again, stop_postgres
from sqlalchemy import event

from chuda.clock import FixedClock
from chuda.errors import ChannelStopped, Refused, StoreTrouble, UsageError
from chuda.keys import Keys
from chuda.records import load_channel
from chuda.stores.ledger import Ledger, open_ledger
from chuda.stores.ledger.releases import Release, state_counts
from tasks.dispatch.sender import ChannelLimits, Sender, SendReport
from tasks.dispatch.worker import send_release

LIMITS = ChannelLimits(parts_per_second=1000, max_in_flight=2, is_query_definitive=True, query_grace_s=5)
DEMO = Path(__file__).parents[3] / "data/campaigns/channels/demo.yaml"
PEOPLE = 100


def run(ledger: Ledger, keys: Keys, clock: FixedClock, provider: FakeProvider, release: Release) -> SendReport:
    return asyncio.run(Sender(ledger, keys, clock, provider, LIMITS, "me").send(release))


def work(ledger: Ledger, keys: Keys, clock, release: Release) -> SendReport:
    return asyncio.run(send_release(ledger, keys, clock, release, {"CHUDA_DEMO_TOKEN": "simulator"}))


def counts(ledger: Ledger) -> dict[str, int]:
    with ledger.read() as connection:
        return state_counts(connection, "p1")


def owner_died(ledger: Ledger) -> None:
    with ledger.write() as connection:
        connection.exec_driver_sql("UPDATE lease SET expires_us = 0")


def everybody_got_one(ledger, keys, clock, provider, release) -> None:
    """Repeat it: what was left goes on, and nobody gets a second one."""
    provider.answer = lambda *_: ACCEPTED
    assert run(ledger, keys, clock, provider, release).stop == "done"
    assert counts(ledger) == {"accepted": PEOPLE}
    assert provider.taken == dict.fromkeys(phones(PEOPLE), 1)


def at_request(number, do):
    """An answer of a provider that lets something happen when its n-th request is under way."""

    def answer(calls, _batch, _messages):
        if calls == number:
            do()
        return ACCEPTED

    return answer


def on_channel(ledger, keys, clock, **changes) -> Release:
    record = load_channel(DEMO).value.model_copy(update=changes).model_dump_json()
    return put_release(ledger, keys, clock.now(), people=phones(PEOPLE), channel_record=record)


def test_other_keys_open_nothing_and_say_whose_the_ledger_is(ledger, tmp_path, keys, clock):
    put_release(ledger, keys, clock.now(), people=phones(PEOPLE))
    target = ledger._engine.url.render_as_string(hide_password=False) if not ledger.is_sqlite else None
    for _ in range(2):
        with pytest.raises(UsageError, match=r"belongs to other keys.*Restore the workspace's keys"):
            open_ledger((target or str(tmp_path / "ledger.sqlite")).replace("+psycopg", ""), Keys(b"a" * 32, b"b" * 32))
    assert counts(ledger) == {"planned": PEOPLE}


def test_a_host_that_is_not_there_stops_the_channel_by_name_and_loses_nothing(ledger, keys, clock):
    release = on_channel(ledger, keys, clock, endpoint="http://127.0.0.1:9")
    for _ in range(2):
        with pytest.raises(ChannelStopped, match=r"channel demo failed 8 requests in a row \(the last: ConnectError\)"):
            work(ledger, keys, clock, release)
        assert sum(counts(ledger).values()) == PEOPLE
        assert set(counts(ledger)) <= {"planned", "not_sent"}
    everybody_got_one(ledger, keys, clock, FakeProvider(), release)


def test_an_expired_licence_refuses_by_name_and_starts_nothing(ledger, keys, clock):
    demo = load_channel(DEMO).value
    licence = demo.licence.model_copy(update={"expires_on": clock.now().date() - timedelta(days=1)})
    release = on_channel(ledger, keys, clock, licence=licence, simulator=False)
    real = RealFixedClock(clock.now())
    for _ in range(2):
        with pytest.raises(Refused, match="licence of 'demo' expired on 2026-11-19"):
            work(ledger, keys, real, release)
        assert counts(ledger) == {"planned": PEOPLE}


def test_a_clock_that_was_set_back_sends_nothing_through_a_real_channel(ledger, keys, clock):
    release = on_channel(ledger, keys, clock, simulator=False)
    run(ledger, keys, clock, FakeProvider(), release)
    late = put_release(ledger, keys, clock.now(), people=phones(PEOPLE), plan_id="p2", occurrence="2",
                       channel_record=release.channel_record, message_type="notification")  # fmt: skip
    back = RealFixedClock(clock.now() - timedelta(minutes=40))
    for _ in range(2):
        with pytest.raises(Refused, match=r"clock says 2026-11-20 09:20.*left at 2026-11-20 10:00.*Set it right"):
            work(ledger, keys, back, late)
    with ledger.read() as connection:
        assert state_counts(connection, "p2") == {"planned": PEOPLE}


def test_a_full_disk_in_the_middle_is_named_and_room_is_all_it_takes(tmp_path, keys, clock):
    """SQLite's own limit of pages: it answers as it does when the disk is full."""
    ledger = open_ledger(tmp_path / "ledger.sqlite", keys)
    release = put_release(ledger, keys, clock.now(), people=phones(PEOPLE), batch_size=1)
    is_full = []

    @event.listens_for(ledger._engine, "begin")
    def limit_pages(connection):
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar() if is_full else 2**30
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    provider = FakeProvider(answer=at_request(4, lambda: is_full.append(True)))
    with pytest.raises(StoreTrouble, match=r"database or disk is full.*make room on the disk, repeat the command"):
        run(ledger, keys, clock, provider, release)
    assert sum(counts(ledger).values()) == PEOPLE
    is_full.clear()
    owner_died(ledger)
    everybody_got_one(ledger, keys, clock, provider, release)
    ledger.close()


HOLDER = """
import sqlite3, sys, time
c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute('BEGIN IMMEDIATE'); print('held', flush=True)
time.sleep(60)
"""


def test_a_ledger_that_another_process_keeps_locked_is_given_up_after_a_while(tmp_path, keys, clock):
    path = tmp_path / "ledger.sqlite"
    ledger = open_ledger(path, keys, busy_s=0.2)
    release = put_release(ledger, keys, clock.now(), people=phones(PEOPLE))
    holders = []

    def hold():
        holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True)
        assert holder.stdout.readline() == "held\n"
        holders.append(holder)

    provider = FakeProvider(answer=at_request(3, hold))
    with pytest.raises(StoreTrouble, match=r"database is locked.*another process has kept it locked"):
        run(ledger, keys, clock, provider, release)
    holders[0].kill()
    holders[0].communicate()
    assert sum(counts(ledger).values()) == PEOPLE
    owner_died(ledger)
    everybody_got_one(ledger, keys, clock, provider, release)
    ledger.close()


def test_a_writer_that_hangs_on_postgresql_does_not_hold_up_the_others_for_ever(keys, clock, postgres):
    url = postgres()
    hanging, waiting = open_ledger(url, keys), open_ledger(url, keys, busy_s=0.2)
    with hanging.write(), pytest.raises(StoreTrouble, match=r"lock timeout.*kept it locked"), waiting.write():
        pass
    with waiting.write() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    hanging.close()
    waiting.close()


def test_postgresql_restarted_in_the_middle_costs_nobody_anything(keys, clock, postgres):
    ledger = open_ledger(postgres(), keys)
    release = put_release(ledger, keys, clock.now(), people=phones(PEOPLE))

    provider = FakeProvider(answer=at_request(3, stop_postgres))
    with pytest.raises(StoreTrouble, match="PostgreSQL is not there or was restarted; when it is back, repeat"):
        run(ledger, keys, clock, provider, release)
    start_postgres_again()
    assert sum(counts(ledger).values()) == PEOPLE
    assert 0 < sum(provider.taken.values()) < PEOPLE
    owner_died(ledger)
    everybody_got_one(ledger, keys, clock, provider, release)
    ledger.close()
