"""Tencent Cloud's protocol (sms 2021-01-11): its signature, actions, limits and answers, as this company plays it.

Written from the documentation, not from Chuda's adapter: neither may hide a mistake of the other.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from chuda.clock import BUSINESS_ZONE, to_us
from chuda.providers.simulator.cloud import DAY, HOUR, ActionLimits, NumberLimits, fill, holds_url, slots_of
from chuda.providers.simulator.endpoint import FaultyEndpoint
from chuda.providers.simulator.provider import Answer, SimulatedProvider, Standing, TooFast
from chuda.providers.simulator.rules import IncomingMessage
from chuda.providers.simulator.world import SECOND

_PER_SECOND = {
    "SendSms": 3000, "PullSmsSendStatus": 100, "PullSmsReplyStatus": 100, "PullSmsSendStatusByPhoneNumber": 20,
    "SendStatusStatistics": 10, "CallbackStatusStatistics": 10,
}  # fmt: skip
_LARGEST = 200
_LONGEST_CONTEXT = 511
_CLOCK_SKEW_US = 300 * SECOND
_CODES = {
    "OK": "Ok",
    "INVALID_NUMBER": "InvalidParameterValue.IncorrectPhoneNumber",
    "MOBILE_IN_BLACK": "FailedOperation.PhoneNumberInBlacklist",
    "CONTENT_KEYWORD": "FailedOperation.ContainSensitiveWord",
    "CONTENT_ERROR": "InvalidParameterValue.ContentLengthLimit",
    "SIGNBLOCKED": "FailedOperation.SignatureIncorrectOrUnapproved",
    "AMOUNT_NOT_ENOUGH": "FailedOperation.InsufficientBalanceInSmsPackage",
    "1029": "FailedOperation.MarketingSendTimeConstraint",
}


class Refusal(Exception):
    """An error of the whole request; it comes inside a 200."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code)
        self.code, self.message = code, message or code


