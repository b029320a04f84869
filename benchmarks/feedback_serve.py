"""The push receiver against a bare handler: latency and events per second, every push on disk before its answer.

    python benchmarks/feedback_serve.py [--pushes 4000] [--items 20] [--connections 16]

Both servers are real uvicorn processes on loopback, asked by the same client with the same bodies; the bare one reads
the body, parses its JSON and answers. Printed as one JSON object per server.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chuda.clock import RealClock
from chuda.keys import Keys
from chuda.stores.ledger import open_ledger
from tasks.content.context import load_content_reference
from tasks.feedback.durable import DurableWriter
from tasks.feedback.processing import Processor
from tasks.feedback.receiving import Receiver, make_app

SECRET = "benchmark-" * 3
REFERENCE = Path(__file__).parents[1] / "data" / "reference"
PATH = f"/push/{SECRET}/sms/receipts"


async def _bare(request: Request) -> Response:
    json.loads(await request.body())
    return Response('{"code":0}', media_type="application/json")


def serve(kind: str, home: Path, port: int) -> None:
    """Run one of the servers until killed."""
    if kind == "bare":
        app = Starlette(routes=[Route("/push/{secret}/{channel}/{feed}", _bare, methods=["POST"])])
    else:
        keys, clock = Keys(bytes(32), bytes(range(32))), RealClock()
        ledger = open_ledger(home / "ledger.sqlite", keys)
        words = load_content_reference(REFERENCE).reply_words
        writer = DurableWriter(ledger, Processor(ledger, clock, words))
        app = make_app(Receiver(keys, clock, writer, SECRET, {"sms": "generic"}))
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


@contextlib.contextmanager
def running(kind: str, home: Path) -> Iterator[int]:
    """A server process; yields its port once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, __file__, "--serve", kind, "--home", str(home), "--port", str(port)])
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.1)
        yield port
    finally:
        process.kill()
        process.wait()


def measure(kind: str, pushes: int, items: int, connections: int) -> dict[str, object]:
    """Load one server and describe how it did."""
    with tempfile.TemporaryDirectory() as folder, running(kind, Path(folder)) as port:
        asyncio.run(load(port, bodies(50, 1), connections))
        started = time.perf_counter()
        waits = sorted(asyncio.run(load(port, bodies(pushes, items), connections)))
        seconds = time.perf_counter() - started
    return {
        "server": kind, "pushes": pushes, "items_per_push": items, "connections": connections,
        "events_per_s": round(pushes * items / seconds), "p50_ms": round(1000 * waits[len(waits) // 2], 1),
        "p99_ms": round(1000 * waits[int(len(waits) * 0.99)], 1), "worst_ms": round(1000 * waits[-1], 1),
    }  # fmt: skip


def main() -> None:
    """Measure both servers, or be one of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pushes", type=int, default=4000)
    parser.add_argument("--items", type=int, default=20)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--serve", choices=["bare", "chuda"])
    parser.add_argument("--home", type=Path)
    parser.add_argument("--port", type=int)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, given.home, given.port)
        return
    for kind in ("bare", "chuda"):
        print(json.dumps(measure(kind, given.pushes, given.items, given.connections)), flush=True)


if __name__ == "__main__":
    main()
