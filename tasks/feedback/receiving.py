"""The push receiver: providers post receipts, replies and clicks to a secret path and hear “ok” once they are on disk.

`POST /push/<secret>/<channel>/<receipts|replies|clicks>` takes what the channel's provider documents: a JSON array, a
single object, or (generic) `{"items": […]}`. Everything else is 404, so that nobody learns what there is. Own short
links are followed here too (`redirecting.py`).
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from chuda.clock import Clock, to_us
from chuda.errors import ChudaError, UsageError
from chuda.keys import Keys
from chuda.providers.feeds import read_items, show_item
from chuda.providers.generic import read_click, read_receipt, read_reply
from chuda.providers.opening import PUSH_FORMS, PushForm
from chuda.stores.ledger.queue import Reject
from tasks.feedback.durable import DurableWriter
from tasks.feedback.intake import ProviderEvent, make_page
from tasks.feedback.items import CLICKS, RECEIPTS, REPLIES
from tasks.feedback.redirecting import Redirector

LARGEST_BODY = 1024 * 1024
MOST_ITEMS = 1000
SHORTEST_SECRET = 24
GENERIC_FORM = PushForm(read_receipt, read_reply, '{"code":0}')
Reader = Callable[[Mapping[str, Any]], ProviderEvent]


@dataclass(frozen=True, slots=True)
class Receiver:
    """What the endpoint needs; `adapters` maps the channels that may push to their protocol."""

    keys: Keys
    clock: Clock
    writer: DurableWriter
    secret: str
    adapters: Mapping[str, str]

    async def take(self, request: Request) -> Response:
        """One push: checked, tokenised, kept, answered in the provider's words."""
        channel, feed = request.path_params["channel"], request.path_params["feed"]
        given = request.path_params["secret"].encode()
        reader, answer = self._form(channel, feed)
        if not hmac.compare_digest(given, self.secret.encode()) or reader is None:
            return Response(status_code=404)
        body = await _read_body(request)
        if body is None:
            return Response(status_code=413)
        items = _parse(body)
        now = self.clock.now()
        if items is None:
            bad = Reject(channel, feed, "body_not_as_documented", show_item(body[:300].decode("utf-8", "replace")),
                         to_us(now))  # fmt: skip
            return await self._kept(self.writer.keep(None, [bad]), Response(status_code=400))
        events, unreadable = read_items(items, reader)
        # Keyed, so that nobody can find a number by trying bodies.
        fingerprint = self.keys.token(body.decode("latin-1"))
        page, rejects = make_page(self.keys, channel, feed, events, unreadable, now, fingerprint)
        return await self._kept(self.writer.keep(page, rejects), Response(answer, media_type="application/json"))

    def _form(self, channel: str, feed: str) -> tuple[Reader | None, str]:
        adapter = self.adapters.get(channel)
        if adapter is None:
            return None, ""
        form = PUSH_FORMS.get(adapter, GENERIC_FORM)
        readers: dict[str, Reader] = {RECEIPTS: form.read_receipt, REPLIES: form.read_reply, CLICKS: read_click}
        return readers.get(feed), form.answer

    async def _kept(self, keeping: Any, answer: Response) -> Response:
        try:
            await keeping
        except (ChudaError, asyncio.QueueFull):
            return Response(status_code=503, headers={"Retry-After": "60"})
        return answer


async def _read_body(request: Request) -> bytes | None:
    """The body, or None if it is larger than allowed; no more than that is ever held."""
    if int(request.headers.get("content-length") or 0) > LARGEST_BODY:
        return None
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST_BODY:
                return None
    except ClientDisconnect:
        return None
    return bytes(body)


def _parse(body: bytes) -> list[object] | None:
    """The items of a push; None if it is no JSON, has another shape, or too many."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if isinstance(said, dict):
        said = said["items"] if isinstance(said.get("items"), list) else [said]
    return cast(list[object], said) if isinstance(said, list) and len(said) <= MOST_ITEMS else None


def check_secret(secret: str) -> str:
    """The secret of the path, if it can be one.

    Raises:
        UsageError: it is short or would not stand in a path.
    """
    if len(secret) < SHORTEST_SECRET or not secret.isascii() or not secret.replace("-", "").replace("_", "").isalnum():
        raise UsageError(
            f"set CHUDA_PUSH_SECRET to at least {SHORTEST_SECRET} letters and digits, "
            "e.g. from `python -c 'import secrets; print(secrets.token_urlsafe(24))'`"
        )
    return secret


def make_app(receiver: Receiver, redirector: Redirector | None = None, link_paths: Sequence[str] = ()) -> Starlette:
    """The ASGI application; its writer runs as long as it does.

    Args:
        receiver: takes pushes.
        redirector: follows own short links, if any channel has them.
        link_paths: the paths of the channels' short links; `/` or `/r`.
    """

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        writing = asyncio.create_task(receiver.writer.run())
        yield
        writing.cancel()
        await asyncio.wait([writing])  # who still waits for an answer gets one

    routes = [Route("/push/{secret}/{channel}/{feed}", receiver.take, methods=["POST"])]
    if redirector is not None:
        paths = sorted({path.rstrip("/") for path in link_paths})
        routes += [Route(f"{path}/{{code}}", redirector.follow, methods=["GET", "HEAD"]) for path in paths]
    app = Starlette(routes=routes, lifespan=lifespan)
    app.router.redirect_slashes = False  # a path that is not exactly right is not found
    return app