class TencentDialect:
    """The actions of one application, whose secret id is `simulator` and whose secret key is the token."""

    header = "x-tc-action"
    sending = frozenset(("SendSms",))

    def __init__(self, provider: SimulatedProvider, token: str) -> None:
        self._provider = provider
        self._secret = token
        self._numbers = NumberLimits()
        self._limits = ActionLimits(_PER_SECOND, provider.record.is_time_passing)
        self.send_app = FaultyEndpoint(self.ask, provider.injector, provider.record, _reference)

    async def ask(self, request: Request) -> Response:
        """Serve one action."""
        action = request.headers[self.header]
        try:
            now_us = self._provider.record.now_us()
            body = await request.body()
            verify(request, body, self._secret, now_us)
            self._limits.admit(action, now_us)
            return _answer(await self._serve(action, _parse(body)))
        except TooFast:
            return _answer({"Error": {"Code": "RequestLimitExceeded", "Message": "requests exceed the limit"}})
        except Refusal as refusal:
            return _answer({"Error": {"Code": refusal.code, "Message": refusal.message}})

    async def _serve(self, action: str, body: Mapping[str, Any]) -> dict[str, Any]:
        handlers = {
            "SendSms": self._send,
            "PullSmsSendStatus": self._pull_statuses,
            "PullSmsReplyStatus": self._pull_replies,
            "PullSmsSendStatusByPhoneNumber": self._statuses_of_phone,
            "SendStatusStatistics": self._sent_statistics,
            "CallbackStatusStatistics": self._reported_statistics,
        }
        if action not in handlers:
            raise Refusal("InvalidAction")
        if body.get("SmsSdkAppId") != self._provider.profile.cloud.app_id:
            raise Refusal("UnauthorizedOperation.SmsSdkAppIdVerifyFail")
        return await handlers[action](body)

    async def _send(self, body: Mapping[str, Any]) -> dict[str, Any]:
        numbers = _needed(body, "PhoneNumberSet", list)
        context = str(body.get("SessionContext") or "")
        if not numbers:
            raise Refusal("MissingParameter.EmptyPhoneNumberSet")
        if len(numbers) > _LARGEST:
            raise Refusal("LimitExceeded.PhoneNumberCountLimit")
        if len(context.encode()) > _LONGEST_CONTEXT or len(set(numbers)) < len(numbers):
            raise Refusal("InvalidParameterValue", "SessionContext too long or a number twice")
        phones = [_plain(str(number)) for number in numbers]
        text, kind, refusal = self._compose(body)
        if refusal:
            return {"SendStatusSet": [self._status(number, context, refusal) for number in numbers]}
        held = [self._held_back(phone, text) for phone in phones]
        messages = [
            IncomingMessage(f"{context}.{place}", phone, text, kind)
            for place, (phone, limit) in enumerate(zip(phones, held, strict=True))
            if limit is None
        ]
        answers = await self._provider.accept(context, messages, most=_LARGEST) if messages else []
        self._count(answers, messages)
        taken = iter(answers)
        rows = [
            self._status(number, context, limit) if limit else self._answered(number, context, next(taken))
            for number, limit in zip(numbers, held, strict=True)
        ]
        return {"SendStatusSet": rows}

    def _compose(self, body: Mapping[str, Any]) -> tuple[str, str, str | None]:
        """The text of a request and its type, or the code by which every number is refused."""
        cloud = self._provider.profile.cloud
        template = cloud.templates.get(_needed(body, "TemplateId", str))
        signature = str(body.get("SignName") or "")
        values = body.get("TemplateParamSet") or []
        if template is None:
            return "", "", "FailedOperation.TemplateUnapprovedOrNotExist"
        if signature not in cloud.signatures:
            return "", "", "FailedOperation.SignatureIncorrectOrUnapproved"
        if template.type == "marketing" and not template.text.endswith("拒收请回复R"):
            return "", "", "InvalidParameterValue.MarketingTemplateWithoutUnsubscribe"
        if any(holds_url(str(value)) for value in values):
            return "", "", "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter"
        text = fill(template, signature, {str(place): str(value) for place, value in enumerate(values, start=1)})
        if text is None or len(values) != len(slots_of(template)):
            return "", "", "FailedOperation.TemplateParamSetNotMatchApprovedTemplate"
        return text, template.type, None

    def _held_back(self, phone: str, text: str) -> str | None:
        cloud = self._provider.profile.cloud
        if not cloud.per_number:
            return None
        now_us = self._provider.record.now_us()
        same = ((30 * SECOND, 1, "LimitExceeded.PhoneNumberThirtySecondLimit"),)
        daily = ((DAY, cloud.tencent_per_day, "LimitExceeded.PhoneNumberDailyLimit"),)
        return self._numbers.exceeded((phone, text), same, now_us) or self._numbers.exceeded((phone,), daily, now_us)

    def _count(self, answers: Sequence[Answer], messages: Sequence[IncomingMessage]) -> None:
        now_us = self._provider.record.now_us()
        for answer, message in zip(answers, messages, strict=True):
            if answer.code == "OK":
                self._numbers.count((message.phone, message.text), now_us)
                self._numbers.count((message.phone,), now_us)

    def _answered(self, number: str, context: str, answer: Answer) -> dict[str, Any]:
        code = _CODES.get(answer.code, "FailedOperation.OtherError")
        return self._status(number, context, code, answer.provider_message_id, answer.parts)

    @staticmethod
    def _status(number: str, context: str, code: str, serial: str = "", parts: int = 0) -> dict[str, Any]:
        return {"SerialNo": serial, "PhoneNumber": number, "Fee": parts, "SessionContext": context, "Code": code,
                "Message": "send success" if code == "Ok" else code, "IsoCode": "CN"}  # fmt: skip

    async def _pull_statuses(self, body: Mapping[str, Any]) -> dict[str, Any]:
        items = await self._provider.feeds.take("receipt", _limit(body))
        return {"PullSmsSendStatusSet": [self._pulled(json.loads(item)) for item in items]}

    async def _pull_replies(self, body: Mapping[str, Any]) -> dict[str, Any]:
        items = [json.loads(item) for item in await self._provider.feeds.take("reply", _limit(body))]
        rows = [
            {"ExtendCode": "", "SignName": "", "ReplyContent": item["text"],
             "ReplyTime": _seconds(item["received_at"]), **_number(item["phone"])}
            for item in items
        ]  # fmt: skip
        return {"PullSmsReplyStatusSet": rows}

    def _pulled(self, item: Mapping[str, Any]) -> dict[str, Any]:
        context = item["message_id"].rpartition(".")[0] if self._provider.profile.cloud.echoes_session else ""
        return {
            "UserReceiveTime": _seconds(item["reported_at"]), "SerialNo": item["provider_message_id"],
            "ReportStatus": "SUCCESS" if item["status"] == "delivered" else "FAIL", "Description": item["code"],
            "SessionContext": context, **_number(item["phone"]),
        }  # fmt: skip

    async def _statuses_of_phone(self, body: Mapping[str, Any]) -> dict[str, Any]:
        begin, end = _needed(body, "BeginTime", int) * SECOND, _needed(body, "EndTime", int) * SECOND
        if self._provider.record.now_us() - begin > 7 * DAY + HOUR or begin > end:
            raise Refusal("InvalidParameterValue.BeginTimeVerifyFail")
        if body.get("Offset") != 0:
            raise Refusal("InvalidParameterValue.OffsetVerifyFail")
        phone = _plain(_needed(body, "PhoneNumber", str))
        found = self._provider.find_phone(phone, begin, end + SECOND)[: _limit(body)]
        # Only what a network has reported on has a status.
        rows = [self._known(phone, batch_id, standing) for batch_id, _, standing in found]
        return {"PullSmsSendStatusSet": [row for row in rows if row["ReportStatus"]]}

    def _known(self, phone: str, batch_id: str, standing: Standing) -> dict[str, Any]:
        words = {"accepted": "", "delivered": "SUCCESS", "failed": "FAIL"}
        return {
            "UserReceiveTime": standing.accepted_at_us // SECOND, "SerialNo": standing.provider_message_id,
            "ReportStatus": words[standing.status], "Description": standing.code,
            "SessionContext": batch_id if self._provider.profile.cloud.echoes_session else "", **_number(phone),
        }  # fmt: skip

    async def _sent_statistics(self, body: Mapping[str, Any]) -> dict[str, Any]:
        total = await self._provider.totals(_one_day(body))
        return {"SendStatusStatistics": {"FeeCount": total.parts, "RequestCount": total.messages,
                                         "RequestSuccessCount": total.messages}}  # fmt: skip

    async def _reported_statistics(self, body: Mapping[str, Any]) -> dict[str, Any]:
        total = await self._provider.totals(_one_day(body))
        return {"CallbackStatusStatistics": {
            "CallbackCount": total.delivered + total.failed, "RequestSuccessCount": total.messages,
            "CallbackFailCount": total.failed, "CallbackSuccessCount": total.delivered, "InternalErrorCount": 0,
            "InvalidNumberCount": 0, "ShutdownErrorCount": 0, "BlackListCount": 0, "FrequencyLimitCount": 0,
        }}  # fmt: skip


