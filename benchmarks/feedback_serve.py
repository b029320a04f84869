"""The receiver against bare handlers: latency and events per second, everything on disk before its answer.

    python benchmarks/feedback_serve.py [--pushes 4000] [--items 20] [--connections 16] [--taps 8000]

All servers are real uvicorn processes on loopback, asked by the same client in the same way. For pushes the bare one
reads the body, parses its JSON and answers; for own short links it answers 302 at once. Printed as one JSON object per
server; `cpu_s` is what the server's process used, user and system.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import uvicorn
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chuda.clock import RealClock, to_us
from chuda.keys import Keys
from chuda.stores.ledger import Ledger, open_ledger
from chuda.stores.ledger.short_links import KeptLink, keep_links
from tasks.content.context import load_content_reference
from tasks.feedback.durable import DurableWriter
from tasks.feedback.processing import Processor
from tasks.feedback.receiving import Receiver, make_app
from tasks.feedback.redirecting import Redirector

SECRET = "benchmark-" * 3
REFERENCE = Path(__file__).parents[1] / "data" / "reference"
TARGET = "https://shop.example/autumn"
LINKS = 100_000
PHONE = {"User-Agent": "Mozilla/5.0 (Linux; Android 14) Mobile Safari/537.36", "Accept-Language": "zh-CN"}
PATH = f"/push/{SECRET}/sms/receipts"


async def _bare(request: Request) -> Response:
    json.loads(await request.body())
    return Response('{"code":0}', media_type="application/json")


async def _bare_link(_request: Request) -> Response:
    return Response(status_code=302, headers={"Location": TARGET})


def _put_links(ledger: Ledger, now_us: int) -> None:
    """Sealed and sent messages, a thousand to a batch, each with its link."""
    with ledger.write() as connection:
        for seq in range(LINKS // 1000):
            batch, tokens = f"b{seq}", "".join(f"{seq * 1000 + n:032x}" for n in range(1000))
            connection.execute(text("INSERT INTO batch (batch_id, release_id, plan_id, seq, size, parts, tokens, "
                                    "state, attempts, ready_us) VALUES (:batch, 'r', 'p', 0, 1000, 1000, :tokens, "
                                    "'accepted', 1, 0)"), {"batch": batch, "tokens": tokens})  # fmt: skip
            connection.execute(text("INSERT INTO attempt (batch_id, number, release_id, owner, epoch, size, parts, "
                                    "intent_us) VALUES (:batch, 1, 'r', 'me', 1, 1000, 1000, :us)"),
                               {"batch": batch, "us": now_us - 3_600_000_000})  # fmt: skip
            links = [KeptLink(f"{seq * 1000 + n:010d}", batch, n) for n in range(1000)]
            keep_links(connection, "sms", TARGET, links)


def serve(kind: str, home: Path, port: int) -> None:
    """Run one of the servers until killed."""
    if kind == "bare":
        routes = [Route("/push/{secret}/{channel}/{feed}", _bare, methods=["POST"]), Route("/{code}", _bare_link)]
        app = Starlette(routes=routes)
    else:
        keys, clock = Keys(bytes(32), bytes(range(32))), RealClock()
        ledger = open_ledger(home / "ledger.sqlite", keys)
        _put_links(ledger, to_us(clock.now()))
        words = load_content_reference(REFERENCE).reply_words
        writer = DurableWriter(ledger, Processor(ledger, clock, words))
        redirector = Redirector(ledger, clock, writer, {"sms": (TARGET,)})
        app = make_app(Receiver(keys, clock, writer, SECRET, {"sms": "generic"}), redirector, ["/"])
    uvicorn.run(app, host="127.0.0.1", port=port, access_log=False, log_level="warning")


def bodies(pushes: int, items: int) -> list[bytes]:
    """Pushes of receipts, each of its own messages."""
    return [
        json.dumps(
            [
                {"message_id": f"b{push}.{n}", "phone": str(13_800_000_000 + push * items + n), "status": "delivered",
                 "code": "DELIVRD", "parts": 1, "reported_at": "2026-11-20T10:00:00+08:00"}
                for n in range(items)
            ]
        ).encode()
        for push in range(pushes)
    ]  # fmt: skip


async def load(port: int, pushes: list[bytes], connections: int) -> list[float]:
    """Post everything over so many connections; returns the seconds each push waited for its answer."""
    waits: list[float] = []
    todo = iter(pushes)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:

        async def work() -> None:
            for body in todo:
                started = time.perf_counter()
                async with session.post(PATH, data=body) as answer:
                    assert answer.status == 200, answer.status
                    await answer.read()
                waits.append(time.perf_counter() - started)

        await asyncio.gather(*(work() for _ in range(connections)))
    return waits


async def tap(port: int, taps: int, connections: int) -> list[float]:
    """Follow so many links; returns the seconds each waited for its answer."""
    waits: list[float] = []
    todo = iter(range(taps))
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=PHONE) as session:

        async def work() -> None:
            for number in todo:
                started = time.perf_counter()
                async with session.get(f"/{number * 7919 % LINKS:010d}", allow_redirects=False) as answer:
                    assert answer.status == 302, answer.status
                waits.append(time.perf_counter() - started)

        await asyncio.gather(*(work() for _ in range(connections)))
    return waits


@contextlib.contextmanager
def running(kind: str, home: Path) -> Iterator[tuple[int, int]]:
    """A server process; yields its port and process id once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, __file__, "--serve", kind, "--home", str(home), "--port", str(port)])
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.1)
        yield port, process.pid
    finally:
        process.kill()
        process.wait()


def cpu_seconds(pid: int) -> float:
    """What a process has used so far, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(kind: str, what: str, asks: int, items: int, connections: int) -> dict[str, object]:
    """Load one server with pushes or taps, and describe how it did."""
    with tempfile.TemporaryDirectory() as folder, running(kind, Path(folder)) as (port, pid):
        asyncio.run(load(port, bodies(50, 1), connections))
        given = bodies(asks, items) if what == "pushes" else []
        used, started = cpu_seconds(pid), time.perf_counter()
        waits = sorted(asyncio.run(load(port, given, connections) if given else tap(port, asks, connections)))
        seconds, used = time.perf_counter() - started, cpu_seconds(pid) - used
    return {
        "server": kind, "what": what, "requests": asks, "items_each": items, "connections": connections,
        "events_per_s": round(asks * items / seconds), "p50_ms": round(1000 * waits[len(waits) // 2], 1),
        "p99_ms": round(1000 * waits[int(len(waits) * 0.99)], 1), "worst_ms": round(1000 * waits[-1], 1),
        "cpu_s": round(used, 2), "events_per_cpu_s": round(asks * items / max(used, 0.01)),
    }  # fmt: skip


def main() -> None:
    """Measure both servers, or be one of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pushes", type=int, default=4000)
    parser.add_argument("--items", type=int, default=20)
    parser.add_argument("--taps", type=int, default=8000)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--serve", choices=["bare", "chuda"])
    parser.add_argument("--home", type=Path)
    parser.add_argument("--port", type=int)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, given.home, given.port)
        return
    for what, asks, items in (("pushes", given.pushes, given.items), ("taps", given.taps, 1)):
        for kind in ("bare", "chuda"):
            print(json.dumps(measure(kind, what, asks, items, given.connections)), flush=True)


if __name__ == "__main__":
    main()
