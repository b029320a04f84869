"""How long a verification code takes while marketing runs at its full rate, against an idle machine.

One process sends codes at a steady pace through its own channel and ledger; another, the ordinary worker, sends a
campaign in batches of 100 at the agreed rate through the marketing ledger. Each talks to a provider of its own.

    python benchmarks/otp_latency.py [--seconds 20] [--codes-per-second 10] [--parts-per-second 2000]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from chuda.clock import RealClock, to_us
from chuda.keys import Keys, create_keys
from chuda.providers.opening import open_provider
from chuda.records.channel import ChannelRecord
from chuda.sealing import seal_messages
from chuda.stores.ledger import Ledger, open_ledger
from chuda.stores.ledger.releases import Release, SealedBatch, releases_of, seal, state_counts
from tasks.dispatch.notify import NoticeText, Notifier

BATCH = 100
CODE = NoticeText("【橙柚生活】您的登录验证码是402817，5分钟内有效", 1, "account/login_code", "otp")
TEXT = "【橙柚生活】您好，您预约的剪发改到明天，有疑问请致电门店"
PROFILE = "blacklisted_share: 0\n"


@contextmanager
def simulator(home: Path, profile: Path) -> Iterator[int]:
    """A provider in a process of its own; yields its port."""
    command = [sys.executable, "-m", "chuda.providers.simulator", "--home", str(home), "--seed", "1"]
    process = subprocess.Popen([*command, "--profile", str(profile)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(json.loads(process.stdout.readline())["port"])
    finally:
        process.kill()
        process.wait()


def channel(name: str, port: int, message_type: str, parts_per_second: int) -> ChannelRecord:
    """A channel of the simulator on a port."""
    return ChannelRecord.model_validate(
        {
            "name": name, "adapter": "generic", "simulator": True, "endpoint": f"http://127.0.0.1:{port}",
            "account": name, "credentials": {"token": "SIM_TOKEN"}, "message_types": [message_type],
            "price_cny_per_part": Decimal("0.05"), "billing": "submitted", "batch_size": BATCH,
            "rate_parts_per_second": parts_per_second, "window": "0:00-24:00", "definitive_query": True,
        }
    )  # fmt: skip


def seal_campaign(ledger: Ledger, keys: Keys, record: ChannelRecord, messages: int) -> str:
    """A sealed and approved campaign; it is of type test, which knows no hours: benchmarks do not wait for them."""
    now = RealClock().now()
    release = Release(
        release_id="load-1", plan_id="load", plan_hash="h", campaign_id="load", occurrence="otp",
        message_type="test", channel=record.name, channel_record=record.model_dump_json(), size=messages,
        parts=messages, not_before_us=to_us(now), not_after_us=to_us(now + timedelta(hours=2)),
        window_start_minute=0, window_end_minute=1440, sealed_us=to_us(now),
    )  # fmt: skip
    batches = []
    for seq in range(messages // BATCH):
        people = [str(13_900_000_000 + seq * BATCH + place) for place in range(BATCH)]
        batch_id = f"load-1-{seq}"
        sealed = seal_messages(keys, batch_id, people, [TEXT] * BATCH)
        batches.append(SealedBatch(batch_id, seq, tuple(map(keys.token, people)), BATCH, sealed))
    with ledger.write() as connection:
        approve_load(connection, release)
        seal(connection, release, batches, {})
    return release.release_id


def approve_load(connection: object, release: Release) -> None:
    """Approve as `chuda approve` would on a simulator channel."""
    from chuda.stores.ledger.approvals import SIMULATOR, approval_of, approve

    end_us = release.not_after_us
    approve(connection, approval_of(release, "benchmark", SIMULATOR, release.sealed_us, end_us), release.plan_id)


async def send_codes(notifier: Notifier, seconds: float, per_second: float, first: int) -> list[float]:
    """Send codes at a steady pace; the seconds each took from the call to its recorded outcome."""
    loop = asyncio.get_running_loop()
    started, taken = loop.time(), []

    async def one(number: int) -> None:
        await asyncio.sleep(started + number / per_second - loop.time())
        begun = loop.time()
        result = await notifier.send(str(13_800_000_000 + first + number), CODE)
        assert result.state == "accepted", result
        taken.append(loop.time() - begun)

    await asyncio.gather(*(one(number) for number in range(int(seconds * per_second))))
    return taken


def told(name: str, taken: list[float]) -> float:
    """Print median and p99 in milliseconds; returns the p99."""
    p99 = statistics.quantiles(taken, n=100)[98]
    print(f"{name:>8}: {len(taken)} codes, median {statistics.median(taken) * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms")
    return p99


def main() -> None:
    """Measure idle, loaded, idle; print the ratio of the p99s."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--codes-per-second", type=float, default=10)
    parser.add_argument("--parts-per-second", type=int, default=2000)
    options = parser.parse_args()
    os.environ["SIM_TOKEN"] = "simulator"
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        profile = home / "profile.yaml"
        profile.write_text(PROFILE)
        with simulator(home / "codes", profile) as codes, simulator(home / "load", profile) as load:
            measure(home, codes, load, options)


def measure(home: Path, codes: int, load: int, options: argparse.Namespace) -> None:
    """The three phases."""
    keys = create_keys(home / "keys")
    marketing, own = open_ledger(home / "ledger.sqlite", keys), open_ledger(home / "notices.sqlite", keys)
    messages = int(options.parts_per_second * options.seconds * 2) // BATCH * BATCH
    release_id = seal_campaign(marketing, keys, channel("load", load, "marketing", options.parts_per_second), messages)
    record = channel("codes", codes, "otp", 1000)
    command = [sys.executable, "-m", "tasks.dispatch.worker", release_id]
    environment = {**os.environ, "CHUDA_HOME": str(home)}

    async def phases() -> tuple[float, float]:
        provider = open_provider(record, os.environ)
        notifier = Notifier(own, marketing, keys, RealClock(), provider, record)
        await send_codes(notifier, 1, options.codes_per_second, 0)  # connections and caches
        idle = await send_codes(notifier, options.seconds, options.codes_per_second, 100_000)
        worker = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        await asyncio.sleep(3)
        before, begun = accepted(marketing), time.perf_counter()
        busy = await send_codes(notifier, options.seconds, options.codes_per_second, 200_000)
        rate = (accepted(marketing) - before) / (time.perf_counter() - begun)
        with marketing.read() as connection:
            states = state_counts(connection, "load")
        assert worker.poll() is None and rate > 0, f"the campaign did not run meanwhile: {states}"
        worker.kill()
        worker.wait()
        print(f"marketing meanwhile: {rate:,.0f} messages/s of {options.parts_per_second:,} agreed")
        await provider.close()
        return told("idle", idle), told("loaded", busy)

    idle_p99, busy_p99 = asyncio.run(phases())
    print(f"p99 loaded / idle: {busy_p99 / idle_p99:.2f}")


def accepted(ledger: Ledger) -> int:
    """How many messages of the campaign were accepted so far."""
    with ledger.read() as connection:
        assert releases_of(connection, "load")
        return state_counts(connection, "load").get("accepted", 0)


if __name__ == "__main__":
    main()
