"""What the two cloud protocols share: filed templates, limits per number, and one address for every action."""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from typing import Protocol

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from chuda.providers.simulator.profile import Cloud, FiledText, Limits
from chuda.providers.simulator.provider import RateLimiter
from chuda.providers.simulator.world import SECOND

MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
_SLOT = re.compile(r"\$?\{(\w+)\}")
_URL = re.compile(r"https?://|www\.|[a-z0-9-]+\.(?:com|cn|net|org)(?:/|\b)", re.IGNORECASE)


def fill(template: FiledText, signature: str, parameters: Mapping[str, str]) -> str | None:
    """What the handset shows, or None where a parameter is missing."""
    if slots_of(template) - parameters.keys():
        return None
    return f"【{signature}】" + _SLOT.sub(lambda found: parameters[found[1]], template.text)


def slots_of(template: FiledText) -> set[str]:
    """The names of a template's variables."""
    return set(_SLOT.findall(template.text))


def holds_url(value: str) -> bool:
    """Whether a parameter holds a web address, which neither company allows."""
    return _URL.search(value) is not None


def template_of(text: str, cloud: Cloud) -> str:
    """The code of the template that a text came from."""
    body = text.partition("】")[2]
    for code, template in cloud.templates.items():
        pieces = [re.escape(piece) for piece in _SLOT.split(template.text)[::2]]
        if re.fullmatch(".*".join(pieces), body, re.DOTALL):
            return code
    return ""


class NumberLimits:
    """Counts submissions per key over rolling spans, in memory; limits are (span in microseconds, at most, name)."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, ...], deque[int]] = defaultdict(deque)

    def exceeded(self, key: tuple[str, ...], limits: Sequence[tuple[int, int, str]], now_us: int) -> str | None:
        """The name of the limit that one more submission would break."""
        times = self._seen.get(key, ())
        for span_us, at_most, name in limits:
            if sum(time > now_us - span_us for time in times) >= at_most:
                return name
        return None

    def count(self, key: tuple[str, ...], now_us: int) -> None:
        """Count a submission."""
        times = self._seen[key]
        times.append(now_us)
        while times[0] <= now_us - DAY:
            times.popleft()


class ActionLimits:
    """The documented requests per second of each action; they hold where the company's time passes by itself."""

    def __init__(self, per_second: Mapping[str, float], is_enforced: bool) -> None:
        self._limiters = {
            action: RateLimiter(Limits(requests_per_second=rate)) for action, rate in per_second.items() if is_enforced
        }

    def admit(self, action: str, now_us: int) -> None:
        """Count a request of an action.

        Raises:
            TooFast: it would be one too many in this second.
        """
        limiter = self._limiters.get(action)
        if limiter is not None:
            limiter.admit(now_us, 0)


class Dialect(Protocol):
    """One of the two protocols: which header names the action, which actions send, and both handlers."""

    @property
    def header(self) -> str:
        """The header that names the action."""

    @property
    def sending(self) -> frozenset[str]:
        """The actions that send."""

    @property
    def send_app(self) -> ASGIApp:
        """Serves sending actions, with trouble around them."""

    async def ask(self, request: Request) -> Response:
        """Serve any action."""


class CloudAddress:
    """`POST /` of both companies: the action stands in a header, whose name tells the company."""

    def __init__(self, dialects: Sequence[Dialect]) -> None:
        self._dialects = dialects

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers = Headers(scope=scope)
        for dialect in self._dialects:
            action = headers.get(dialect.header)
            if action in dialect.sending:
                await dialect.send_app(scope, receive, send)
                return
            if action is not None:
                await (await dialect.ask(Request(scope, receive)))(scope, receive, send)
                return
        await Response("no action", 404)(scope, receive, send)
