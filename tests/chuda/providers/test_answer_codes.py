"""Every documented answer code of both clouds, and what it means for message and channel."""

from __future__ import annotations

import asyncio
import csv
from pathlib import Path

import httpx
import pytest

from chuda.providers.codes import find_meaning, read_meanings
from chuda.providers.protocol import SendResult
from tests.chuda.providers.clouds import alike, answering, phones, states

ALIYUN, TENCENT = read_meanings("aliyun"), read_meanings("tencent")
STATES = {
    "accept": "accepted", "retry": "not_sent", "defer": "not_sent", "stop": "not_sent", "reject": "rejected",
    "unknown": "unknown",
}  # fmt: skip
MESSAGES = alike(phones(2))
_TABLE = Path(__file__).parents[3] / "data" / "reference" / "receipt_codes.csv"
with _TABLE.open(encoding="utf-8", newline="") as _file:
    CATEGORIES = {row["code"].upper(): row["category"] for row in csv.DictReader(_file)}


def check(result: SendResult, action: str, wait_s: float) -> None:
    assert states(result, MESSAGES) == [STATES[action]] * 2
    assert bool(result.stop) == (action == "stop")
    assert result.retry_after_s == (wait_s if action == "retry" else 0)
    deferred = {result.results.get(m.message_id, result.default).defer_s for m in MESSAGES}
    assert deferred == {wait_s if action == "defer" else 0}


@pytest.mark.parametrize("meaning", [m for m in ALIYUN if "*" not in m.code], ids=lambda m: m.code + m.message_has)
def test_aliyuns_code(meaning):
    status = 400 if meaning.action in ("stop", "retry") else 200
    body = {"Code": meaning.code, "Message": f"触发{meaning.message_has}级流控"}
    aliyun, _ = answering(lambda _request: httpx.Response(status, json=body))
    check(asyncio.run(aliyun.send("b", MESSAGES)), meaning.action, meaning.wait_s)


@pytest.mark.parametrize("meaning", [m for m in TENCENT if "*" not in m.code], ids=lambda m: m.code)
def test_tencents_code_for_a_number_and_for_the_request(meaning):
    rows = [{"PhoneNumber": f"+86{m.phone}", "Code": meaning.code, "Message": "x"} for m in MESSAGES]
    _, tencent = answering(lambda _request: httpx.Response(200, json={"Response": {"SendStatusSet": rows}}))
    check(asyncio.run(tencent.send("b", MESSAGES)), meaning.action, meaning.wait_s)
    error = {"Error": {"Code": meaning.code, "Message": "x"}}
    _, tencent = answering(lambda _request: httpx.Response(200, json={"Response": error}))
    check(asyncio.run(tencent.send("b", MESSAGES)), meaning.action, meaning.wait_s)


