"""Every fault on both clouds' protocols, over real sockets: what our adapters say is never more than what is true."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn

from chuda.providers.aliyun import AliyunAccount, AliyunProvider
from chuda.providers.simulator.__main__ import bind
from chuda.providers.simulator.app import build_app
from chuda.providers.simulator.profile import Faults
from chuda.providers.simulator.transport import CuttableProtocol
from chuda.providers.tencent import TencentAccount, TencentProvider
from tests.chuda.providers.clouds import APP, QUIET, TOKEN, CloudCompany, alike, filed, phones, states

# Fault -> what the adapter may say, and whether the company took the messages.
OUTCOMES = {
    "refuse": ({"unknown"}, False),
    "reset": ({"unknown"}, False),
    "hang_before": ({"unknown"}, None),
    "hang_after": ({"unknown"}, True),
    "hang_lost": ({"unknown"}, False),
    "accept_then_timeout": ({"unknown"}, True),
    "bad_gateway": ({"unknown"}, False),
    "bad_gateway_but_accepted": ({"unknown"}, True),
    "slow": ({"accepted"}, True),
    "too_many": ({"not_sent"}, False),
    "wrong_json": ({"unknown"}, True),
}
FAULTS = Faults(hang_seconds=1.0, slow_seconds=0.05, retry_after_seconds=7)


@asynccontextmanager
async def served(home: Path) -> AsyncIterator[tuple[CloudCompany, str]]:
    """A company on a loopback socket, where connections can really be cut."""
    company = CloudCompany.open(home, QUIET.model_copy(update={"faults": FAULTS}))
    listening = bind(0)
    config = uvicorn.Config(
        build_app(company.provider, TOKEN), http=CuttableProtocol, ws="none", log_level="critical", access_log=False,
        timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    yield company, f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    await task


def adapter_for(cloud: str, company: CloudCompany, url: str) -> AliyunProvider | TencentProvider:
    if cloud == "aliyun":
        seller = AliyunAccount(url, "simulator", TOKEN, filed("SMS_1"))
        return AliyunProvider(seller, company.clock, trust_env=False, deadline_s=0.6)
    account = TencentAccount(url, "simulator", TOKEN, "ap-guangzhou", APP, filed("1110"))
    return TencentProvider(account, company.clock, trust_env=False, deadline_s=0.6)


@pytest.mark.parametrize("cloud", ["aliyun", "tencent"])
def test_every_fault_is_told_for_what_it_is(tmp_path, cloud):
    async def scenario() -> dict[str, tuple[list[str], float]]:
        told = {}
        async with served(tmp_path) as (company, url):
            adapter = adapter_for(cloud, company, url)
            for number, fault in enumerate(OUTCOMES):
                company.provider.injector.write_script([fault])
                messages = alike([phones(20)[number]], f"p-{fault}")
                result = await adapter.send(f"p-{fault}", messages)
                told[fault] = (states(result, messages), result.retry_after_s)
            await asyncio.sleep(1.2)  # until what hangs has ended
            await adapter.close()
            after = dict(company.judge().faults())
            assert set(after) == set(OUTCOMES)
        return told

    told = asyncio.run(scenario())
    with CloudCompany.open(tmp_path).judge() as judge:
        for fault, (allowed, was_taken) in OUTCOMES.items():
            assert set(told[fault][0]) <= allowed, fault
            taken = len(judge.of_batch(f"p-{fault}"))
            assert was_taken is None or taken == was_taken, fault
            assert taken <= 1
    assert told["too_many"][1] == 7
