"""The generic HTTP/JSON provider: the protocol of small platforms, and of the built-in simulator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx

from chuda.errors import ProviderTrouble
from chuda.providers.protocol import (
    ClickEvent,
    Event,
    MessageResult,
    OutgoingMessage,
    Page,
    ReceiptEvent,
    ReplyEvent,
    SendResult,
)

PAGE_SIZE = 1000
_TIMEOUT = httpx.Timeout(10.0, connect=5.0)
# Nothing of the request can have reached the provider.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class GenericProvider:
    """`POST /messages`, `GET /messages`, `/receipts`, `/replies`, `/clicks` with a bearer token."""

    def __init__(
        self, endpoint: str, token: str, transport: httpx.AsyncBaseTransport | None = None, trust_env: bool = True
    ) -> None:
        self._client = httpx.AsyncClient(
            base_url=endpoint,
            headers={"Authorization": f"Bearer {token}"},
            timeout=_TIMEOUT,
            transport=transport,
            trust_env=trust_env,
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=64),
        )

    async def send(self, batch_id: str, messages: Sequence[OutgoingMessage]) -> SendResult:
        """Make one request and tell what is certain about it; see `classify_answer`."""
        body = {
            "batch_id": batch_id,
            "messages": [
                {"message_id": m.message_id, "phone": m.phone, "text": m.text, "type": m.message_type} for m in messages
            ],
        }
        try:
            response = await self._client.post("/messages", json=body)
        except _NOT_SENT as error:
            return SendResult(MessageResult("not_sent", type(error).__name__))
        except httpx.HTTPError as error:
            return SendResult(MessageResult("unknown", type(error).__name__))
        return classify_answer(response)

    async def find(self, batch_id: str) -> Mapping[str, MessageResult]:
        """What the provider has of a batch; messages it does not name it does not have."""
        body = await self._get("/messages", {"batch_id": batch_id})
        try:
            return {item["message_id"]: _found(item) for item in body["results"]}
        except (KeyError, TypeError) as error:
            raise ProviderTrouble("the provider's answer about a batch was not as documented; ask again") from error

    async def receipts(self, cursor: str) -> Page[ReceiptEvent]:
        """Receipts after `cursor`."""
        return await self._page("/receipts", cursor, _receipt)

    async def replies(self, cursor: str) -> Page[ReplyEvent]:
        """Replies after `cursor`."""
        return await self._page("/replies", cursor, _reply)

    async def clicks(self, cursor: str) -> Page[ClickEvent]:
        """Clicks after `cursor`."""
        return await self._page("/clicks", cursor, _click)

    async def close(self) -> None:
        """Give back the connections."""
        await self._client.aclose()

    async def _page(self, path: str, cursor: str, read: Callable[[dict[str, Any]], Event]) -> Page[Event]:
        body = await self._get(path, {"cursor": cursor, "limit": str(PAGE_SIZE)})
        try:
            items = [read(item) for item in body["items"]]
            return Page(items, str(body["cursor"]), more=len(items) >= PAGE_SIZE)
        except (KeyError, TypeError, ValueError) as error:
            raise ProviderTrouble(
                f"the provider's answer to {path} was not as documented; nothing was taken"
            ) from error

    async def _get(self, path: str, query: dict[str, str]) -> Any:
        try:
            response = await self._client.get(path, params=query)
            response.raise_for_status()
            return response.json()
        except httpx.HTTPStatusError as error:
            raise ProviderTrouble(
                f"the provider answered {error.response.status_code} to {path}; repeat later"
            ) from None
        except (httpx.HTTPError, ValueError) as error:
            raise ProviderTrouble(
                f"the provider could not be asked ({type(error).__name__} at {path}); repeat later"
            ) from None


def classify_answer(response: httpx.Response) -> SendResult:
    """What an HTTP answer to a send proves.

    200 with a readable body: what it says of each message, and unknown for those it does not name. 429 and 401/403:
    not sent. Any other 4xx with a readable code: rejected. Everything else (5xx, unreadable): unknown.
    """
    if response.status_code == 429:
        return SendResult(MessageResult("not_sent", "429"), retry_after_s=_retry_after(response))
    if response.status_code in (401, 403):
        return SendResult(
            MessageResult("not_sent", str(response.status_code)), stop="the provider refused the credentials"
        )
    try:
        body = response.json()
        if response.status_code == 200:
            return SendResult(
                MessageResult("unknown", "not_named"), {r["message_id"]: _answered(r) for r in body["results"]}
            )
        if 400 <= response.status_code < 500:
            return SendResult(MessageResult("rejected", str(body["code"])))
    except (ValueError, KeyError, TypeError):
        return SendResult(MessageResult("unknown", "unreadable_answer"))
    return SendResult(MessageResult("unknown", str(response.status_code)))


def _answered(item: dict[str, Any]) -> MessageResult:
    code = str(item["code"])
    return MessageResult("accepted") if code == "OK" else MessageResult("rejected", code)


def _found(item: dict[str, Any]) -> MessageResult:
    # "failed" is what the network made of an accepted message; its receipt will say so.
    return MessageResult("accepted", str(item["status"]))


def _retry_after(response: httpx.Response) -> float:
    try:
        return max(0.0, float(response.headers.get("Retry-After", "1")))
    except ValueError:
        return 1.0


def _receipt(item: dict[str, Any]) -> ReceiptEvent:
    return ReceiptEvent(
        message_id=str(item["message_id"]),
        phone=str(item["phone"]),
        status="delivered" if item["status"] == "delivered" else "failed",
        code=str(item["code"]),
        parts=int(item["parts"]),
        reported_at=datetime.fromisoformat(item["reported_at"]),
        attempts=None if item.get("attempts") is None else int(item["attempts"]),
    )


def _reply(item: dict[str, Any]) -> ReplyEvent:
    return ReplyEvent(str(item["phone"]), str(item["text"]), datetime.fromisoformat(item["received_at"]))


def _click(item: dict[str, Any]) -> ClickEvent:
    return ClickEvent(
        str(item["message_id"]), str(item["phone"]), str(item["link"]), datetime.fromisoformat(item["clicked_at"])
    )
