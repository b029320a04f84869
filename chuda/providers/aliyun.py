"""Aliyun SMS (dysmsapi 2017-05-25): SendSms, SendBatchSms, QuerySendDetails, QuerySendStatistics, and its pushes.

There is no idempotency key and no feed to pull: receipts and replies are pushed. A request without an answer, and a
message whose push was lost, is looked for by phone number and day, where our batch id stands as OutId.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import httpx

from chuda.clock import BUSINESS_ZONE, Clock
from chuda.errors import ProviderTrouble
from chuda.providers import acs3
from chuda.providers.codes import whole_request
from chuda.providers.feeds import Unreadable, parts_field, text_field, time_field
from chuda.providers.numbers import from_aliyun, to_aliyun
from chuda.providers.protocol import (
    ClickEvent,
    DailyTotals,
    MessageResult,
    OutgoingMessage,
    Page,
    ReceiptEvent,
    ReplyEvent,
    SendResult,
    SilentMessage,
)
from chuda.providers.templated import TemplatedRequest, take_request_apart
from chuda.providers.wire import DEADLINE_S, ask, open_client, post, read_retry_after
from chuda.records.filed import FiledTemplate

PUSH_ANSWER = '{"code":0,"msg":"OK"}'
"""What the push receiver must answer; anything else is pushed again after 1, 5 and 10 minutes."""

_VERSION = "2017-05-25"
_FORM = "application/x-www-form-urlencoded"
_QUERIES_AT_ONCE = 16
_PAGE_SIZE = 50
# A request that left shortly before midnight may be listed under the next day.
_MIDNIGHT_MARGIN = timedelta(minutes=10)
_UNSAFE = re.compile(rb"[^A-Za-z0-9_.~-]+")
_STATUS = {1: "accepted", 2: "failed", 3: "delivered"}
_MALFORMED = "Aliyun's answer to {action} was not as documented; nothing was taken, repeat later"


@dataclass(frozen=True, slots=True)
class AliyunAccount:
    """Where and as whom to speak, and what was filed there."""

    endpoint: str
    key_id: str = field(repr=False)
    key_secret: str = field(repr=False)
    templates: tuple[FiledTemplate, ...] = ()


class AliyunProvider:
    """One Aliyun account; the clock dates the signatures."""

    def __init__(
        self, account: AliyunAccount, clock: Clock, transport: httpx.AsyncBaseTransport | None = None,
        trust_env: bool = True, deadline_s: float = DEADLINE_S, nonce: Callable[[], str] = lambda: uuid4().hex,
    ) -> None:  # fmt: skip
        self._account = account
        self._clock = clock
        self._client = open_client(account.endpoint, transport, trust_env)
        self._host = self._client.base_url.netloc.decode()
        self._deadline_s = deadline_s
        self._nonce = nonce

    async def send(self, batch_id: str, messages: Sequence[OutgoingMessage]) -> SendResult:
        """Make one request: SendSms where everybody gets the same, else SendBatchSms; one template in either case."""
        request = take_request_apart(messages, self._account.templates)
        refusal = request.refusal(request.is_one_template)
        if refusal is not None:
            return refusal
        action = "SendSms" if request.is_one_text else "SendBatchSms"
        query, form = _one_text(batch_id, request) if request.is_one_text else _personal(batch_id, request)
        answer = await post(self._client, *self._signed(action, query, form), self._deadline_s)
        result = SendResult(answer) if isinstance(answer, MessageResult) else classify_answer(answer)
        return request.with_unfit(result)

    async def find(
        self, batch_id: str, messages: Sequence[OutgoingMessage], since: datetime
    ) -> Mapping[str, MessageResult]:
        """Those of `messages` that Aliyun lists under this batch, asked for number by number."""
        gate = asyncio.Semaphore(_QUERIES_AT_ONCE)

        async def look(message: OutgoingMessage) -> tuple[str, MessageResult] | None:
            async with gate:
                rows = [row for day in _days(since) for row in await self._details(message.phone, day)]
            own = [row for row in rows if row.get("OutId") == batch_id]
            return (message.message_id, MessageResult("accepted", _status(own[0]))) if own else None

        found = await asyncio.gather(*(look(message) for message in messages))
        return dict(one for one in found if one is not None)

    async def statistics(self, day: date) -> DailyTotals:
        """Billable parts of a day, and how many of them were reported delivered or failed."""
        query = {"StartDate": f"{day:%Y%m%d}", "EndDate": f"{day:%Y%m%d}", "IsGlobe": "1", "PageIndex": "1",
                 "PageSize": "50"}  # fmt: skip
        body = await self._ask("QuerySendStatistics", query)
        try:
            rows = body["Data"]["TargetList"]
            total, good, bad = (
                sum(int(row[name]) for row in rows)
                for name in ("TotalCount", "RespondedSuccessCount", "RespondedFailCount")
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ProviderTrouble(_MALFORMED.format(action="QuerySendStatistics")) from error
        return DailyTotals(day, total, good, bad)

    async def receipts(self, cursor: str) -> Page[ReceiptEvent]:
        """Nothing: Aliyun pushes its receipts (`read_receipt`), or tells them by number (`ask_receipts`)."""
        return Page([], cursor, more=False)

    async def ask_receipts(self, messages: Sequence[SilentMessage]) -> Sequence[ReceiptEvent]:
        """What QuerySendDetails lists as delivered or failed of these messages, each asked for by number and day."""
        gate = asyncio.Semaphore(_QUERIES_AT_ONCE)

        async def look(message: SilentMessage) -> ReceiptEvent | None:
            async with gate:
                rows = [row for day in _days(message.sent_at) for row in await self._details(message.phone, day)]
            own = [row for row in rows if row.get("OutId") == message.batch_id and _status(row) != "accepted"]
            return _told(message, own[0]) if own else None

        found = await asyncio.gather(*(look(message) for message in messages))
        return [event for event in found if event is not None]

    async def replies(self, cursor: str) -> Page[ReplyEvent]:
        """Nothing: Aliyun pushes its replies (`read_reply`)."""
        return Page([], cursor, more=False)

    async def clicks(self, cursor: str) -> Page[ClickEvent]:
        """Nothing: Aliyun reports no clicks."""
        return Page([], cursor, more=False)

    async def close(self) -> None:
        """Give back the connections."""
        await self._client.aclose()

    async def _details(self, phone: str, day: date) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for page in range(1, 100):
            query = {"PhoneNumber": to_aliyun(phone), "SendDate": f"{day:%Y%m%d}", "PageSize": str(_PAGE_SIZE),
                     "CurrentPage": str(page)}  # fmt: skip
            body = await self._ask("QuerySendDetails", query)
            try:
                rows += body["SmsSendDetailDTOs"]["SmsSendDetailDTO"]
                total = int(body["TotalCount"])
            except (KeyError, TypeError, ValueError) as error:
                raise ProviderTrouble(_MALFORMED.format(action="QuerySendDetails")) from error
            if page * _PAGE_SIZE >= total:
                break
        return rows

    async def _ask(self, action: str, query: dict[str, str]) -> dict[str, Any]:
        response = await ask(self._client, self._request(action, query, None), self._deadline_s)
        try:
            body = response.json()
            code = str(body["Code"])
        except (ValueError, KeyError, TypeError):
            code = str(response.status_code)
        if code != "OK":
            raise ProviderTrouble(f"Aliyun answered {code} to {action}; repeat later")
        return dict(body)

    def _request(self, action: str, query: Mapping[str, str], form: Mapping[str, str] | None) -> httpx.Request:
        target, headers, body = self._signed(action, query, form)
        return self._client.build_request("POST", target, content=body, headers=headers)

    def _signed(
        self, action: str, query: Mapping[str, str], form: Mapping[str, str] | None
    ) -> tuple[str, dict[str, str], bytes]:
        body = encode_form(form or {})
        canonical = acs3.canonical_query(query)
        headers = {
            "host": self._host,
            "x-acs-action": action,
            "x-acs-version": _VERSION,
            "x-acs-date": self._clock.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": self._nonce(),
            "x-acs-content-sha256": sha256(body).hexdigest(),
            # Always: the transport would add one of its own to an empty body, unsigned.
            "content-type": _FORM,
        }
        account = self._account
        sealed = acs3.authorization(account.key_id, account.key_secret, "POST", canonical, headers)
        return f"/?{canonical}", {**headers, "authorization": sealed}, body


def encode_form(fields: Mapping[str, str]) -> bytes:
    """A form's body, as urllib's `urlencode` gives it in a third of the time: most of a batch's bytes are escaped."""
    return b"&".join(name.encode() + b"=" + _UNSAFE.sub(_escaped, value.encode()) for name, value in fields.items())


