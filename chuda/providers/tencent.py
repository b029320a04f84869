"""Tencent Cloud SMS (2021-01-11): SendSms, the pulls of statuses and replies, statistics, and its pushes.

One request is one template with one set of parameters, so personal texts are one message each. There is no idempotency
key. The pulls are queues that forget what they have handed out: whoever pulls keeps a page before asking again, and
there is no cursor.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal, TypeVar

import httpx

from chuda.clock import Clock
from chuda.errors import ProviderTrouble
from chuda.providers import tc3
from chuda.providers.codes import each_message, find_meaning, whole_request
from chuda.providers.feeds import Unreadable, epoch_field, read_items, text_field, time_field
from chuda.providers.numbers import from_e164, to_e164
from chuda.providers.protocol import (
    ClickEvent,
    DailyTotals,
    MessageResult,
    OutgoingMessage,
    Page,
    ReceiptEvent,
    ReplyEvent,
    SendResult,
)
from chuda.providers.templated import TemplatedRequest, take_request_apart
from chuda.providers.wire import DEADLINE_S, Pace, ask, open_client, post, read_retry_after
from chuda.records.filed import FiledTemplate

PUSH_ANSWER = '{"result":0,"errmsg":"OK"}'
"""What the push receiver must answer; anything else is pushed twice more."""

_VERSION = "2021-01-11"
_SERVICE = "sms"
_JSON = "application/json; charset=utf-8"
_PULL_SIZE = 100
_QUERIES_AT_ONCE = 16
_BY_PHONE_PER_SECOND = 15  # 20 are allowed; every worker of the account has its own count
_MALFORMED = "Tencent Cloud's answer to {action} was not as documented; nothing was taken, repeat later"
# Its clock and ours may differ, and it may work on a request for a while.
_BEFORE, _AFTER = timedelta(seconds=30), timedelta(minutes=5)
Event = TypeVar("Event")


@dataclass(frozen=True, slots=True)
class TencentAccount:
    """Where and as whom to speak, and what was filed there."""

    endpoint: str
    secret_id: str = field(repr=False)
    secret_key: str = field(repr=False)
    region: str
    app_id: str
    templates: tuple[FiledTemplate, ...] = ()


class TencentProvider:
    """One application of one account; the clock dates the signatures."""

    def __init__(
        self, account: TencentAccount, clock: Clock, transport: httpx.AsyncBaseTransport | None = None,
        trust_env: bool = True, deadline_s: float = DEADLINE_S,
    ) -> None:  # fmt: skip
        self._account = account
        self._clock = clock
        self._by_phone = Pace(_BY_PHONE_PER_SECOND)
        self._client = open_client(account.endpoint, transport, trust_env)
        self._host = self._client.base_url.netloc.decode()
        self._deadline_s = deadline_s

    async def send(self, batch_id: str, messages: Sequence[OutgoingMessage]) -> SendResult:
        """Make one SendSms; everybody in it gets the same text, and is answered for singly."""
        request = take_request_apart(messages, self._account.templates)
        refusal = request.refusal(request.is_one_text)
        if refusal is not None:
            return refusal
        filed = request.members[0][1]
        body = {
            "PhoneNumberSet": [to_e164(message.phone) for message, _ in request.members],
            "SmsSdkAppId": self._account.app_id,
            "SignName": filed.signature,
            "TemplateId": filed.code,
            "TemplateParamSet": [value for _, value in sorted(filed.parameters, key=_number)],
            "SessionContext": batch_id,
        }
        headers, content = self._signed("SendSms", body)
        answer = await post(self._client, "/", headers, content, self._deadline_s)
        result = SendResult(answer) if isinstance(answer, MessageResult) else classify_answer(answer, request)
        return request.with_unfit(result)

    async def find(
        self, batch_id: str, messages: Sequence[OutgoingMessage], since: datetime
    ) -> Mapping[str, MessageResult]:
        """Those of `messages` of which Tencent has a status, asked for number by number.

        Only what a network has reported on is listed. Where the account echoes no SessionContext, a status of the
        number around `since` counts.
        """
        gate = asyncio.Semaphore(_QUERIES_AT_ONCE)

        async def look(message: OutgoingMessage) -> tuple[str, MessageResult] | None:
            async with gate:
                await self._by_phone.turn()
                rows = await self._statuses(message.phone, since)
            own = [row for row in rows if row.get("SessionContext") in (batch_id, "", None)]
            return (message.message_id, MessageResult("accepted", _status(own[0]))) if own else None

        found = await asyncio.gather(*(look(message) for message in messages))
        return dict(one for one in found if one is not None)

    async def receipts(self, cursor: str) -> Page[ReceiptEvent]:
        """The next receipts of the status queue, each handed out once; there is no cursor."""
        return await self._pull("PullSmsSendStatus", "PullSmsSendStatusSet", read_pulled_receipt)

    async def replies(self, cursor: str) -> Page[ReplyEvent]:
        """The next replies of the reply queue, each handed out once; there is no cursor."""
        return await self._pull("PullSmsReplyStatus", "PullSmsReplyStatusSet", read_pulled_reply)

    async def clicks(self, cursor: str) -> Page[ClickEvent]:
        """Nothing: Tencent Cloud reports no clicks."""
        return Page([], cursor, more=False)

    async def statistics(self, day: date) -> DailyTotals:
        """Billed parts, accepted messages and reported fates of a day."""
        span = {"BeginTime": f"{day:%Y%m%d}00", "EndTime": f"{day:%Y%m%d}23", "Limit": 0, "Offset": 0}
        body = {**span, "SmsSdkAppId": self._account.app_id}
        sent = await self._ask("SendStatusStatistics", body)
        reported = await self._ask("CallbackStatusStatistics", body)
        try:
            counts, fates = sent["SendStatusStatistics"], reported["CallbackStatusStatistics"]
            return DailyTotals(
                day, int(counts["FeeCount"]), int(fates["CallbackSuccessCount"]), int(fates["CallbackFailCount"]),
                int(counts["RequestSuccessCount"]),
            )  # fmt: skip
        except (KeyError, TypeError, ValueError) as error:
            raise ProviderTrouble(_MALFORMED.format(action="the statistics")) from error

    async def close(self) -> None:
        """Give back the connections."""
        await self._client.aclose()

    async def _statuses(self, phone: str, since: datetime) -> list[dict[str, Any]]:
        body = {
            "BeginTime": int((since - _BEFORE).timestamp()),
            "EndTime": int((since + _AFTER).timestamp()),
            "Offset": 0,
            "Limit": _PULL_SIZE,
            "PhoneNumber": to_e164(phone),
            "SmsSdkAppId": self._account.app_id,
        }
        action = "PullSmsSendStatusByPhoneNumber"
        return _rows(await self._ask(action, body), "PullSmsSendStatusSet", action)

    async def _pull(self, action: str, key: str, read: Callable[[Mapping[str, Any]], Event]) -> Page[Event]:
        body = {"Limit": _PULL_SIZE, "SmsSdkAppId": self._account.app_id}
        rows = _rows(await self._ask(action, body), key, action)
        # The queue hands each out once: what cannot be read is kept as well.
        events, unreadable = read_items(rows, read)
        return Page(events, "", more=len(rows) >= _PULL_SIZE, unreadable=unreadable)

    async def _ask(self, action: str, body: Mapping[str, object]) -> dict[str, Any]:
        response = await ask(self._client, self._request(action, body), self._deadline_s)
        try:
            said = response.json()["Response"]
            code = str(said["Error"]["Code"]) if "Error" in said else ""
        except (ValueError, KeyError, TypeError):
            raise ProviderTrouble(f"Tencent Cloud answered {response.status_code} to {action}; repeat later") from None
        if code:
            note = find_meaning("tencent", code).note
            raise ProviderTrouble(f"Tencent Cloud answered {code} to {action} ({note}); repeat later")
        return dict(said)

    def _request(self, action: str, body: Mapping[str, object]) -> httpx.Request:
        headers, content = self._signed(action, body)
        return self._client.build_request("POST", "/", content=content, headers=headers)

    def _signed(self, action: str, body: Mapping[str, object]) -> tuple[dict[str, str], bytes]:
        account = self._account
        content = json.dumps(body, ensure_ascii=False).encode()
        timestamp = int(self._clock.now().timestamp())
        signed = {"content-type": _JSON, "host": self._host, "x-tc-action": action}
        sealed = tc3.authorization(account.secret_id, account.secret_key, _SERVICE, timestamp, signed, content)
        return {**signed, "x-tc-version": _VERSION, "x-tc-timestamp": str(timestamp),
                "x-tc-region": account.region, "authorization": sealed}, content  # fmt: skip


def classify_answer(response: httpx.Response, request: TemplatedRequest) -> SendResult:
    """What an answer to a send proves: errors of single numbers come inside a 200.

    5xx and what cannot be read: unknown. 429: not sent. An error of the whole request by its code; else each number by
    its own, and those it does not name are unknown.
    """
    if response.status_code == 429:
        return SendResult(MessageResult("not_sent", "429"), retry_after_s=read_retry_after(response))
    if response.status_code >= 500:
        return SendResult(MessageResult("unknown", str(response.status_code)))
    try:
        said = response.json()["Response"]
        if "Error" in said:
            return whole_request("tencent", str(said["Error"]["Code"]), str(said["Error"].get("Message", "")))
        names = {to_e164(message.phone): message.message_id for message, _ in request.members}
        rows = [(names[row["PhoneNumber"]], str(row["Code"]), str(row.get("Message", "")))
                for row in said["SendStatusSet"] if row["PhoneNumber"] in names]  # fmt: skip
        return each_message("tencent", rows, MessageResult("unknown", "not_named"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return SendResult(MessageResult("unknown", "unreadable_answer"))


def _number(parameter: tuple[str, str]) -> int:
    # Tencent's variables are {1}, {2}, …; the set is ordered by them, wherever they stand in the text.
    return int(parameter[0])


def _rows(said: Mapping[str, Any], key: str, action: str) -> list[dict[str, Any]]:
    rows = said.get(key)
    if not isinstance(rows, list):
        raise ProviderTrouble(_MALFORMED.format(action=action))
    return rows


def _status(row: Mapping[str, Any]) -> str:
    return "delivered" if row.get("ReportStatus") == "SUCCESS" else "failed"


def read_pulled_receipt(item: Mapping[str, Any]) -> ReceiptEvent:
    """One item of PullSmsSendStatus; raises `Unreadable`. It tells no size: the bill counts by the answers' Fee."""
    return ReceiptEvent(
        message_id="",
        phone=from_e164(text_field(item, "PhoneNumber")),
        status=_reported(text_field(item, "ReportStatus")),
        code=text_field(item, "Description", is_needed=False),
        parts=0,
        reported_at=epoch_field(item, "UserReceiveTime"),
        batch_id=text_field(item, "SessionContext", is_needed=False),
    )


