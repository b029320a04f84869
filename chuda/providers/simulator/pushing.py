"""Pushing receipts and replies to the customer's address, in the form of the company that is played."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from chuda.providers.simulator import aliyun, tencent
from chuda.providers.simulator.provider import SimulatedProvider

_LARGEST_PUSH = 100
_PAUSE_S = 0.2
_TIMEOUT_S = 5.0
_FORMS: Mapping[str, Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
    "aliyun": {"receipt": aliyun.receipt_push, "reply": aliyun.reply_push},
    "tencent": {"receipt": tencent.receipt_push, "reply": tencent.reply_push},
}


class Pusher:
    """Pushes what is visible, in order; what nobody takes after the last try is lost. Positions survive a restart."""

    def __init__(self, provider: SimulatedProvider, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._provider = provider
        self._transport = transport
        self._cloud = provider.profile.cloud
        self._addresses = {"receipt": self._cloud.push_receipts_to, "reply": self._cloud.push_replies_to}

    async def run(self) -> None:
        """Push until cancelled."""
        if self._cloud.push_form is None:
            return
        async with httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False, transport=self._transport) as client:
            while True:
                for kind, address in self._addresses.items():
                    if address:
                        await self._push_next(client, kind, address)
                await asyncio.sleep(_PAUSE_S)

    async def _push_next(self, client: httpx.AsyncClient, kind: str, address: str) -> None:
        items = [json.loads(item) for item in await self._provider.feeds.take(kind, _LARGEST_PUSH)]
        form = _FORMS[self._cloud.push_form or "aliyun"][kind]
        pushes = [form(item) for item in items]
        # Tencent Cloud pushes its replies one by one, as objects.
        bodies: list[object] = (
            list(pushes) if (kind, self._cloud.push_form) == ("reply", "tencent") else [pushes] if pushes else []
        )
        for body in bodies:
            await self._deliver(client, address, body)

    async def _deliver(self, client: httpx.AsyncClient, address: str, body: object) -> None:
        for pause_s in (0.0, *self._cloud.push_retry_seconds):
            await asyncio.sleep(pause_s)
            try:
                answer = (await client.post(address, json=body)).json()
                if answer.get("code", answer.get("result")) == 0:
                    return
            except (httpx.HTTPError, ValueError, AttributeError):
                continue