def _escaped(run: re.Match[bytes]) -> bytes:
    return f"%{run[0].hex('%').upper()}".replace("%20", "+").encode()


def _one_text(batch_id: str, request: TemplatedRequest) -> tuple[dict[str, str], None]:
    filed = request.members[0][1]
    return {
        "PhoneNumbers": ",".join(to_aliyun(message.phone) for message, _ in request.members),
        "SignName": filed.signature,
        "TemplateCode": filed.code,
        **({"TemplateParam": _json(dict(filed.parameters))} if filed.parameters else {}),
        "OutId": batch_id,
    }, None


def _personal(batch_id: str, request: TemplatedRequest) -> tuple[dict[str, str], dict[str, str]]:
    return {"TemplateCode": request.members[0][1].code, "OutId": batch_id}, {
        "PhoneNumberJson": _json([to_aliyun(message.phone) for message, _ in request.members]),
        "SignNameJson": _json([filed.signature for _, filed in request.members]),
        "TemplateParamJson": _json([dict(filed.parameters) for _, filed in request.members]),
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def classify_answer(response: httpx.Response) -> SendResult:
    """What an answer to a send proves; Aliyun answers for the request as a whole.

    5xx and what cannot be read: unknown. 429: not sent. Everything else by its code.
    """
    if response.status_code == 429:
        return SendResult(MessageResult("not_sent", "429"), retry_after_s=read_retry_after(response))
    if response.status_code >= 500:
        return SendResult(MessageResult("unknown", str(response.status_code)))
    try:
        body = response.json()
        return whole_request("aliyun", str(body["Code"]), str(body.get("Message", "")))
    except (ValueError, KeyError, TypeError, AttributeError):
        return SendResult(MessageResult("unknown", "unreadable_answer"))


def _days(since: datetime) -> list[date]:
    local = since.astimezone(BUSINESS_ZONE)
    return sorted({local.date(), (local + _MIDNIGHT_MARGIN).date()})


def _status(row: Mapping[str, Any]) -> str:
    return _STATUS.get(int(row.get("SendStatus", 1)), "accepted")


def _told(message: SilentMessage, row: Mapping[str, Any]) -> ReceiptEvent:
    """A row of QuerySendDetails as the receipt of the message it is about; it tells no size."""
    return ReceiptEvent(
        message_id=message.message_id,
        phone=message.phone,
        status="delivered" if _status(row) == "delivered" else "failed",
        code=text_field(row, "ErrCode", is_needed=False),
        parts=0,
        reported_at=time_field(row, "ReceiveDate"),
        batch_id=message.batch_id,
    )


def read_receipt(item: Mapping[str, Any]) -> ReceiptEvent:
    """One item of a receipt push (SmsReport); raises `Unreadable`."""
    said = str(item.get("success")).lower()
    if said not in ("true", "false"):
        raise Unreadable("status_unknown")
    return ReceiptEvent(
        message_id="",
        phone=from_aliyun(text_field(item, "phone_number")),
        status="delivered" if said == "true" else "failed",
        code=text_field(item, "err_code", is_needed=False),
        parts=parts_field(item, "sms_size"),
        reported_at=time_field(item, "report_time"),
        batch_id=text_field(item, "out_id", is_needed=False),
    )


def read_reply(item: Mapping[str, Any]) -> ReplyEvent:
    """One item of a reply push (SmsUp); raises `Unreadable`."""
    phone = from_aliyun(text_field(item, "phone_number"))
    return ReplyEvent(phone, text_field(item, "content"), time_field(item, "send_time"))
