"""The switchboard: faults and limits set while the company runs, and what has been injected so far.

`GET /control` -> {"faults": {…}, "limits": {…}, "script": […], "injected": {"reset": 3}, "log": […]}
`POST /control` <- {"faults": {"reset": 0.1}, "limits": {"parts_per_second": 200}, "script": ["reset", null]}
"""

from __future__ import annotations

from functools import partial
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chuda.providers.simulator.feeds import iso
from chuda.providers.simulator.generic import answer, guarded, problem
from chuda.providers.simulator.profile import Faults, Limits, RequestFault, describe
from chuda.providers.simulator.provider import SimulatedProvider

_LOG_LENGTH = 200


class _Orders(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    faults: dict[str, float] = {}
    limits: dict[str, float | None] = {}
    script: list[RequestFault | None] | None = None


def routes(provider: SimulatedProvider, token: str) -> list[Route]:
    """`/control`, with the same token as the protocol."""
    return [
        Route("/control", guarded(token, partial(_show, provider)), methods=["GET"]),
        Route("/control", guarded(token, partial(_set, provider)), methods=["POST"]),
    ]


async def _show(provider: SimulatedProvider, _: Request) -> Response:
    return answer(_state(provider))


async def _set(provider: SimulatedProvider, request: Request) -> Response:
    injector, limiter = provider.injector, provider.limiter
    try:
        orders = _Orders.model_validate_json(await request.body())
        faults = Faults.model_validate({**injector.faults.model_dump(), **orders.faults})
        limits = Limits.model_validate({**limiter.limits.model_dump(), **orders.limits})
    except ValidationError as error:
        return problem(400, "MALFORMED", describe(error))
    injector.faults, limiter.limits = faults, limits
    if orders.script is not None:
        injector.write_script(orders.script)
    return answer(_state(provider))


def _state(provider: SimulatedProvider) -> dict[str, Any]:
    injector, record = provider.injector, provider.record
    log = record.last_faults(_LOG_LENGTH)
    return {
        "faults": injector.faults.model_dump(),
        "limits": provider.limiter.limits.model_dump(),
        "script": list(injector.script),
        "injected": dict(record.fault_counts),
        "log": [{"at": iso(at_us), "fault": kind, "reference": reference} for at_us, kind, reference in log],
    }
