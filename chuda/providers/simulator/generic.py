"""The generic HTTP/JSON protocol: `/messages`, the feeds, `/balance`, `/statistics`.

`/orders` is not the SMS company's: it is the shop, which the same world runs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import date
from functools import partial
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chuda.providers.simulator.endpoint import FaultyEndpoint
from chuda.providers.simulator.feeds import START, iso
from chuda.providers.simulator.profile import describe
from chuda.providers.simulator.provider import BatchTooLarge, SimulatedProvider, Standing, TooFast
from chuda.providers.simulator.record import Position
from chuda.providers.simulator.rules import IncomingMessage

PAGE_LIMIT = 1000
_FEEDS = {"/receipts": "receipt", "/replies": "reply", "/clicks": "click", "/orders": "order"}
Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class _Batch:
    batch_id: Annotated[str, Field(min_length=1, max_length=200)]
    messages: list[IncomingMessage]


_BATCH = TypeAdapter(_Batch)


def routes(provider: SimulatedProvider, token: str) -> list[Route]:
    """All endpoints of the protocol; each wants `Authorization: Bearer <token>`."""
    guard = partial(guarded, token)
    send = FaultyEndpoint(guard(partial(_send, provider)), provider.injector, provider.record, _reference)
    feeds = [Route(path, guard(partial(_read_feed, provider, kind))) for path, kind in _FEEDS.items()]
    return [
        Route("/messages", send, methods=["POST"]),
        Route("/messages", guard(partial(_find, provider)), methods=["GET"]),
        Route("/balance", guard(partial(_balance, provider))),
        Route("/statistics", guard(partial(_statistics, provider))),
        Route("/bill", guard(partial(_bill, provider))),
        *feeds,
    ]


def answer(content: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(to_json(content), status, headers, media_type="application/json")


def problem(status: int, code: str, message: str) -> Response:
    """A JSON answer that says what was wrong with the request."""
    return answer({"code": code, "message": message}, status)


def guarded(token: str, handler: Handler) -> Handler:
    """The handler behind `Authorization: Bearer <token>`; anything else gets 401."""
    expected = f"Bearer {token}"

    async def checked(request: Request) -> Response:
        if request.headers.get("authorization") != expected:
            return problem(401, "UNAUTHORIZED", "the bearer token is missing or wrong")
        return await handler(request)

    return checked


async def _send(provider: SimulatedProvider, request: Request) -> Response:
    try:
        batch = _BATCH.validate_json(await request.body())
    except ValidationError as error:
        return problem(400, "MALFORMED", describe(error))
    try:
        answers = await provider.accept(batch.batch_id, batch.messages)
    except BatchTooLarge:
        return problem(400, "BATCH_SIZE", f"a request carries 1 to {provider.profile.max_batch} messages")
    except TooFast as error:
        body = {"code": "TOO_MANY_REQUESTS", "message": str(error)}
        return answer(body, 429, {"Retry-After": str(error.retry_after_s)})
    return answer({"results": [_result(*reply) for reply in answers]})


def _reference(body: bytes) -> str:
    try:
        return str(from_json(body)["batch_id"])
    except (ValueError, KeyError, TypeError):
        return ""


def _result(message_id: str, code: str, number: str, parts: int) -> dict[str, object]:
    return {"message_id": message_id, "code": code, "provider_message_id": number, "parts": parts}


async def _find(provider: SimulatedProvider, request: Request) -> Response:
    batch_id = request.query_params.get("batch_id", "")
    if not batch_id:
        return problem(400, "MALFORMED", "batch_id: which batch?")
    return answer({"results": [_standing(found) for found in provider.find(batch_id)]})


def _standing(found: Standing) -> dict[str, object]:
    fields = asdict(found)
    return {**fields, "accepted_at": iso(fields.pop("accepted_at_us"))}


async def _read_feed(provider: SimulatedProvider, kind: str, request: Request) -> Response:
    try:
        after = _parse_cursor(request.query_params.get("cursor", ""))
        limit = int(request.query_params.get("limit", "100"))
    except ValueError:
        return problem(400, "MALFORMED", "cursor must be one that was given out, limit a whole number")
    found = await provider.feeds.read(kind, after, min(max(limit, 1), PAGE_LIMIT))
    last = found[-1][0] if found else after
    # The items are stored as they are shown; parsing them to write them again would be most of the work.
    items = ",".join(item for _, item in found)
    return Response(f'{{"cursor":"{last[0]}-{last[1]}","items":[{items}]}}', media_type="application/json")


def _parse_cursor(cursor: str) -> Position:
    if not cursor:
        return START
    visible_at_us, event_id = cursor.split("-")
    return int(visible_at_us), int(event_id)


async def _balance(provider: SimulatedProvider, _: Request) -> Response:
    price = provider.profile.price_per_part
    return answer({"balance": str(provider.balance()), "currency": "CNY", "price_per_part": str(price)})


async def _statistics(provider: SimulatedProvider, request: Request) -> Response:
    try:
        day = date.fromisoformat(request.query_params.get("day", ""))
    except ValueError:
        return problem(400, "MALFORMED", "day: write YYYY-MM-DD")
    return answer({"day": day.isoformat(), **asdict(await provider.totals(day))})


async def _bill(provider: SimulatedProvider, request: Request) -> Response:
    try:
        day = date.fromisoformat(request.query_params.get("day", ""))
    except ValueError:
        return problem(400, "MALFORMED", "day: write YYYY-MM-DD")
    price = provider.profile.price_per_part
    lines = [
        {**asdict(line), "accepted_at": iso(line.accepted_at_us), "fee": str(price * line.parts)}
        for line in provider.bill(day)
    ]
    return answer({"day": day.isoformat(), "items": lines})
