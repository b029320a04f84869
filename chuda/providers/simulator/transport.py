"""Cutting a connection, which ASGI has no word for: uvicorn's protocol with its transport within reach."""

from __future__ import annotations

import asyncio

from starlette.types import Receive, Scope
from uvicorn.protocols.http.h11_impl import H11Protocol


class CuttableProtocol(H11Protocol):
    """HTTP/1.1 over h11 that leaves its transport in the scope's state."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Put the transport where the application can find it."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


async def drop_connection(scope: Scope, receive: Receive) -> None:
    """Cut the connection without an answer; returns when it is gone.

    Raises:
        ConnectionResetError: there is no socket (an in-process client), which gets the cut as this error.
    """
    transport = scope.get("state", {}).get("transport")
    if transport is None:
        raise ConnectionResetError("the simulator cut the connection")
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass


async def wait_for_disconnect(receive: Receive, at_most_s: float) -> None:
    """Say nothing until the client goes away, or for `at_most_s` real seconds."""
    try:
        async with asyncio.timeout(at_most_s):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return
