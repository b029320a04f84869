"""What a broken connection proves, over real sockets: the difference between "again" and "never again"."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import httpx
import pytest

from chuda.providers.generic import GenericProvider
from chuda.providers.protocol import MessageResult, OutgoingMessage, SendResult
from chuda.providers.wire import open_client, post

MESSAGE = OutgoingMessage("b-1-0.0", "13800138000", "t")
Treatment = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def read_request(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    await reader.readexactly(length)


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.transport.abort()


async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.close()


async def close_within_the_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()
    writer.close()


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    await reader.read()


async def dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    # Every read ends in time, the whole never does.
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b" ")
        await asyncio.sleep(0.05)


async def speak_no_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"SMS 1.0 hello\r\n\r\n")
    writer.close()


def send_to(treatment: Treatment) -> SendResult:
    async def scenario() -> SendResult:
        server = await asyncio.start_server(treatment, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        provider = GenericProvider(f"http://127.0.0.1:{port}", "t", trust_env=False, deadline_s=0.4)
        started = asyncio.get_running_loop().time()
        try:
            result = await provider.send("b-1-0", [MESSAGE])
        finally:
            await provider.close()
            server.close()
        assert asyncio.get_running_loop().time() - started < 1.5
        return result

    return asyncio.run(scenario())


@pytest.mark.parametrize("treatment", [reset, close, close_within_the_body, hang, dribble, speak_no_http])
def test_whatever_breaks_after_the_request_left_is_unknown(treatment):
    assert send_to(treatment).default.state == "unknown"


@pytest.mark.parametrize("treatment", [hang, dribble])
def test_a_request_ends_within_its_deadline_however_the_answer_trickles(treatment):
    assert send_to(treatment).default.code == "deadline"


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_a_provider_that_cannot_be_reached_got_nothing(host):
    endpoint = f"http://{host}:{free_port()}"

    async def scenario() -> httpx.Response | MessageResult:
        async with open_client(endpoint, trust_env=False) as client:
            return await post(client, "/", {}, b"x", 5.0)

    answer = asyncio.run(scenario())
    assert isinstance(answer, MessageResult)
    assert answer.state == "not_sent"


def test_an_untrusted_certificate_got_nothing(tmp_path):
    # A plain server answers a TLS greeting with nonsense: the handshake fails before anything is sent.
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"no TLS here")
        writer.close()

    async def scenario() -> httpx.Response | MessageResult:
        server = await asyncio.start_server(nonsense, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with open_client(f"https://127.0.0.1:{port}", trust_env=False) as client:
            answer = await post(client, "/", {}, b"x", 5.0)
        server.close()
        return answer

    answer = asyncio.run(scenario())
    assert isinstance(answer, MessageResult)
    assert answer.state == "not_sent"


def test_a_compressed_answer_is_read():
    import gzip

    body = gzip.compress(b'{"results": [{"message_id": "b-1-0.0", "code": "OK"}]}')

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        await reader.read()

    assert send_to(answer).results["b-1-0.0"].state == "accepted"


def test_a_send_leaves_once_byte_for_byte_under_the_endpoint_with_its_own_headers():
    seen: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(4))
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nSet-Cookie: a=b\r\n")
        writer.write(b"Connection: close\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async def scenario() -> httpx.Response | MessageResult:
        server = await asyncio.start_server(note, "127.0.0.1", 0)
        endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/sms/"
        async with open_client(endpoint, trust_env=False) as client:
            await post(client, "/?b=%2F&a=%7E", {"host": "signed.example", "x-a": "1"}, b"body", 5.0)
            answer = await post(client, "/?b=%2F&a=%7E", {"host": "signed.example", "x-a": "1"}, b"body", 5.0)
        server.close()
        return answer

    answer = asyncio.run(scenario())
    assert isinstance(answer, httpx.Response)
    assert answer.status_code == 302  # an answer like any other: nothing is sent to where it points
    assert len(seen) == 2
    for request in seen:
        assert request.startswith(b"POST /sms/?b=%2F&a=%7E HTTP/1.1\r\n")
        assert b"host: signed.example\r\n" in request
        assert b"x-a: 1\r\n" in request
        assert b"cookie" not in request.lower()
        assert request.endswith(b"body")
