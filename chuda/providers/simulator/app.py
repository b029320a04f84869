"""The company as an ASGI application: every protocol it speaks, and the switchboard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Route

from chuda.clock import Clock
from chuda.providers.simulator import control, generic
from chuda.providers.simulator.aliyun import AliyunDialect
from chuda.providers.simulator.cloud import CloudAddress
from chuda.providers.simulator.faults import FaultInjector
from chuda.providers.simulator.profile import Profile
from chuda.providers.simulator.provider import SimulatedProvider
from chuda.providers.simulator.pushing import Pusher
from chuda.providers.simulator.record import Record
from chuda.providers.simulator.rules import Rules
from chuda.providers.simulator.tencent import TencentDialect
from chuda.providers.simulator.world import World


def open_provider(home: Path, clock: Clock, seed: int, profile: Profile) -> SimulatedProvider:
    """The company whose record is in `home`; created if it is not there, continued if it is."""
    world = World(seed, profile.world)
    return SimulatedProvider(
        Record.open(home, clock), world, Rules(profile, seed), profile, FaultInjector(world, profile.faults)
    )


def build_app(provider: SimulatedProvider, token: str) -> Starlette:
    """The application; its shutdown closes the record."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        pushing = asyncio.create_task(Pusher(provider).run())
        yield
        pushing.cancel()
        provider.record.close()

    routes = [route for part in (generic, control) for route in part.routes(provider, token)]
    cloud = CloudAddress((AliyunDialect(provider, token), TencentDialect(provider, token)))
    return Starlette(routes=[*routes, Route("/", cloud, methods=["POST"])], lifespan=lifespan)
