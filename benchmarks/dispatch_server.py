"""A provider that only answers: the least a server can do, in a process of its own, for `benchmarks/dispatch.py`.

It speaks HTTP/1.1 with keep-alive and answers what the three protocols (and Kannel's HTTP SMSC) expect of a success. It
checks no signature and keeps nothing but the moments at which requests arrived.

    python -m benchmarks.dispatch_server        prints its port
"""

from __future__ import annotations

import asyncio
import json
import time

_END = b"\r\n\r\n"
arrivals: list[int] = []


def answer(head: bytes, body: bytes) -> bytes:
    """The success a provider of this request would tell."""
    if head.startswith(b"GET /arrivals"):
        told = json.dumps(arrivals).encode()
        arrivals.clear()
        return told
    arrivals.append(time.monotonic_ns() // 1000)
    if head.startswith(b"POST /messages"):
        names = [message["message_id"] for message in json.loads(body)["messages"]]
        results = [{"message_id": name, "code": "OK", "provider_message_id": name, "parts": 1} for name in names]
        return json.dumps({"results": results}).encode()
    if b"x-tc-action" in head.lower():
        numbers = json.loads(body)["PhoneNumberSet"]
        sent = [{"SerialNo": "1:1", "PhoneNumber": number, "Fee": 1, "SessionContext": "", "Code": "Ok",
                 "Message": "send success", "IsoCode": "CN"} for number in numbers]  # fmt: skip
        return json.dumps({"Response": {"SendStatusSet": sent, "RequestId": "r"}}).encode()
    if head.startswith(b"GET"):
        return b"Sent."
    return b'{"Code":"OK","Message":"OK","RequestId":"r","BizId":"b"}'


class Connection(asyncio.Protocol):
    """One kept-alive connection."""

    def __init__(self) -> None:
        self._waiting = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._waiting += data
        while (end := self._waiting.find(_END)) >= 0:
            head, start = self._waiting[:end], end + len(_END)
            size = _length(head)
            if len(self._waiting) < start + size:
                return
            body, self._waiting = self._waiting[start : start + size], self._waiting[start + size :]
            told = answer(head, body)
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(told), told)
            )


def _length(head: bytes) -> int:
    lowered = head.lower()
    at = lowered.find(b"content-length:")
    return int(lowered[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


async def serve() -> None:
    """Serve on a free port of the loopback until killed."""
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