def verify(request: Request, body: bytes, secret: str, now_us: int) -> None:
    """Check a TC3-HMAC-SHA256 signature.

    Raises:
        Refusal: it is missing, wrong or too old.
    """
    headers = request.headers
    try:
        algorithm, rest = headers["authorization"].split(" ", 1)
        fields = dict(part.strip().split("=", 1) for part in rest.split(","))
        secret_id, day, service, end = fields["Credential"].split("/")
        signed = fields["SignedHeaders"].split(";")
        timestamp = headers["x-tc-timestamp"]
        lines = "".join(f"{name}:{headers[name].strip().lower()}\n" for name in signed)
        moment = datetime.fromtimestamp(int(timestamp), UTC)
    except (KeyError, ValueError):
        raise Refusal("AuthFailure.InvalidAuthorization") from None
    if secret_id != "simulator":
        raise Refusal("AuthFailure.SecretIdNotFound")
    if abs(to_us(moment) - now_us) > _CLOCK_SKEW_US or day != f"{moment:%Y-%m-%d}":
        raise Refusal("AuthFailure.SignatureExpire")
    canonical = f"POST\n/\n\n{lines}\n{';'.join(signed)}\n{hashlib.sha256(body).hexdigest()}"
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"TC3-HMAC-SHA256\n{timestamp}\n{day}/{service}/{end}\n{hashed}"
    key = hmac.new(f"TC3{secret}".encode(), day.encode(), "sha256").digest()
    key = hmac.new(key, service.encode(), "sha256").digest()
    key = hmac.new(key, b"tc3_request", "sha256").digest()
    expected = hmac.new(key, text.encode(), "sha256").hexdigest()
    is_whole = algorithm == "TC3-HMAC-SHA256" and {"content-type", "host"} <= set(signed) and service == "sms"
    if not is_whole or not hmac.compare_digest(expected, fields.get("Signature", "")):
        raise Refusal("AuthFailure.SignatureFailure")
    if headers.get("x-tc-version") != "2021-01-11" or not headers.get("x-tc-region"):
        raise Refusal("MissingParameter")