def read_pulled_reply(item: Mapping[str, Any]) -> ReplyEvent:
    """One item of PullSmsReplyStatus; raises `Unreadable`."""
    phone = from_e164(text_field(item, "PhoneNumber"))
    return ReplyEvent(phone, text_field(item, "ReplyContent"), epoch_field(item, "ReplyTime"))


def read_pushed_receipt(item: Mapping[str, Any]) -> ReceiptEvent:
    """One item of a status push; raises `Unreadable`."""
    return ReceiptEvent(
        message_id="",
        phone=_pushed_phone(item),
        status=_reported(text_field(item, "report_status")),
        code=text_field(item, "errmsg", is_needed=False),
        parts=0,
        reported_at=time_field(item, "user_receive_time"),
        batch_id=text_field(item, "ext", is_needed=False),
    )


def read_pushed_reply(item: Mapping[str, Any]) -> ReplyEvent:
    """A pushed reply, which Tencent pushes one by one; raises `Unreadable`."""
    return ReplyEvent(_pushed_phone(item), text_field(item, "text"), epoch_field(item, "time"))


def _pushed_phone(item: Mapping[str, Any]) -> str:
    return from_e164(f"+{text_field(item, 'nationcode')}{text_field(item, 'mobile')}")


def _reported(status: str) -> Literal["delivered", "failed"]:
    if status not in ("SUCCESS", "FAIL"):
        raise Unreadable("status_unknown")
    return "delivered" if status == "SUCCESS" else "failed"
