"""The two sides that `benchmarks/dispatch.py` compares, each in a fresh process: the sender, and a bare loop.

python -m benchmarks.dispatch_steps sender|bare <JSON>
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from benchmarks.dispatch_world import NOW, SECRETS, Load, channel, phones_of, texts_of
from chuda.clock import RealClock
from chuda.keys import load_keys
from chuda.providers.opening import open_provider
from chuda.providers.protocol import OutgoingMessage
from chuda.providers.wire import open_client
from chuda.stores.ledger import open_clock, open_ledger
from chuda.stores.ledger.releases import find_release
from tasks.dispatch.worker import send_release

IN_FLIGHT = 32
"""Requests at once, the sender's default; the bare loop has as many."""

_HEAVY = ("prefect", "polars", "great_expectations", "duckdb")


@dataclass(frozen=True, slots=True)
class Taken:
    """What a step took: requests made, wall and processor seconds, the most memory it held, heavy modules in it."""

    requests: int
    seconds: float
    cpu_seconds: float
    peak_mb: float
    heavy: tuple[str, ...] = ()

    @property
    def per_second(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


def run_step(name: str, **options: object) -> Taken:
    """Run a step in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.dispatch_steps", name, json.dumps(options)]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Taken(**json.loads(result.stdout.splitlines()[-1]))


def send(target: str, keys_file: str, release_id: str) -> tuple[int, float, float]:
    """The sender as the worker runs it: requests made, seconds, processor seconds."""
    keys = load_keys(Path(keys_file), {})
    ledger = open_ledger(target, keys)
    with ledger.read() as connection:
        release = find_release(connection, release_id)
    assert release is not None
    started, cpu = time.perf_counter(), time.process_time()
    report = asyncio.run(send_release(ledger, keys, open_clock(ledger, NOW), release, SECRETS))
    assert report.stop == "done", report
    return report.requests, time.perf_counter() - started, time.process_time() - cpu


class Recorder(httpx.AsyncBaseTransport):
    """Keeps what an adapter would send and sends nothing."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(503, request=request)


async def record_bodies(load: Load, port: int) -> list[httpx.Request]:
    """The requests that the adapter makes of a load."""
    recorder, record = Recorder(), channel(load, port)
    provider = open_provider(record, SECRETS, clock=RealClock())
    provider._client = open_client(record.endpoint, recorder)  # type: ignore[attr-defined]
    for seq, start in enumerate(range(0, load.messages, load.batch_size)):
        people, texts = phones_of(start, load.batch_size), texts_of(start, load.batch_size)
        names = [f"load-1-{seq}.{place}" for place in range(load.batch_size)]
        messages = [OutgoingMessage(*one, "marketing") for one in zip(names, people, texts, strict=True)]
        await provider.send(f"load-1-{seq}", messages)
    return recorder.requests


async def post_all(endpoint: str, requests: list[httpx.Request]) -> tuple[float, float]:
    """What one would write without Chuda: so many at once, no record of anything; seconds and processor seconds."""
    waiting = iter([(str(one.url), dict(one.headers), one.content) for one in requests])

    async def post_some(client: httpx.AsyncClient) -> None:
        for url, headers, content in waiting:
            (await client.post(url, headers=headers, content=content)).raise_for_status()

    async with open_client(endpoint, trust_env=False) as client:
        started, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(post_some(client) for _ in range(IN_FLIGHT)))
        return time.perf_counter() - started, time.process_time() - cpu


async def bare(port: int, **load: object) -> tuple[int, float, float]:
    """The same bodies by a bare loop."""
    requests = await record_bodies(Load(**load), port)  # type: ignore[arg-type]
    return len(requests), *await post_all(f"http://127.0.0.1:{port}", requests)


def peak_mb() -> float:
    """The most memory this process has held; the kernel's other figure counts its parent's as well."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main(name: str, options: dict[str, object]) -> None:
    """Do a step and print what it took."""
    done, seconds, cpu = send(**options) if name == "sender" else asyncio.run(bare(**options))  # type: ignore[arg-type]
    print(json.dumps(asdict(Taken(done, seconds, cpu, peak_mb(), tuple(one for one in _HEAVY if one in sys.modules)))))


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
