"""The generic HTTP/JSON provider: the protocol of small platforms, and of the built-in simulator."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

import httpx

from chuda.errors import ProviderTrouble
from chuda.message_types import rules_of
from chuda.providers.feeds import Unreadable, parts_field, read_items, text_field, time_field
from chuda.providers.protocol import (
    ClickEvent,
    DailyTotals,
    Event,
    MessageResult,
    OutgoingMessage,
    Page,
    ReceiptEvent,
    ReplyEvent,
    SendResult,
)
from chuda.providers.wire import DEADLINE_S, ask, open_client, post, read_retry_after

PAGE_SIZE = 1000
_ACCEPTED = MessageResult("accepted")


class GenericProvider:
    """`POST /messages`, `GET /messages`, `/receipts`, `/replies`, `/clicks` with a bearer token."""

    def __init__(
        self, endpoint: str, token: str, transport: httpx.AsyncBaseTransport | None = None, trust_env: bool = True,
        deadline_s: float = DEADLINE_S,
    ) -> None:  # fmt: skip
        self._client = open_client(endpoint, transport, trust_env)
        self._client.headers["Authorization"] = f"Bearer {token}"
        self._sending = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._deadline_s = deadline_s

    async def send(self, batch_id: str, messages: Sequence[OutgoingMessage]) -> SendResult:
        """Make one request and tell what is certain about it; see `classify_answer`."""
        body = {
            "batch_id": batch_id,
            "messages": [
                {"message_id": m.message_id, "phone": m.phone, "text": m.text, "type": _told_type(m.message_type)}
                for m in messages
            ],
        }
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        answer = await post(self._client, "/messages", self._sending, content, self._deadline_s)
        return SendResult(answer) if isinstance(answer, MessageResult) else classify_answer(answer)

    async def find(
        self, batch_id: str, messages: Sequence[OutgoingMessage], since: datetime
    ) -> Mapping[str, MessageResult]:
        """What the provider has of a batch; messages it does not name it does not have."""
        body = await self._get("/messages", {"batch_id": batch_id})
        try:
            return {item["message_id"]: _found(item) for item in body["results"]}
        except (KeyError, TypeError) as error:
            raise ProviderTrouble("the provider's answer about a batch was not as documented; ask again") from error

    async def receipts(self, cursor: str) -> Page[ReceiptEvent]:
        """Receipts after `cursor`."""
        return await self._page("/receipts", cursor, read_receipt)

    async def replies(self, cursor: str) -> Page[ReplyEvent]:
        """Replies after `cursor`."""
        return await self._page("/replies", cursor, read_reply)

    async def clicks(self, cursor: str) -> Page[ClickEvent]:
        """Clicks after `cursor`."""
        return await self._page("/clicks", cursor, read_click)

    async def statistics(self, day: date) -> DailyTotals:
        """The provider's figures of a day."""
        body = await self._get("/statistics", {"day": day.isoformat()})
        try:
            names = ("parts", "delivered", "failed", "messages", "delivered_parts")
            return DailyTotals(day, **{name: int(body[name]) for name in names})
        except (KeyError, TypeError, ValueError) as error:
            raise ProviderTrouble("the provider's statistics were not as documented; nothing was taken") from error

    async def balance(self) -> Decimal:
        """Credit left in CNY."""
        body = await self._get("/balance", {})
        try:
            return Decimal(str(body["balance"]))
        except (KeyError, TypeError, InvalidOperation) as error:
            raise ProviderTrouble("the provider's balance was not as documented") from error

    async def close(self) -> None:
        """Give back the connections."""
        await self._client.aclose()

    async def _page(self, path: str, cursor: str, read: Callable[[Mapping[str, Any]], Event]) -> Page[Event]:
        body = await self._get(path, {"cursor": cursor, "limit": str(PAGE_SIZE)})
        try:
            items, position = list(body["items"]), str(body["cursor"])
        except (KeyError, TypeError) as error:
            raise ProviderTrouble(
                f"the provider's answer to {path} was not as documented; nothing was taken"
            ) from error
        events, unreadable = read_items(items, read)
        return Page(events, position, more=len(items) >= PAGE_SIZE, unreadable=unreadable)

    async def _get(self, path: str, query: dict[str, str]) -> Any:
        request = self._client.build_request("GET", path, params=query)
        response = await ask(self._client, request, self._deadline_s)
        try:
            response.raise_for_status()
            return response.json()
        except (httpx.HTTPStatusError, ValueError):
            raise ProviderTrouble(f"the provider answered {response.status_code} to {path}; repeat later") from None


def classify_answer(response: httpx.Response) -> SendResult:
    """What an HTTP answer to a send proves.

    200 with a readable body: what it says of each message, and unknown for those it does not name. 429 and 401/403:
    not sent. Any other 4xx with a readable code: rejected. Everything else (5xx, unreadable): unknown.
    """
    if response.status_code == 429:
        return SendResult(MessageResult("not_sent", "429"), retry_after_s=read_retry_after(response))
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
    return _ACCEPTED if code == "OK" else MessageResult("rejected", code)


def _found(item: dict[str, Any]) -> MessageResult:
    # "failed" is what the network made of an accepted message; its receipt will say so.
    return MessageResult("accepted", str(item["status"]))


@cache
def _told_type(message_type: str) -> str:
    # An answer to a keyword is marketing to the outside.
    return rules_of(message_type).channel or message_type


def read_receipt(item: Mapping[str, Any]) -> ReceiptEvent:
    """One item of `/receipts`, pulled or pushed; raises `Unreadable`."""
    status = text_field(item, "status")
    if status not in ("delivered", "failed"):
        raise Unreadable("status_unknown")
    return ReceiptEvent(
        message_id=text_field(item, "message_id"),
        phone=text_field(item, "phone", is_needed=False),
        status="delivered" if status == "delivered" else "failed",
        code=text_field(item, "code", is_needed=False),
        parts=parts_field(item, "parts"),
        reported_at=time_field(item, "reported_at"),
        attempts=parts_field(item, "attempts") or None,
    )


def read_reply(item: Mapping[str, Any]) -> ReplyEvent:
    """One item of `/replies`, pulled or pushed; raises `Unreadable`."""
    return ReplyEvent(text_field(item, "phone"), text_field(item, "text"), time_field(item, "received_at"))


def read_click(item: Mapping[str, Any]) -> ClickEvent:
    """One item of `/clicks`, pulled or pushed, that says whose click it was or at least on which link.

    Raises:
        Unreadable: it says neither.
    """
    message_id, phone, link = (text_field(item, name, is_needed=False) for name in ("message_id", "phone", "link"))
    if not (message_id or phone or link):
        raise Unreadable("phone_missing")
    agent = text_field(item, "user_agent", is_needed=False)
    return ClickEvent(message_id, phone, link, time_field(item, "clicked_at"), agent)
