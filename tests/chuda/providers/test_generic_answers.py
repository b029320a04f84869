"""What an answer, or the lack of one, proves: the classification that decides whether a message may be sent again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import httpx
import pytest

from chuda.errors import ProviderTrouble
from chuda.providers.generic import GenericProvider
from chuda.providers.protocol import OutgoingMessage, SendResult

MESSAGES = [OutgoingMessage("b-1-0.0", "13800138000", "t"), OutgoingMessage("b-1-0.1", "13800138001", "t")]


def send(handler) -> SendResult:
    provider = GenericProvider("http://provider.test", "secret", httpx.MockTransport(handler))
    return asyncio.run(provider.send("b-1-0", MESSAGES))


def states(result: SendResult) -> list[str]:
    return [result.results.get(m.message_id, result.default).state for m in MESSAGES]


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (httpx.ConnectError, "not_sent"),
        (httpx.ConnectTimeout, "not_sent"),
        (httpx.PoolTimeout, "not_sent"),
        (httpx.ReadTimeout, "unknown"),
        (httpx.ReadError, "unknown"),
        (httpx.WriteError, "unknown"),
        (httpx.WriteTimeout, "unknown"),
        (httpx.RemoteProtocolError, "unknown"),
    ],
)
def test_only_what_cannot_have_arrived_is_not_sent(error, state):
    def handler(request):
        raise error("x", request=request)

    assert states(send(handler)) == [state, state]


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (httpx.Response(500, text="oops"), ["unknown"] * 2),
        (httpx.Response(502, json={"code": "X"}), ["unknown"] * 2),
        (httpx.Response(200, text="<html>"), ["unknown"] * 2),
        (httpx.Response(200, json={"other": 1}), ["unknown"] * 2),
        (httpx.Response(200, json={"results": [{"message_id": "b-1-0.0", "code": "OK"}]}), ["accepted", "unknown"]),
        (
            httpx.Response(200, json={"results": [{"message_id": "b-1-0.0", "code": "OK"},
                                                  {"message_id": "b-1-0.1", "code": "BLACK"}]}),
            ["accepted", "rejected"],
        ),
        (httpx.Response(400, json={"code": "TOO_MANY"}), ["rejected"] * 2),
        (httpx.Response(400, text="?"), ["unknown"] * 2),
        (httpx.Response(429), ["not_sent"] * 2),
        (httpx.Response(401), ["not_sent"] * 2),
    ],
)  # fmt: skip
def test_an_answer_proves_what_it_says_and_no_more(answer, wanted):
    assert states(send(lambda _request: answer)) == wanted


def test_retry_after_and_refused_credentials_are_passed_on():
    assert send(lambda _r: httpx.Response(429, headers={"Retry-After": "7"})).retry_after_s == 7
    assert send(lambda _r: httpx.Response(403)).stop


@pytest.mark.parametrize("answer", [httpx.Response(500), httpx.Response(200, text="?"), httpx.Response(200, json={})])
def test_a_query_that_was_not_answered_says_nothing(answer):
    provider = GenericProvider("http://provider.test", "secret", httpx.MockTransport(lambda _r: answer))
    with pytest.raises(ProviderTrouble):
        asyncio.run(provider.find("b-1-0", MESSAGES, datetime(2026, 11, 20, tzinfo=UTC)))


def test_no_number_is_shown():
    assert "13800138000" not in repr(MESSAGES)
