"""The sending endpoint of any protocol, with trouble around it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from chuda.providers.simulator.faults import FaultInjector
from chuda.providers.simulator.profile import RequestFault
from chuda.providers.simulator.record import Record
from chuda.providers.simulator.transport import drop_connection, wait_for_disconnect

_LONGEST_SILENCE_S = 300.0


class FaultyEndpoint:
    """An ASGI application around a handler that records and answers; None as answer drops the connection.

    `reference` finds in a request's content what its fault is to be recorded under: the batch. The content is the body,
    after the query string and a line's end where there is one.
    """

    def __init__(
        self,
        handler: Callable[[Request], Awaitable[Response]],
        injector: FaultInjector,
        record: Record,
        reference: Callable[[bytes], str],
    ) -> None:
        self._handler = handler
        self._injector = injector
        self._record = record
        self._reference = reference

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or spoil it."""
        if self._injector.refuses():
            await self._record.note_fault("refuse", "")
            await drop_connection(scope, receive)
            return
        request = Request(scope, receive)
        try:
            response = await self._respond(request, receive)
        except ClientDisconnect:
            return  # the body never arrived whole, so there is nothing to record
        if response is None:
            await drop_connection(scope, receive)
        else:
            await response(scope, receive, send)

    async def _respond(self, request: Request, receive: Receive) -> Response | None:
        body = await request.body()
        query = request.url.query
        content = query.encode() + b"\n" + body if query else body
        fault = self._injector.choose_for_request(content)
        if fault is None:
            return await self._handler(request)
        reference = self._reference(content)
        await self._record.note_fault(fault, reference)
        if fault in ("reset", "hang_lost", "hang_before", "bad_gateway", "too_many"):
            return await self._fail_before(fault, request, reference)
        return await self._fail_after(fault, request, receive)

    async def _fail_before(self, fault: RequestFault, request: Request, reference: str) -> Response | None:
        faults = self._injector.faults
        if fault == "bad_gateway":
            return Response("bad gateway", 502)
        if fault == "too_many":
            return Response("too many requests", 429, {"Retry-After": str(faults.retry_after_seconds)})
        if fault == "hang_lost":
            await asyncio.sleep(faults.hang_seconds)
        if fault == "hang_before":
            return await self._hang_before(request, reference)
        return None

    async def _hang_before(self, request: Request, reference: str) -> Response | None:
        waiting = self._injector.let_wait(reference)
        try:
            await asyncio.sleep(self._injector.faults.hang_seconds)
            return None if waiting.is_void else await self._handler(request)
        finally:
            self._injector.forget(reference, waiting)

    async def _fail_after(self, fault: RequestFault, request: Request, receive: Receive) -> Response | None:
        faults = self._injector.faults
        response = await self._handler(request)
        if fault == "accept_then_timeout":
            await wait_for_disconnect(receive, _LONGEST_SILENCE_S)
            return None
        if fault == "bad_gateway_but_accepted":
            return Response("bad gateway", 502)
        if fault == "wrong_json":
            return Response('{"results": [{"message_id": "', 200, media_type="application/json")
        await asyncio.sleep(faults.hang_seconds if fault == "hang_after" else faults.slow_seconds)
        return response