def receipt_push(item: Mapping[str, Any]) -> dict[str, Any]:
    """A receipt as it is pushed."""
    is_good = item["status"] == "delivered"
    number = _number(item["phone"])
    return {
        "user_receive_time": datetime.fromisoformat(item["reported_at"]).strftime("%Y-%m-%d %H:%M:%S"),
        "nationcode": number["CountryCode"], "mobile": number["SubscriberNumber"],
        "report_status": "SUCCESS" if is_good else "FAIL", "errmsg": item["code"],
        "description": "用户短信送达成功" if is_good else item["code"], "sid": item["provider_message_id"],
        "ext": item["message_id"].rpartition(".")[0],
    }  # fmt: skip


def reply_push(item: Mapping[str, Any]) -> dict[str, Any]:
    """A reply as it is pushed."""
    number = _number(item["phone"])
    return {"extend": "", "mobile": number["SubscriberNumber"], "nationcode": number["CountryCode"], "sign": "",
            "text": item["text"], "time": _seconds(item["received_at"])}  # fmt: skip


def _answer(content: dict[str, Any]) -> Response:
    return Response(to_json({"Response": {**content, "RequestId": "SIMULATOR"}}), media_type="application/json")


def _parse(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Refusal("FailedOperation.JsonParseFail")
    return value


def _reference(content: bytes) -> str:
    try:
        return str(json.loads(content).get("SessionContext") or "")
    except (ValueError, AttributeError):
        return ""


def _needed(body: Mapping[str, Any], name: str, kind: type) -> Any:
    value = body.get(name)
    if value is None:
        raise Refusal("MissingParameter", f"the parameter {name} is missing")
    if not isinstance(value, kind):
        raise Refusal("InvalidParameter", f"the parameter {name} is of another type")
    return value


def _limit(body: Mapping[str, Any]) -> int:
    limit = int(_needed(body, "Limit", int))
    if not 0 < limit <= 100:
        raise Refusal("InvalidParameterValue.LimitVerifyFail")
    return limit


def _one_day(body: Mapping[str, Any]) -> Any:
    begin, end = (_needed(body, name, str) for name in ("BeginTime", "EndTime"))
    try:
        moments = [datetime.strptime(text, "%Y%m%d%H").replace(tzinfo=BUSINESS_ZONE) for text in (begin, end)]
    except ValueError:
        raise Refusal("InvalidParameterValue.BeginTimeVerifyFail") from None
    if not timedelta(0) <= moments[1] - moments[0] < timedelta(days=1):
        raise Refusal("InvalidParameterValue.EndTimeVerifyFail", "this company adds up single days only")
    return moments[0].date()


def _plain(number: str) -> str:
    own = number.removeprefix("+86").removeprefix("0086")
    return own if len(own) == 11 else number


def _number(phone: str) -> dict[str, str]:
    if not phone.startswith("+"):
        return {"CountryCode": "86", "SubscriberNumber": phone, "PhoneNumber": f"+86{phone}"}
    return {"CountryCode": phone[1:4], "SubscriberNumber": phone[4:], "PhoneNumber": phone}


def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())