# What the documents say, written down a second time: a slip in the table would otherwise test itself.
@pytest.mark.parametrize(
    ("provider", "code", "action"),
    [
        ("aliyun", "OK", "accept"),
        ("aliyun", "isv.BUSINESS_LIMIT_CONTROL", "defer"),
        ("aliyun", "isv.DAY_LIMIT_CONTROL", "stop"),
        ("aliyun", "isv.MONTH_LIMIT_CONTROL", "stop"),
        ("aliyun", "Throttling.User", "retry"),
        ("aliyun", "isv.AMOUNT_NOT_ENOUGH", "stop"),
        ("aliyun", "isv.OUT_OF_SERVICE", "stop"),
        ("aliyun", "isp.RAM_PERMISSION_DENY", "stop"),
        ("aliyun", "isv.MOBILE_NUMBER_ILLEGAL", "reject"),
        ("aliyun", "isv.MOBILE_COUNT_OVER_LIMIT", "reject"),
        ("aliyun", "isv.PARAM_NOT_SUPPORT_URL", "reject"),
        ("aliyun", "isv.SMS_CONTENT_ILLEGAL", "reject"),
        ("aliyun", "isv.BLACK_KEY_CONTROL_LIMIT", "reject"),
        ("aliyun", "isv.SMS_SIGNATURE_ILLEGAL", "stop"),
        ("aliyun", "isv.SMS_TEMPLATE_ILLEGAL", "stop"),
        ("aliyun", "isp.SYSTEM_ERROR", "unknown"),
        ("aliyun", "isp.SOMETHING_NEW", "unknown"),
        ("aliyun", "isv.SOMETHING_NEW", "reject"),
        ("aliyun", "Throttling.Whatever", "retry"),
        ("aliyun", "", "unknown"),
        ("aliyun", "NoIdea", "unknown"),
        ("tencent", "Ok", "accept"),
        ("tencent", "LimitExceeded.PhoneNumberDailyLimit", "defer"),
        ("tencent", "LimitExceeded.PhoneNumberOneHourLimit", "defer"),
        ("tencent", "LimitExceeded.PhoneNumberThirtySecondLimit", "defer"),
        ("tencent", "LimitExceeded.PhoneNumberSameContentDailyLimit", "defer"),
        ("tencent", "LimitExceeded.PhoneNumberCountLimit", "reject"),
        ("tencent", "LimitExceeded.AppDailyLimit", "stop"),
        ("tencent", "RequestLimitExceeded", "retry"),
        ("tencent", "FailedOperation.MarketingSendTimeConstraint", "retry"),
        ("tencent", "FailedOperation.PhoneNumberInBlacklist", "reject"),
        ("tencent", "FailedOperation.ContainSensitiveWord", "reject"),
        ("tencent", "FailedOperation.InsufficientBalanceInSmsPackage", "stop"),
        ("tencent", "FailedOperation.SignatureIncorrectOrUnapproved", "stop"),
        ("tencent", "FailedOperation.TemplateIncorrectOrUnapproved", "stop"),
        ("tencent", "InvalidParameterValue.MarketingTemplateWithoutUnsubscribe", "stop"),
        ("tencent", "InvalidParameterValue.UnsupportedTemplateVariable", "stop"),
        ("tencent", "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter", "reject"),
        ("tencent", "InternalError.Timeout", "unknown"),
        ("tencent", "InternalError.SendAndRecvFail", "unknown"),
        ("tencent", "InternalError.SomethingNew", "unknown"),
        ("tencent", "AuthFailure.SomethingNew", "stop"),
        ("tencent", "NoIdea", "unknown"),
    ],
)
def test_the_documents_are_followed(provider, code, action):
    assert find_meaning(provider, code).action == action


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (httpx.Response(500, json={"Code": "OK", "Response": {"SendStatusSet": []}}), "unknown"),
        (httpx.Response(503, json={"Code": "ServiceUnavailable"}), "unknown"),
        (httpx.Response(200, text="<html>"), "unknown"),
        (httpx.Response(200, json=[]), "unknown"),
        (httpx.Response(200, json={"Response": []}), "unknown"),
        (httpx.Response(200, json={"Response": {"SendStatusSet": None}}), "unknown"),
        (httpx.Response(404, text="no such thing"), "unknown"),
        (httpx.Response(429, headers={"Retry-After": "3"}), "not_sent"),
    ],
)
def test_what_is_no_answer_of_theirs_proves_nothing(answer, state):
    for adapter in answering(lambda _request: answer):
        result = asyncio.run(adapter.send("b", MESSAGES))
        assert states(result, MESSAGES) == [state] * 2
        assert result.retry_after_s == (3 if answer.status_code == 429 else 0)


@pytest.mark.parametrize("meaning", [m for m in ALIYUN + TENCENT if m.action == "reject" and "*" not in m.code],
                         ids=lambda m: m.code)  # fmt: skip
def test_what_a_refused_message_was_refused_for_has_a_category(meaning):
    assert meaning.code.upper() in CATEGORIES
