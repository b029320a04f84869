"""How a request leaves, for every adapter: one client, a deadline for the whole request, and what a failure proves.

The transport is aiohttp under httpx's interface (six times as fast as httpx's own). Sends go to it directly (`post`):
what httpx does around a request (redirects, cookies, authentication, merging of addresses and headers) costs more than
the request itself, and a send wants none of it. Why a request failed is read from aiohttp's own error: `httpx-aiohttp`
reports a connection that broke *after* the request had left as `httpx.ConnectTimeout`, which reads as "not sent" and
would send the same messages again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from aiohttp.connector import Connection
from yarl import URL

from chuda.errors import ProviderTrouble
from chuda.providers.leaving import is_allowed_to_leave
from chuda.providers.protocol import MessageResult

DEADLINE_S = 8.0
"""A request ends within this time, whatever happens; it must be shorter than the lease of its sender."""

_CONNECT_S = 4.0
_CONNECTIONS = 64
_LONGEST_PAUSE_S = 3600.0
# Shorter than any server's: a connection that the other side closes first leaves an outcome unknown.
_KEEP_ALIVE_S = 5.0
# Nothing of the request can have reached the provider.
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class HeldBack(aiohttp.ClientConnectionError):
    """The sender's last check said no: nothing was written."""


_NOTHING_WRITTEN = (
    HeldBack,
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
    aiohttp.InvalidURL,
)


class CheckedRequest(aiohttp.ClientRequest):
    """A request that asks the sender's last check when its connection is there, right before it is written."""

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        """Write the request.

        Raises:
            HeldBack: it was not to leave any more; the connection is kept for the next.
        """
        if not is_allowed_to_leave():
            conn.release()
            raise HeldBack
        return await super().send(conn)


class SafeTransport(httpx.AsyncBaseTransport):
    """aiohttp under httpx's interface, with errors that say truly whether anything was sent; answers are read whole."""

    def __init__(self, proxy: str | None = None) -> None:
        self._proxy = proxy
        self._tls = httpx.create_ssl_context()
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Make one request; raises httpx's errors only.

        Raises:
            httpx.ConnectError: nothing was sent.
            httpx.ReadError: it may have been sent.
        """
        address = URL(str(request.url), encoded=True)
        answer = await self.exchange(request.method, address, request.headers, await request.aread())
        answer.request = request
        return answer

    async def exchange(self, method: str, address: URL, headers: Mapping[str, str], body: bytes) -> httpx.Response:
        """The same without a request object."""
        session = self._session or self._open()
        try:
            async with session.request(
                method, address, headers=headers, data=body or None, allow_redirects=False, proxy=self._proxy
            ) as answer:
                content = await answer.read()
        except (aiohttp.ClientError, OSError) as error:
            raise _as_it_was(error) from error
        return httpx.Response(answer.status, headers=answer.raw_headers, content=content)

    async def aclose(self) -> None:
        """Give back the connections."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        # Not before there is a running loop; httpx undoes the compression of an answer, and knows these two.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=_CONNECTIONS, keepalive_timeout=_KEEP_ALIVE_S, ssl=self._tls),
            timeout=aiohttp.ClientTimeout(total=None, connect=_CONNECT_S, sock_connect=_CONNECT_S),
            headers={"Accept-Encoding": "gzip, deflate"},
            cookie_jar=aiohttp.DummyCookieJar(),
            request_class=CheckedRequest,
            auto_decompress=False,
        )
        return self._session


def _as_it_was(error: Exception) -> httpx.TransportError:
    if isinstance(error, _NOTHING_WRITTEN):
        return httpx.ConnectError(type(error).__name__)
    return httpx.ReadError(type(error).__name__)


