"""A simulated company for tests: in-process or on a real socket, on a clock set by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from chuda.clock import BUSINESS_ZONE, FixedClock
from chuda.providers.simulator.__main__ import bind
from chuda.providers.simulator.app import build_app, open_provider
from chuda.providers.simulator.judge import Judge
from chuda.providers.simulator.profile import Profile
from chuda.providers.simulator.provider import SimulatedProvider
from chuda.providers.simulator.transport import CuttableProtocol

TOKEN = "test-token"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=BUSINESS_ZONE)
TEXT = "【触达科技】王先生您好，新品限时八折，详情 chd.cn/a1B2 拒收请回复R"


@dataclass
class Company:
    """The company, a client of it, its clock, and the judge."""

    provider: SimulatedProvider
    client: httpx.AsyncClient
    clock: FixedClock
    home: Path

    async def send(self, batch_id: str, phones: Iterable[str], **changes: Any) -> httpx.Response:
        """Send one text to each phone; `changes` replace fields of every message."""
        return await self.client.post("/messages", content=body_of(batch_id, phones, **changes))

    async def control(self, **orders: Any) -> None:
        """Set faults, limits or a script."""
        (await self.client.post("/control", json=orders)).raise_for_status()

    async def advance(self, **delta: float) -> None:
        """Let time pass."""
        await self.clock.sleep_until(self.clock.now() + timedelta(**delta))

    async def read_all(self, path: str, limit: int = 100) -> list[dict[str, Any]]:
        """Every item of a feed that is visible now."""
        items: list[dict[str, Any]] = []
        cursor = ""
        while page := (await self.client.get(path, params={"cursor": cursor, "limit": limit})).json():
            items += page["items"]
            cursor = page["cursor"]
            if not page["items"]:
                return items
        raise AssertionError("a page is never empty JSON")

    def judge(self) -> Judge:
        """The record, seen from outside."""
        return Judge.open(self.home)


def body_of(batch_id: str, phones: Iterable[str], **changes: Any) -> bytes:
    messages = [
        {"message_id": f"{batch_id}.{place}", "phone": phone, "text": TEXT, "type": "marketing", **changes}
        for place, phone in enumerate(phones)
    ]
    return json.dumps({"batch_id": batch_id, "messages": messages}).encode()


def phones(count: int, first: int = 13800000000, step: int = 7919) -> list[str]:
    return [str(first + place * step) for place in range(count)]


class Kit:
    """Makes companies in a fresh folder; what tests need by name, as helpers cannot be imported from here."""

    text = TEXT
    noon = NOON
    token = TOKEN
    # Nobody is blacklisted by chance, so that counts are exact.
    quiet = Profile(blacklisted_share=0.0)
    phones = staticmethod(phones)
    body_of = staticmethod(body_of)

    def __init__(self, home: Path) -> None:
        self.home = home

    @asynccontextmanager
    async def opened(self, profile: Profile = quiet, seed: int = 1, moment: datetime = NOON) -> AsyncIterator[Company]:
        """A company without a socket; most rules can be tested there."""
        company = self._company(profile, seed, moment)
        async with company.client:
            yield company
        company.provider.record.close()

    @asynccontextmanager
    async def served(self, profile: Profile = quiet, seed: int = 1, moment: datetime = NOON) -> AsyncIterator[Company]:
        """A company on a loopback socket, where connections can really be cut."""
        company = self._company(profile, seed, moment)
        listening = bind(0)
        config = uvicorn.Config(
            build_app(company.provider, TOKEN), http=CuttableProtocol, ws="none", log_level="critical",
            access_log=False, timeout_graceful_shutdown=1,
        )  # fmt: skip
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[listening]))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with httpx.AsyncClient(base_url=url, headers=HEADERS, timeout=5.0, trust_env=False) as client:
            company.client = client
            yield company
        server.should_exit = True
        await task

    def _company(self, profile: Profile, seed: int, moment: datetime) -> Company:
        clock = FixedClock(moment)
        provider = open_provider(self.home, clock, seed, profile)
        transport = httpx.ASGITransport(build_app(provider, TOKEN))
        client = httpx.AsyncClient(transport=transport, base_url="http://simulator", headers=HEADERS)
        return Company(provider, client, clock, self.home)


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return Kit(tmp_path / "simulator")
