"""Kannel beside Chuda: its spool store and an HTTP SMSC on this machine, one message a request, which is all it can.

Messages are handed to it while its SMSC is slowed down and lie in its spool; what is measured is how fast it empties
that after a restart at full speed, by the server's record of arrivals. Skipped where Debian's package is not installed.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks.dispatch_steps import Taken
from benchmarks.dispatch_world import bare_server, phones_of, take_arrivals
from chuda.providers.wire import open_client

_CONFIG = """
group = core
admin-port = {admin}
admin-password = bench
smsbox-port = {box}
log-level = 4
log-file = {folder}/bearerbox.log
store-type = spool
store-location = {folder}/spool
box-allow-ip = 127.0.0.1

group = smsc
smsc = http
smsc-id = bench
system-type = kannel
smsc-username = u
smsc-password = p
port = {inbound}
connect-allow-ip = 127.0.0.1
send-url = http://127.0.0.1:{server}/
{throttle}

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {sendsms}
log-level = 4
log-file = {folder}/smsbox.log

group = sendsms-user
username = u
password = p
max-messages = 10
"""
_AT_LEAST = 3.0


def compare_kannel(messages: int, send: Callable[[int], Taken]) -> None:
    """Let Kannel empty a spool of `messages`, then send as many in batches of 100; prints the ratio."""
    if shutil.which("bearerbox") is None or shutil.which("smsbox") is None:
        print("kannel: skipped, Debian's package `kannel` is not installed (apt-get install kannel)")
        return
    rate = asyncio.run(empty_spool(messages))
    ours = messages / send(messages).seconds
    print(
        f"kannel: {rate:,.0f} messages/s out of its spool, one a request; Chuda {ours:,.0f} in requests of 100: "
        f"{ours / rate:.1f} times as many (at least {_AT_LEAST:.0f})",
        flush=True,
    )


async def empty_spool(messages: int) -> float:
    """Messages per second that Kannel sends out of its spool."""
    with tempfile.TemporaryDirectory(prefix="chuda-kannel-") as name, bare_server() as server:
        folder = Path(name)
        (folder / "spool").mkdir()
        with kannel(folder, server, "throughput = 0.001") as sendsms:
            await hand_over(sendsms, messages)
        waiting = sum(1 for file in (folder / "spool").rglob("*") if file.is_file())
        assert waiting > messages * 0.9, f"only {waiting} of {messages} are in the spool"
        take_arrivals(server)
        with kannel(folder, server, ""):
            return await arrive(server, waiting)


@contextmanager
def kannel(folder: Path, server: int, throttle: str) -> Iterator[str]:
    """Bearerbox and smsbox; yields the address of the sending interface."""
    admin, box, inbound, sendsms = (free_port() for _ in range(4))
    config = folder / "kannel.conf"
    ports = {"admin": admin, "box": box, "inbound": inbound, "sendsms": sendsms, "server": server}
    config.write_text(_CONFIG.format(folder=folder, throttle=throttle, **ports))
    boxes: list[subprocess.Popen[bytes]] = []
    try:
        for program, port in (("bearerbox", admin), ("smsbox", sendsms)):
            boxes.append(subprocess.Popen([program, str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            wait_for(port)
        yield f"http://127.0.0.1:{sendsms}"
    finally:
        for one in reversed(boxes):
            one.kill()
            one.wait()


async def hand_over(sendsms: str, messages: int) -> None:
    """Put messages into the spool through smsbox, many at once."""
    waiting = iter(phones_of(0, messages))

    async def hand_some(client: httpx.AsyncClient) -> None:
        for phone in waiting:
            query = {"username": "u", "password": "p", "from": "1069", "to": phone, "text": "hello", "smsc": "bench"}
            answer = await client.get("/cgi-bin/sendsms", params=query)
            assert answer.status_code in (200, 202), answer.text

    async with open_client(sendsms, trust_env=False) as client:
        await asyncio.gather(*(hand_some(client) for _ in range(16)))


async def arrive(server: int, messages: int) -> float:
    """Wait until all have arrived; messages per second between the first and the last."""
    moments: list[int] = []
    give_up = time.monotonic() + 120
    while len(moments) < messages and time.monotonic() < give_up:
        await asyncio.sleep(1)
        moments += take_arrivals(server)
    assert len(moments) >= messages, f"only {len(moments)} of {messages} arrived"
    return (len(moments) - 1) * 1e6 / (max(moments) - min(moments))


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


def wait_for(port: int) -> None:
    """Return when somebody listens on a port."""
    for _ in range(100):
        with socket.socket() as knocking:
            if knocking.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(f"nobody listens on {port}")
