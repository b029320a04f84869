"""How a request leaves, for every adapter: one client, a deadline for the whole request, and what a failure proves.

The transport is aiohttp under httpx's interface (six times as fast as httpx's own). `httpx-aiohttp` reports a
connection that broke *after* the request had left as `httpx.ConnectTimeout`, which reads as "not sent" and would send
the same messages again. `SafeTransport` looks at the error underneath and tells the two apart.
"""

from __future__ import annotations

import asyncio
import logging
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from chuda.errors import ProviderTrouble
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
_NEVER_CONNECTED = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
    aiohttp.InvalidURL,
)


class SafeTransport(httpx.AsyncBaseTransport):
    """The aiohttp transport with errors that say truly whether anything was sent; answers are read whole."""

    def __init__(self, proxy: str | None = None) -> None:
        limits = httpx.Limits(max_connections=_CONNECTIONS, keepalive_expiry=_KEEP_ALIVE_S)
        self._inner = AiohttpTransport(limits=limits, proxy=httpx.Proxy(proxy) if proxy else None)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Make one request; raises httpx's errors only.

        Raises:
            httpx.ConnectError: nothing was sent.
            httpx.ReadError: it may have been sent.
        """
        try:
            answer = await self._inner.handle_async_request(request)
            try:
                body = b"".join([chunk async for chunk in answer.aiter_raw()])
            finally:
                await answer.aclose()
        except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
            raise _as_it_was(error) from error
        return httpx.Response(answer.status_code, headers=answer.headers, content=body, request=request)

    async def aclose(self) -> None:
        """Give back the connections."""
        await self._inner.aclose()


def _as_it_was(error: Exception) -> httpx.TransportError:
    cause = error.__cause__ if isinstance(error, httpx.HTTPError) else error
    if isinstance(cause, _NEVER_CONNECTED):
        return httpx.ConnectError(type(cause).__name__)
    return httpx.ReadError(type(cause or error).__name__)


def open_client(
    endpoint: str, transport: httpx.AsyncBaseTransport | None = None, trust_env: bool = True
) -> httpx.AsyncClient:
    """A client for one provider's endpoint.

    Args:
        endpoint: scheme, host, port and path of the provider.
        transport: another way out, for tests.
        trust_env: whether the proxy that the environment names is used.
    """
    # It would write every address asked for into the log, and Aliyun's hold phone numbers.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    return httpx.AsyncClient(
        base_url=endpoint,
        timeout=httpx.Timeout(DEADLINE_S, connect=_CONNECT_S, pool=_CONNECT_S),
        transport=transport or SafeTransport(_proxy_for(endpoint) if trust_env else None),
        trust_env=False,
    )


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


async def try_request(
    client: httpx.AsyncClient, request: httpx.Request, deadline_s: float
) -> httpx.Response | MessageResult:
    """Make one request within `deadline_s` in all; instead of an answer, what its failure proves about it."""
    try:
        async with asyncio.timeout(deadline_s):
            return await client.send(request)
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
