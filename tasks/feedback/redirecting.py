"""Following own short links: `GET /<code>` is recorded on disk, then answered with where the link leads.

A code that is nobody's and one that may lead nowhere any more get the same 404. Who asks for many codes that are
nobody's hears 429 to those, and to those alone: behind the same address, a gateway's or a proxy's, others have a link
that is theirs. The answer holds the target as it was approved and nothing of who asked; of the visitor nothing is kept
but what their browser calls itself.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from chuda.clock import Clock, to_us
from chuda.errors import ChudaError
from chuda.short_links import CODE, is_allowed_target
from chuda.stores.ledger import Ledger
from chuda.stores.ledger.queue import QueuedPage
from chuda.stores.ledger.short_links import PROOFS, FoundLink, find_link
from tasks.feedback.durable import DurableWriter
from tasks.feedback.intake import free_text
from tasks.feedback.items import CLICKS, QueuedClick, dump_items
from tasks.feedback.scanners import Look, why_scanner

MISSES_PER_MINUTE = 60
"""Unknown codes one address may ask for and hear 404: nobody mistypes so often."""
_MOST_ADDRESSES = 10_000
_HEADERS = {
    "Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow",
}  # fmt: skip
_PURPOSES = ("sec-purpose", "purpose", "x-purpose", "x-moz")


@dataclass(slots=True)
class MissLimit:
    """How many unknown codes each address may still ask for; bounded, and in memory only."""

    per_minute: int = MISSES_PER_MINUTE
    _left: OrderedDict[str, tuple[float, int]] = field(default_factory=OrderedDict)

    def is_spent(self, address: str, now_us: int) -> bool:
        """Whether this address has to wait before it hears of a miss again."""
        return self._budget(address, now_us) < 1

    def note(self, address: str, now_us: int) -> None:
        """Remember a miss."""
        self._left[address] = (self._budget(address, now_us) - 1, now_us)
        self._left.move_to_end(address)
        while len(self._left) > _MOST_ADDRESSES:
            self._left.popitem(last=False)

    def _budget(self, address: str, now_us: int) -> float:
        left, at_us = self._left.get(address, (float(self.per_minute), now_us))
        return min(float(self.per_minute), left + max(0, now_us - at_us) * self.per_minute / 60e6)


@dataclass(frozen=True, slots=True)
class Redirector:
    """What following a link needs; `targets` maps the channels with short links to where those may lead today."""

    ledger: Ledger
    clock: Clock
    writer: DurableWriter
    targets: Mapping[str, tuple[str, ...]]
    misses: MissLimit = field(default_factory=MissLimit)

    async def follow(self, request: Request) -> Response:
        """One look at a link: 302 once it is on disk, 404 if it leads nowhere, 429 to guesses, 503 without ledger."""
        code, now_us = request.path_params["code"], to_us(self.clock.now())
        try:
            found = await asyncio.to_thread(self._find, code) if CODE.fullmatch(code) else None
        except ChudaError:
            return Response(status_code=503, headers={"Retry-After": "5"})
        if found is None:
            return self._miss(_network(request.client.host if request.client else ""), now_us)
        if not is_allowed_target(found.target, self.targets.get(found.channel, ())):
            return Response(status_code=404)
        try:
            if found.batch_id != PROOFS:
                await self.writer.keep(_page(request, found, now_us), [])
        except (ChudaError, asyncio.QueueFull):
            return Response(status_code=503, headers={"Retry-After": "5"})
        return Response(status_code=302, headers={"Location": found.target, **_HEADERS})

    def _miss(self, address: str, now_us: int) -> Response:
        if self.misses.is_spent(address, now_us):
            return Response(status_code=429, headers={"Retry-After": "60"})
        self.misses.note(address, now_us)
        return Response(status_code=404)

    def _find(self, code: str) -> FoundLink | None:
        with self.ledger.read() as connection:
            return find_link(connection, code)


def _network(address: str) -> str:
    """Whom a limit binds: an address, or the /64 of an IPv6 one, since one visitor has all of it."""
    try:
        network = ip_network(f"{address}/64", strict=False) if ":" in address else address
    except ValueError:
        return address
    return str(network)


def link_paths(bases: Iterable[str]) -> tuple[str, ...]:
    """The paths below which the codes of these addresses stand."""
    return tuple(sorted({urlsplit(base).path.rstrip("/") for base in bases}))


def _page(request: Request, found: FoundLink, now_us: int) -> QueuedPage:
    headers = request.headers
    agent = headers.get("user-agent", "")
    purpose = " ".join(headers.get(name, "") for name in _PURPOSES)
    since = None if found.sent_us is None else now_us - found.sent_us
    reason = why_scanner(Look(agent, request.method, purpose, headers.get("accept-language", ""), since))
    message_id = f"{found.batch_id}.{found.position}"
    click = QueuedClick("", "", message_id, found.target, free_text(agent)[:200], now_us, reason)
    return QueuedPage(found.channel, CLICKS, dump_items([click]), 1, now_us)
