"""Aliyun's protocol (dysmsapi 2017-05-25): its signature, actions, limits and answers, as this company plays it.

Written from the documentation, not from Chuda's adapter: neither may hide a mistake of the other.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from chuda.clock import BUSINESS_ZONE, from_us, to_us
from chuda.providers.simulator.cloud import (
    DAY,
    HOUR,
    MINUTE,
    ActionLimits,
    NumberLimits,
    fill,
    holds_url,
    template_of,
)
from chuda.providers.simulator.endpoint import FaultyEndpoint
from chuda.providers.simulator.provider import BatchTooLarge, SimulatedProvider, Standing, TooFast
from chuda.providers.simulator.rules import IncomingMessage

_PER_SECOND = {"SendSms": 5000, "SendBatchSms": 5000, "QuerySendDetails": 5000, "QuerySendStatistics": 20}
_LARGEST = {"SendSms": 1000, "SendBatchSms": 100}
_OTP = ((MINUTE, 1, "分钟"), (HOUR, 5, "小时"), (DAY, 10, "天"))
_OTHERS = ((DAY, 50, "天"),)
_CLOCK_SKEW_US = 15 * MINUTE
_CODES = {
    "INVALID_NUMBER": "isv.MOBILE_NUMBER_ILLEGAL",
    "CONTENT_ERROR": "isv.SMS_CONTENT_ILLEGAL",
    "CONTENT_KEYWORD": "isv.SMS_CONTENT_ILLEGAL",
    "SIGNBLOCKED": "isv.SMS_SIGNATURE_ILLEGAL",
    "AMOUNT_NOT_ENOUGH": "isv.AMOUNT_NOT_ENOUGH",
    "1029": "isv.BUSINESS_LIMIT_CONTROL",
}
_STATUS = {"accepted": 1, "failed": 2, "delivered": 3}


class Refusal(Exception):
    """An answer other than OK."""

    def __init__(self, code: str, message: str = "", status: int = 200) -> None:
        super().__init__(code)
        self.code, self.message, self.status = code, message or code, status


class AliyunDialect:
    """The actions of one customer, whose key id is `simulator` and whose secret is the token."""

    header = "x-acs-action"
    sending = frozenset(_LARGEST)

    def __init__(self, provider: SimulatedProvider, token: str) -> None:
        self._provider = provider
        self._secret = token
        self._nonces: set[str] = set()
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
            self._check_nonce(request)
            self._limits.admit(action, now_us)
            query = dict(parse_qsl(request.url.query, keep_blank_values=True))
            form = {name: values[0] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
            return _answer(await self._serve(action, {**query, **form}))
        except TooFast:
            return _answer({"Code": "Throttling.User", "Message": "Request was denied due to user flow control."}, 400)
        except BatchTooLarge:
            return _answer({"Code": "isv.MOBILE_COUNT_OVER_LIMIT", "Message": "手机号码数量超过限制"})
        except Refusal as refusal:
            return _answer({"Code": refusal.code, "Message": refusal.message}, refusal.status)

    def _check_nonce(self, request: Request) -> None:
        nonce = request.headers["x-acs-signature-nonce"]
        if nonce in self._nonces:
            raise Refusal("SignatureNonceUsed", status=400)
        self._nonces.add(nonce)

    async def _serve(self, action: str, values: Mapping[str, str]) -> dict[str, Any]:
        if action == "SendSms":
            return await self._send(values)
        if action == "SendBatchSms":
            return await self._send_batch(values)
        if action == "QuerySendDetails":
            return self._details(values)
        if action == "QuerySendStatistics":
            return await self._statistics(values)
        raise Refusal("InvalidAction.NotFound", status=404)

    async def _send(self, values: Mapping[str, str]) -> dict[str, Any]:
        phones = _needed(values, "PhoneNumbers").split(",")
        signatures = [_needed(values, "SignName")] * len(phones)
        parameters = [_parameters(values.get("TemplateParam") or "{}")] * len(phones)
        return await self._take("SendSms", values, phones, signatures, parameters)

    async def _send_batch(self, values: Mapping[str, str]) -> dict[str, Any]:
        phones = _list(_needed(values, "PhoneNumberJson"))
        signatures = _list(_needed(values, "SignNameJson"))
        given = values.get("TemplateParamJson")
        parameters = [_parameters(to_json(one)) for one in _list(given)] if given else [{} for _ in phones]
        if not len(phones) == len(signatures) == len(parameters):
            raise Refusal("isv.INVALID_PARAMETERS", "the lists differ in length")
        return await self._take("SendBatchSms", values, phones, signatures, parameters)

    async def _take(
        self, action: str, values: Mapping[str, str], phones: Sequence[str], signatures: Sequence[str],
        parameters: Sequence[Mapping[str, str]],
    ) -> dict[str, Any]:  # fmt: skip
        template_code = _needed(values, "TemplateCode")
        out_id = values.get("OutId", "")
        if len(out_id) > 255:
            raise Refusal("isv.INVALID_PARAMETERS", "OutId is too long")
        if not 0 < len(phones) <= _LARGEST[action]:
            raise BatchTooLarge
        if len(set(phones)) < len(phones):
            raise Refusal("isv.INVALID_PARAMETERS", "a number stands in the request twice")
        messages = [
            self._message(f"{out_id}.{place}", *one, template_code)
            for place, one in enumerate(zip(phones, signatures, parameters, strict=True))
        ]
        self._check_numbers(messages, signatures, template_code)
        answers = await self._provider.accept(out_id, messages, most=_LARGEST[action], all_or_none=True)
        refused = [answer.code for answer in answers if answer.code != "OK"]
        if refused:
            raise Refusal(_CODES.get(refused[0], "isv.INVALID_PARAMETERS"))
        self._count_numbers(messages, signatures, template_code)
        return {"Code": "OK", "Message": "OK", "BizId": answers[0].provider_message_id[:9]}

    def _message(
        self, message_id: str, phone: str, signature: str, parameters: Mapping[str, str], template_code: str
    ) -> IncomingMessage:
        cloud = self._provider.profile.cloud
        template = cloud.templates.get(template_code)
        if template is None:
            raise Refusal("isv.SMS_TEMPLATE_ILLEGAL", "该账号下找不到对应模板")
        if signature not in cloud.signatures:
            raise Refusal("isv.SMS_SIGNATURE_ILLEGAL", "该账号下找不到对应签名")
        if any(holds_url(value) for value in parameters.values()):
            raise Refusal("isv.PARAM_NOT_SUPPORT_URL", "不支持URL为变量")
        text = fill(template, signature, parameters)
        if text is None:
            raise Refusal("isv.TEMPLATE_MISSING_PARAMETERS", "模板缺少变量")
        return IncomingMessage(message_id, _plain(phone), text, template.type)

    def _check_numbers(
        self, messages: Sequence[IncomingMessage], signatures: Sequence[str], template_code: str
    ) -> None:
        now_us = self._provider.record.now_us()
        for message, signature in zip(messages, signatures, strict=True):
            key, limits = _number_key(message, signature, template_code)
            name = self._numbers.exceeded(key, limits, now_us) if self._provider.profile.cloud.per_number else None
            if name is not None:
                raise Refusal("isv.BUSINESS_LIMIT_CONTROL", f"触发{name}级流控Permits:{dict(_by_name(limits))[name]}")

    def _count_numbers(
        self, messages: Sequence[IncomingMessage], signatures: Sequence[str], template_code: str
    ) -> None:
        now_us = self._provider.record.now_us()
        for message, signature in zip(messages, signatures, strict=True):
            self._numbers.count(_number_key(message, signature, template_code)[0], now_us)

    def _details(self, values: Mapping[str, str]) -> dict[str, Any]:
        start = _day(_needed(values, "SendDate"))
        size, page = int(_needed(values, "PageSize")), int(_needed(values, "CurrentPage"))
        if not 1 <= size <= 50 or page < 1:
            raise Refusal("isv.INVALID_PARAMETERS", "PageSize is 1 to 50")
        if from_us(self._provider.record.now_us()) - start > timedelta(days=31):
            raise Refusal("isv.INVALID_PARAMETERS", "SendDate is more than 30 days ago")
        phone = _plain(_needed(values, "PhoneNumber"))
        found = self._provider.find_phone(phone, to_us(start), to_us(start + timedelta(days=1)))
        rows = [self._detail(phone, *one) for one in found if self._is_asked(one[2], values.get("BizId"))]
        shown = rows[(page - 1) * size : page * size]
        return {
            "Code": "OK",
            "Message": "OK",
            "TotalCount": len(rows),
            "SmsSendDetailDTOs": {"SmsSendDetailDTO": shown},
        }

    @staticmethod
    def _is_asked(standing: Standing, biz_id: str | None) -> bool:
        return not biz_id or standing.provider_message_id.startswith(biz_id)

    def _detail(self, phone: str, batch_id: str, text: str, standing: Standing) -> dict[str, Any]:
        return {
            "PhoneNum": phone,
            "SendStatus": _STATUS[standing.status],
            "ErrCode": "" if standing.code == "OK" else standing.code.replace("DELIVRD", "DELIVERED"),
            "TemplateCode": template_of(text, self._provider.profile.cloud),
            "Content": text,
            "SendDate": write_time(standing.accepted_at_us),
            "ReceiveDate": "",
            "OutId": batch_id,
        }

    async def _statistics(self, values: Mapping[str, str]) -> dict[str, Any]:
        _needed(values, "IsGlobe"), _needed(values, "PageIndex"), _needed(values, "PageSize")
        day, last, rows = _day(_needed(values, "StartDate")), _day(_needed(values, "EndDate")), []
        while day <= last:
            total = await self._provider.totals(day.date())
            rows.append({
                "SendDate": f"{day:%Y%m%d}", "TotalCount": total.parts, "RespondedSuccessCount": total.delivered,
                "RespondedFailCount": total.failed,
                "NoRespondedCount": total.messages - total.delivered - total.failed,
            })  # fmt: skip
            day += timedelta(days=1)
        return {"Code": "OK", "Message": "OK", "Data": {"TotalSize": len(rows), "TargetList": rows}}


def verify(request: Request, body: bytes, secret: str, now_us: int) -> None:
    """Check an ACS3-HMAC-SHA256 signature.

    Raises:
        Refusal: it is missing, wrong or too old.
    """
    headers = request.headers
    try:
        algorithm, rest = headers["authorization"].split(" ", 1)
        fields = dict(part.split("=", 1) for part in rest.split(","))
        signed = fields["SignedHeaders"].split(";")
        made_at = datetime.strptime(headers["x-acs-date"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        must = {"host", *(name for name in headers if name.startswith("x-acs-")), *({"content-type"} & set(headers))}
        pairs = sorted(parse_qsl(request.url.query, keep_blank_values=True))
        query = "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in pairs)
        lines = "".join(f"{name}:{headers[name].strip()}\n" for name in signed)
        canonical = f"{request.method}\n/\n{query}\n{lines}\n{';'.join(signed)}\n{hashlib.sha256(body).hexdigest()}"
    except (KeyError, ValueError):
        raise Refusal("IncompleteSignature", status=400) from None
    if algorithm != "ACS3-HMAC-SHA256" or fields.get("Credential") != "simulator":
        raise Refusal("InvalidAccessKeyId.NotFound", status=404)
    text = f"{algorithm}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    expected = hmac.new(secret.encode(), text.encode(), "sha256").hexdigest()
    is_whole = must <= set(signed) and headers["x-acs-content-sha256"] == hashlib.sha256(body).hexdigest()
    if not is_whole or not hmac.compare_digest(expected, fields.get("Signature", "")):
        raise Refusal("SignatureDoesNotMatch", status=400)
    if abs(to_us(made_at) - now_us) > _CLOCK_SKEW_US:
        raise Refusal("InvalidTimeStamp.Expired", status=400)


def receipt_push(item: Mapping[str, Any]) -> dict[str, Any]:
    """A receipt as it is pushed (SmsReport)."""
    is_good = item["status"] == "delivered"
    return {
        "phone_number": item["phone"],
        "send_time": _rewrite_time(item["reported_at"]),
        "report_time": _rewrite_time(item["reported_at"]),
        "success": is_good,
        "err_code": "DELIVERED" if is_good else item["code"],
        "err_msg": "用户接收成功" if is_good else item["code"],
        "sms_size": str(item["parts"]),
        "biz_id": item["provider_message_id"][:9],
        "out_id": item["message_id"].rpartition(".")[0],
    }


def reply_push(item: Mapping[str, Any]) -> dict[str, Any]:
    """A reply as it is pushed (SmsUp)."""
    return {"phone_number": item["phone"], "content": item["text"], "send_time": _rewrite_time(item["received_at"]),
            "dest_code": "0000", "sequence_id": 1}  # fmt: skip


def write_time(moment_us: int) -> str:
    """A time as both cloud companies write it in pushes and details."""
    return from_us(moment_us).strftime("%Y-%m-%d %H:%M:%S")


def _rewrite_time(text: str) -> str:
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M:%S")


def _answer(content: dict[str, Any], status: int = 200) -> Response:
    return Response(to_json({"RequestId": "SIMULATOR", **content}), status, media_type="application/json")


def _reference(content: bytes) -> str:
    query = content.partition(b"\n")[0].decode()
    return parse_qs(query).get("OutId", [""])[0]


def _needed(values: Mapping[str, str], name: str) -> str:
    if not values.get(name):
        raise Refusal(f"Missing{name}", f"{name} is mandatory for this action.", 400)
    return values[name]


def _list(text: str) -> list[Any]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, list):
        raise Refusal("isv.INVALID_JSON_PARAM", "JSON参数不合法")
    return value


def _parameters(text: str | bytes) -> dict[str, str]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise Refusal("isv.INVALID_JSON_PARAM", "JSON参数不合法，只接受字符串值")
    return value


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y%m%d").replace(tzinfo=BUSINESS_ZONE)
    except ValueError:
        raise Refusal("isv.INVALID_PARAMETERS", "write days as yyyyMMdd") from None


def _plain(phone: str) -> str:
    return phone if len(phone) == 11 and phone.startswith("1") else f"+{phone}"


def _number_key(
    message: IncomingMessage, signature: str, template_code: str
) -> tuple[tuple[str, ...], tuple[tuple[int, int, str], ...]]:
    if message.type == "otp":
        return (message.phone, signature), _OTP
    return (message.phone, signature, template_code), _OTHERS


def _by_name(limits: Sequence[tuple[int, int, str]]) -> list[tuple[str, int]]:
    return [(name, at_most) for _, at_most, name in limits]
