"""The sender's last check: asked when the connection is there, and what it refuses is never written."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import httpx
import pytest

from chuda.providers.leaving import leaving_if
from chuda.providers.protocol import MessageResult
from chuda.providers.wire import open_client, post


class Server:
    """Answers every request with 204; knows its connections and what was written to them."""

    def __init__(self) -> None:
        self.connections = 0
        self.heard = b""
        self.is_connected = asyncio.Event()

    async def serve(self, reader, writer) -> None:
        self.connections += 1
        self.is_connected.set()
        while chunk := await reader.read(65536):
            self.heard += chunk
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()


@asynccontextmanager
async def talking():
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with open_client(f"http://127.0.0.1:{port}", trust_env=False) as client:
        yield server, client
    listening.close()


def test_what_the_check_refuses_is_not_written_and_its_connection_is_kept_for_the_next():
    async def scenario():
        async with talking() as (server, client):
            with leaving_if(lambda: False) as leaving:
                held = await post(client, "/a", {}, b"secret", 2)
            await asyncio.wait_for(server.is_connected.wait(), 2)  # it was asked with the connection in hand
            assert (held, leaving.was_held_back) == (MessageResult("not_sent", "ConnectError"), True)
            with leaving_if(lambda: True) as leaving:
                answer = await post(client, "/b", {}, b"fine", 2)
            assert (answer.status_code, leaving.was_held_back) == (204, False)
            assert server.connections == 1
            assert b"secret" not in server.heard and b"POST /b" in server.heard

    asyncio.run(scenario())


def test_without_a_check_everything_leaves():
    async def scenario():
        async with talking() as (_, client):
            return (await post(client, "/a", {}, b"", 2)).status_code

    assert asyncio.run(scenario()) == 204


@pytest.mark.parametrize("is_right", [True, False])
def test_another_way_out_asks_as_well(is_right):
    heard = []
    transport = httpx.MockTransport(lambda request: heard.append(request) or httpx.Response(200))

    async def scenario():
        async with open_client("http://one.invalid", transport) as client:
            with leaving_if(lambda: is_right):
                return await post(client, "/a", {}, b"", 2)

    asyncio.run(scenario())
    assert len(heard) == is_right
