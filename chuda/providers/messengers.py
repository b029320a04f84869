"""Group robots of WeCom, DingTalk and Feishu, and a plain webhook: a text in, what is certain about it out.

All three answer HTTP 200 to what they refuse, with an error code in the body; only their own word of success counts.
Their addresses hold the credential, so no address appears in a message, a log or an exception.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx

from chuda.errors import UsageError

MessengerKind = Literal["wecom", "dingtalk", "feishu", "webhook"]
Outcome = Literal["sent", "failed", "unknown"]
_TIMEOUT = httpx.Timeout(10.0, connect=5.0)
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.InvalidURL)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
# What a text may have, in bytes of UTF-8, as documented; a plain webhook is given the same room as Feishu.
TEXT_BYTES: Mapping[MessengerKind, int] = {"wecom": 2048, "dingtalk": 18_000, "feishu": 18_000, "webhook": 18_000}


@dataclass(frozen=True, slots=True)
class Messenger:
    """Where a group is told: its robot's address, and the secret its texts are signed with, if it wants that."""

    kind: MessengerKind
    address: str = field(repr=False)
    secret: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.address)
        if not parts.hostname or not (parts.scheme == "https" or parts.hostname in _LOOPBACK):
            raise UsageError(f"the address of {self.kind} must begin with https://; copy it from the robot's settings")


@dataclass(frozen=True, slots=True)
class Answer:
    """What is certain: sent; failed (it did not arrive, may be tried again); unknown (it may have arrived)."""

    outcome: Outcome
    detail: str


def tell(
    messenger: Messenger,
    text: str,
    facts: Sequence[Mapping[str, Any]],
    now: datetime,
    transport: httpx.BaseTransport | None = None,
) -> Answer:
    """Post a text to a group; the plain webhook is given the `facts` (JSON) beside it.

    `now` is signed by DingTalk and Feishu, which refuse what is an hour off. Never raises for what the network does.
    """
    logging.getLogger("httpx").setLevel(logging.WARNING)  # at INFO it writes whole addresses
    parameters, body, headers = _REQUESTS[messenger.kind](messenger, text, facts, now)
    content = json.dumps(body, ensure_ascii=False, default=str).encode()
    if messenger.kind == "webhook" and messenger.secret:
        digest = hmac.new(messenger.secret.encode(), content, hashlib.sha256).hexdigest()
        headers["X-Chuda-Signature"] = f"sha256={digest}"
    try:
        with httpx.Client(timeout=_TIMEOUT, transport=transport) as client:
            url = httpx.URL(messenger.address).copy_merge_params(parameters)
            response = client.post(url, content=content, headers={"Content-Type": "application/json", **headers})
    except _NOT_SENT as error:
        return Answer("failed", f"not reached ({type(error).__name__})")
    except httpx.HTTPError as error:
        return Answer("unknown", f"no answer ({type(error).__name__})")
    return _classify(messenger.kind, response)


def _classify(kind: MessengerKind, response: httpx.Response) -> Answer:
    if response.status_code >= 500:
        return Answer("unknown", f"HTTP {response.status_code}")
    if response.status_code >= 300:
        return Answer("failed", f"HTTP {response.status_code}")
    if kind == "webhook":
        return Answer("sent", f"HTTP {response.status_code}")
    try:
        body = response.json()
        code = body.get("errcode", body.get("code", body.get("StatusCode")))
    except (ValueError, AttributeError):
        return Answer("unknown", "HTTP 200 with an answer that is not JSON")
    if code == 0:
        return Answer("sent", "0")
    if not isinstance(code, int):
        return Answer("unknown", "HTTP 200 without a code")
    return Answer("failed", f"{code}{_HINTS.get((kind, code), '')}")


_HINTS: Mapping[tuple[MessengerKind, int], str] = {
    ("wecom", 93000): " (the key of the address is not valid any more)",
    ("wecom", 45009): " (more than 20 messages a minute)",
    ("dingtalk", 310000): " (keyword, signature or IP address do not fit the robot's security settings)",
    ("dingtalk", 130101): " (more than 20 messages a minute)",
    ("feishu", 19021): " (signature or time do not fit)",
    ("feishu", 19024): " (the robot asks for a keyword that the text lacks)",
    ("feishu", 11232): " (too many requests)",
}

_Request = tuple[dict[str, str], dict[str, Any], dict[str, str]]


def _wecom(_messenger: Messenger, text: str, _facts: object, _now: datetime) -> _Request:
    return {}, {"msgtype": "text", "text": {"content": text}}, {}


def _dingtalk(messenger: Messenger, text: str, _facts: object, now: datetime) -> _Request:
    parameters = {}
    if messenger.secret:
        stamp = str(round(now.timestamp() * 1000))
        sign = _sign(messenger.secret.encode(), f"{stamp}\n{messenger.secret}".encode())
        parameters = {"timestamp": stamp, "sign": sign}
    return parameters, {"msgtype": "text", "text": {"content": text}}, {}


def _feishu(messenger: Messenger, text: str, _facts: object, now: datetime) -> _Request:
    body: dict[str, Any] = {"msg_type": "text", "content": {"text": text}}
    if messenger.secret:
        stamp = str(round(now.timestamp()))
        # Here the secret is part of the key, and what is signed is empty.
        body |= {"timestamp": stamp, "sign": _sign(f"{stamp}\n{messenger.secret}".encode(), b"")}
    return {}, body, {}


def _webhook(_messenger: Messenger, text: str, facts: Sequence[Mapping[str, Any]], now: datetime) -> _Request:
    return {}, {"text": text, "alerts": [dict(fact) for fact in facts], "told_at": now.isoformat()}, {}


_REQUESTS: Mapping[
    MessengerKind, Callable[[Messenger, str, Sequence[Mapping[str, Any]], datetime], _Request]
] = {"wecom": _wecom, "dingtalk": _dingtalk, "feishu": _feishu, "webhook": _webhook}  # fmt: skip


def _sign(key: bytes, content: bytes) -> str:
    return base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
