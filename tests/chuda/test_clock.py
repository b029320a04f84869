"""The three clocks: shared where processes must agree, and never going back."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from chuda.clock import BUSINESS_ZONE, RealClock, from_us, to_us
from chuda.errors import UsageError
from chuda.stores.ledger import open_clock, open_ledger, start_simulated_clock


def test_microseconds_go_both_ways():
    moment = datetime(2026, 11, 20, 21, 0, 0, 1, tzinfo=BUSINESS_ZONE)
    assert from_us(to_us(moment)) == moment


def test_without_anything_the_clock_is_the_real_one(ledger):
    assert open_clock(ledger).kind == "real"


def test_the_simulated_clock_stands_still_jumps_over_waits_and_never_goes_back(ledger, friday_ten):
    start_simulated_clock(ledger, friday_ten)
    clock = open_clock(ledger)
    assert clock.now() == clock.now() == friday_ten
    asyncio.run(clock.sleep_until(friday_ten + timedelta(hours=72)))
    asyncio.run(clock.sleep_until(friday_ten))
    assert clock.now() == friday_ten + timedelta(hours=72)


def test_two_processes_share_the_simulated_time(ledger, tmp_path, friday_ten, keys):
    start_simulated_clock(ledger, friday_ten)
    other = open_ledger(tmp_path / "ledger.sqlite", keys)
    asyncio.run(open_clock(ledger).sleep_until(friday_ten + timedelta(minutes=5)))
    assert open_clock(other).now() == friday_ten + timedelta(minutes=5)
    other.close()


def test_starting_it_again_does_not_set_it_back(ledger, friday_ten):
    start_simulated_clock(ledger, friday_ten)
    asyncio.run(open_clock(ledger).sleep_until(friday_ten + timedelta(days=1)))
    start_simulated_clock(ledger, friday_ten)
    assert open_clock(ledger).now() == friday_ten + timedelta(days=1)


def test_chuda_now_is_anchored_once_for_all_processes(ledger, tmp_path, keys):
    first = open_clock(ledger, "2026-11-20T10:00:00+08:00")
    other = open_ledger(tmp_path / "ledger.sqlite", keys)
    second = open_clock(other, "2026-11-20T10:00:00+08:00")
    assert first.kind == second.kind == "shifted"
    assert abs(first.now() - second.now()) < timedelta(seconds=1)
    assert timedelta() <= first.now() - datetime(2026, 11, 20, 10, tzinfo=BUSINESS_ZONE) < timedelta(minutes=1)
    other.close()


def test_chuda_now_that_is_no_time_is_refused(ledger):
    with pytest.raises(UsageError, match="CHUDA_NOW"):
        open_clock(ledger, "tomorrow")


def test_waiting_for_the_past_returns_at_once():
    clock = RealClock()
    asyncio.run(asyncio.wait_for(clock.sleep_until(clock.now() - timedelta(days=1)), timeout=1))