class ProviderClient(httpx.AsyncClient):
    """A client for one provider's endpoint: httpx's, and `post_once` for sends."""

    def __init__(self, endpoint: str, transport: httpx.AsyncBaseTransport) -> None:
        timeout = httpx.Timeout(DEADLINE_S, connect=_CONNECT_S, pool=_CONNECT_S)
        super().__init__(base_url=endpoint, timeout=timeout, transport=transport, trust_env=False)
        self._wire = transport if isinstance(transport, SafeTransport) else None
        self._base = str(self.base_url).rstrip("/")

    async def post_once(self, target: str, headers: Mapping[str, str], body: bytes) -> httpx.Response:
        """Post `body` with exactly these headers (and those every request needs); raises httpx's errors.

        Args:
            target: path and query below the endpoint, percent-encoded.
            headers: what the request says beside Host, Content-Length and the like.
            body: the bytes to post.
        """
        if self._wire is None:
            if not is_allowed_to_leave():
                raise httpx.ConnectError(HeldBack.__name__)
            return await self.post(target, headers=headers, content=body)
        address = URL(f"{self._base}{target}", encoded=True)
        return await self._wire.exchange("POST", address, headers, body)


def open_client(
    endpoint: str, transport: httpx.AsyncBaseTransport | None = None, trust_env: bool = True
) -> ProviderClient:
    """A client for one provider's endpoint.

    Args:
        endpoint: scheme, host, port and path of the provider.
        transport: another way out, for tests.
        trust_env: whether the proxy that the environment names is used.
    """
    # It would write every address asked for into the log, and Aliyun's hold phone numbers.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    return ProviderClient(endpoint, transport or SafeTransport(_proxy_for(endpoint) if trust_env else None))


def read_retry_after(response: httpx.Response) -> float:
    """The pause in seconds that a 429 asks for; one second where it names none."""
    try:
        return min(_LONGEST_PAUSE_S, max(0.0, float(response.headers.get("Retry-After", "1"))))
    except ValueError:
        return 1.0


class Pace:
    """Lets at most so many pass per second, evenly; for queries a provider limits."""

    def __init__(self, per_second: float) -> None:
        self._interval_s = 1.0 / per_second
        self._next_s = 0.0

    async def turn(self) -> None:
        """Return when it is the caller's turn."""
        now_s = asyncio.get_running_loop().time()
        mine_s = max(now_s, self._next_s)
        self._next_s = mine_s + self._interval_s
        await asyncio.sleep(mine_s - now_s)


def _proxy_for(endpoint: str) -> str | None:
    parts = urlsplit(endpoint)
    return None if proxy_bypass(parts.netloc) else getproxies().get(parts.scheme)


async def post(
    client: ProviderClient, target: str, headers: Mapping[str, str], body: bytes, deadline_s: float
) -> httpx.Response | MessageResult:
    """Send once, within `deadline_s` in all; see `ProviderClient.post_once` and `try_request`."""
    return await _within(client.post_once(target, headers, body), deadline_s)


async def try_request(
    client: httpx.AsyncClient, request: httpx.Request, deadline_s: float
) -> httpx.Response | MessageResult:
    """Make one request within `deadline_s` in all; instead of an answer, what its failure proves about it."""
    return await _within(client.send(request), deadline_s)


async def _within(exchange: Awaitable[httpx.Response], deadline_s: float) -> httpx.Response | MessageResult:
    try:
        async with asyncio.timeout(deadline_s):
            return await exchange
    except NOT_SENT as error:
        return MessageResult("not_sent", type(error).__name__)
    except httpx.HTTPError as error:
        return MessageResult("unknown", type(error).__name__)
    except TimeoutError:
        return MessageResult("unknown", "deadline")


async def ask(client: httpx.AsyncClient, request: httpx.Request, deadline_s: float) -> httpx.Response:
    """Make a request that only reads, within `deadline_s`; answers of any status are returned.

    Raises:
        ProviderTrouble: there was no answer; asking again is safe.
    """
    answer = await try_request(client, request, deadline_s)
    if isinstance(answer, MessageResult):
        raise ProviderTrouble(f"the provider could not be asked ({answer.code}); repeat later")
    return answer
