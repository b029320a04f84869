"""The benchmark of dispatch: its judge of rates, its bare server; and in short what it measures at length."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import pytest
from fakes import FakeProvider, phones, put_release

from benchmarks.dispatch_rate import judge_rate
from benchmarks.dispatch_steps import bare, send
from benchmarks.dispatch_world import Load, bare_server, seal_load, take_arrivals
from chuda.clock import RealClock
from chuda.keys import save_keys
from chuda.stores.ledger import open_ledger
from chuda.stores.ledger.releases import state_counts
from tasks.dispatch.sender import ChannelLimits, Sender


def test_the_judge_sees_the_mean_and_the_worst_second():
    even = judge_rate(range(0, 3_000_000, 100_000), 10)
    assert (even.mean, even.most) == (pytest.approx(100), 100)
    bunched = judge_rate([0, 100_000, 900_000, 999_999, 1_000_000, 5_000_000], 10)
    assert bunched.most == 40


class Arrivals(FakeProvider):
    """Notes when requests really come."""

    def __init__(self) -> None:
        super().__init__()
        self.at_us: list[int] = []

    async def send(self, batch_id, messages):
        self.at_us.append(time.monotonic_ns() // 1000)
        return await super().send(batch_id, messages)


@pytest.mark.parametrize("stall_s", [0, 0.4])
@pytest.mark.parametrize("senders", [1, 4])
def test_senders_of_one_account_keep_its_rate_together(tmp_path, keys, senders, stall_s):
    """Judged by when requests arrive; a held-up process or a slow machine may make it slower, never faster."""
    target = tmp_path / "ledger.sqlite"
    ledger = open_ledger(target, keys)
    limits = ChannelLimits(parts_per_second=400, account="shared")
    now = RealClock().now()
    releases = [
        put_release(
            ledger, keys, now, people=phones(640 // senders), plan_id=f"p{number}", occurrence=str(number),
            message_type="otp", window=(0, 1440),
        )
        for number in range(senders)
    ]  # fmt: skip

    provider, together = Arrivals(), threading.Barrier(senders)

    async def hold_up():
        await asyncio.sleep(0.4)
        time.sleep(stall_s)  # the whole process of this sender, and the others at the same moment

    async def send(release):
        sender = Sender(open_ledger(target, keys), keys, RealClock(), provider, limits, release.plan_id)
        together.wait()
        return (await asyncio.gather(sender.send(release), hold_up()))[0].stop

    with ThreadPoolExecutor(senders) as pool:
        assert set(pool.map(lambda release: asyncio.run(send(release)), releases)) == {"done"}
    kept = judge_rate(provider.at_us, 10)
    assert len(provider.at_us) == 64
    assert kept.most <= 400 + 10
    assert kept.mean <= 400 * 1.01


@pytest.mark.parametrize(("adapter", "batch_size"), [("tencent", 1), ("generic", 20), ("aliyun", 20)])
def test_the_bare_server_takes_what_the_sender_posts_and_what_the_bare_loop_posts(tmp_path, keys, adapter, batch_size):
    load = Load(adapter, 40, batch_size)
    save_keys(tmp_path / "keys", keys)
    with bare_server() as port:
        ledger = open_ledger(tmp_path / "ledger.sqlite", keys)
        release_id = seal_load(ledger, keys, load, port, strangers=10)
        requests, _, _ = send(str(tmp_path / "ledger.sqlite"), str(tmp_path / "keys"), release_id)
        assert len(take_arrivals(port)) == requests
        with ledger.read() as connection:
            assert state_counts(connection, "load") == {"accepted": 39, "suppressed": 1}
        bare_requests, _, _ = asyncio.run(bare(port, **asdict(load)))
        assert len(take_arrivals(port)) == bare_requests == 40 / batch_size
