"""Group robots: what they refuse in an answer of HTTP 200 is refused; nothing of an address can be read anywhere."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest

from chuda.errors import UsageError
from chuda.providers.messengers import Answer, Messenger, MessengerKind, tell

NOW = datetime(2026, 11, 30, 4, 0, tzinfo=UTC)
KINDS: tuple[MessengerKind, ...] = ("wecom", "dingtalk", "feishu", "webhook")


def ask(
    kind: MessengerKind, answer: Callable[[httpx.Request], httpx.Response], secret: str = ""
) -> tuple[Answer, list[httpx.Request]]:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer(request)

    messenger = Messenger(kind, "https://robot.example/send?key=K1", secret)
    return tell(messenger, "预警", [{"alert_id": "a1"}], NOW, httpx.MockTransport(handle)), seen


def says(body: object, status: int = 200) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: httpx.Response(status, json=body)


@pytest.mark.parametrize(
    ("kind", "body", "outcome"),
    [
        ("wecom", {"errcode": 0, "errmsg": "ok"}, "sent"),
        ("wecom", {"errcode": 93000, "errmsg": "invalid webhook url"}, "failed"),
        ("dingtalk", {"errcode": 0, "errmsg": "ok"}, "sent"),
        ("dingtalk", {"errcode": 310000, "errmsg": "sign not match"}, "failed"),
        ("feishu", {"code": 0, "msg": "success", "data": {}}, "sent"),
        ("feishu", {"StatusCode": 0, "StatusMessage": "success"}, "sent"),
        ("feishu", {"code": 19021, "msg": "sign match fail"}, "failed"),
        ("feishu", {"msg": "no code"}, "unknown"),
        ("wecom", ["not", "an", "object"], "unknown"),
        ("webhook", {"whatever": 1}, "sent"),
    ],
)
def test_only_their_own_word_of_success_counts(kind: MessengerKind, body: object, outcome: str) -> None:
    assert ask(kind, says(body))[0].outcome == outcome


@pytest.mark.parametrize("kind", KINDS)
def test_what_may_have_arrived_is_unknown(kind: MessengerKind) -> None:
    def break_off(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("https://robot.example/send?key=K1", request=request)

    assert ask(kind, break_off)[0] == Answer("unknown", "no answer (ReadTimeout)")
    assert ask(kind, says({}, 502))[0].outcome == "unknown"
    assert ask(kind, says({}, 404))[0].outcome == "failed"


def test_what_never_left_has_failed() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("https://robot.example/send?key=K1", request=request)

    assert ask("wecom", refuse)[0] == Answer("failed", "not reached (ConnectError)")


def test_dingtalk_is_signed_in_the_address() -> None:
    _, (request,) = ask("dingtalk", says({"errcode": 0}), "this is secret")
    assert request.url.params["key"] == "K1"
    assert request.url.params["timestamp"] == "1796011200000"
    # base64(hmac_sha256(secret, "1796011200000\nthis is secret")), by openssl
    assert request.url.params["sign"] == "In/dyb4bP6J2rr+iMX4OYECvauYDQFpGhZuA2bABzDk="
    assert json.loads(request.content) == {"msgtype": "text", "text": {"content": "预警"}}


def test_feishu_is_signed_in_the_body() -> None:
    _, (request,) = ask("feishu", says({"code": 0}), "this is secret")
    body = json.loads(request.content)
    # base64(hmac_sha256("1796011200\nthis is secret", "")), by openssl
    assert (body["timestamp"], body["sign"]) == ("1796011200", "A8fKrBs7znDeDA/o54nIxrGylum5EAh44LWYftu8Bvo=")
    assert body["content"] == {"text": "预警"}


def test_a_webhook_gets_the_facts_signed() -> None:
    _, (request,) = ask("webhook", says({}), "s")
    assert json.loads(request.content)["alerts"] == [{"alert_id": "a1"}]
    assert request.headers["X-Chuda-Signature"].startswith("sha256=")


def test_an_address_that_would_travel_in_the_clear_is_refused_without_being_shown() -> None:
    with pytest.raises(UsageError) as refused:
        Messenger("wecom", "http://robot.example/send?key=K1")
    assert "K1" not in str(refused.value)
    assert "K1" not in repr(Messenger("wecom", "https://robot.example/send?key=K1", "hush"))


def test_no_log_holds_the_address(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        ask("wecom", says({"errcode": 0}))
    assert "K1" not in caplog.text
