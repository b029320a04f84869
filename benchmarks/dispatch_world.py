"""What `benchmarks/dispatch.py` sends: channels of the bare server, and sealed campaigns with some who opted out."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256

import httpx

from chuda.clock import BUSINESS_ZONE, to_us
from chuda.keys import Keys
from chuda.records.channel import ChannelRecord
from chuda.sealing import seal_messages
from chuda.stores.ledger import Connection, Ledger
from chuda.stores.ledger.approvals import SIMULATOR, approval_of, approve
from chuda.stores.ledger.releases import Release, SealedBatch, seal
from chuda.stores.ledger.suppression import Suppression, suppress

NOW = "2026-11-20T10:00:00+08:00"
"""Marketing leaves by day only; the real clock, started here."""

SECRETS = {"BENCH_ID": "id", "BENCH_SECRET": "secret"}
_CREDENTIALS = {
    "generic": {"token": "BENCH_ID"},
    "aliyun": {"access_key_id": "BENCH_ID", "access_key_secret": "BENCH_SECRET"},
    "tencent": {"secret_id": "BENCH_ID", "secret_key": "BENCH_SECRET"},
}
_VARIABLE = {"generic": "{name}", "aliyun": "${name}", "tencent": "{1}"}
_WORDING = "{name}您好，您的会员积分将于月底到期，本周到店可换好礼一份 拒收请回复R"
_LOSES_ONE = 1_000  # one member in so many has opted out since


@dataclass(frozen=True, slots=True)
class Load:
    """One campaign: through which protocol, how many messages, how many to a request, at which rate."""

    adapter: str
    messages: int
    batch_size: int
    parts_per_second: int = 10_000_000
    plan_id: str = "load"


def channel(load: Load, port: int) -> ChannelRecord:
    """The channel of a load at the bare server."""
    filed = {"code": "T1", "text": _WORDING.replace("{name}", _VARIABLE[load.adapter])}
    return ChannelRecord.model_validate(
        {
            "name": "load", "adapter": load.adapter, "simulator": True, "endpoint": f"http://127.0.0.1:{port}",
            "account": "load", "credentials": _CREDENTIALS[load.adapter], "message_types": ["marketing"],
            "price_cny_per_part": Decimal("0.05"), "billing": "submitted", "batch_size": load.batch_size,
            "rate_parts_per_second": load.parts_per_second, "signatures": ["橙柚生活"],
            "filed_templates": [] if load.adapter == "generic" else [filed],
            **({"region": "ap-guangzhou", "app_id": "1400000000"} if load.adapter == "tencent" else {}),
        }
    )  # fmt: skip


def texts_of(start: int, count: int) -> list[str]:
    """A text of their own for everybody."""
    return [f"【橙柚生活】{_WORDING.replace('{name}', f'会员{number}')}" for number in range(start, start + count)]


def phones_of(start: int, count: int) -> list[str]:
    """The numbers of people `start` … of a campaign."""
    return [str(13_800_000_000 + number) for number in range(start, start + count)]


def seal_load(ledger: Ledger, keys: Keys, load: Load, port: int, strangers: int = 100_000) -> str:
    """Seal and approve a campaign, among opt-outs of its own and of many strangers; returns its release's id."""
    now = datetime.fromisoformat(NOW).astimezone(BUSINESS_ZONE)
    release = Release(
        release_id=f"{load.plan_id}-1", plan_id=load.plan_id, plan_hash="h", campaign_id=load.plan_id,
        occurrence="once", message_type="marketing", channel="load",
        channel_record=channel(load, port).model_dump_json(), size=load.messages, parts=load.messages,
        not_before_us=to_us(now - timedelta(hours=1)), not_after_us=to_us(now + timedelta(hours=10)),
        window_start_minute=480, window_end_minute=1260, sealed_us=to_us(now),
    )  # fmt: skip
    with ledger.write() as connection:
        approve(connection, approval_of(release, "benchmark", SIMULATOR, to_us(now), release.not_after_us), "load")
        seal(connection, release, list(_batches(keys, release, load)), {})
        suppress_some(connection, keys, load.messages, strangers)
    return release.release_id


def _batches(keys: Keys, release: Release, load: Load) -> Iterator[SealedBatch]:
    for seq, start in enumerate(range(0, load.messages, load.batch_size)):
        size = min(load.batch_size, load.messages - start)
        people, batch_id = phones_of(start, size), f"{release.release_id}-{seq}"
        sealed = seal_messages(keys, batch_id, people, texts_of(start, size))
        yield SealedBatch(batch_id, seq, tuple(map(keys.token, people)), size, sealed)


def suppress_some(connection: Connection, keys: Keys, messages: int, strangers: int) -> None:
    """Opt-outs of many strangers and of one member in a thousand."""
    others = [sha256(str(number).encode()).hexdigest()[:32] for number in range(strangers)]
    members = [keys.token(phone) for number in range(0, messages, _LOSES_ONE) for phone in phones_of(number, 1)]
    suppress(connection, [Suppression(token, "marketing", "opt_out", "b", 0, 0) for token in others + members])


@contextmanager
def bare_server() -> Iterator[int]:
    """The server in a process of its own; yields its port."""
    command = [sys.executable, "-m", "benchmarks.dispatch_server"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(json.loads(process.stdout.readline())["port"])
    finally:
        process.kill()
        process.wait()


def take_arrivals(port: int) -> list[int]:
    """When requests arrived at the server since last asked, in microseconds of the machine's monotonic clock."""
    return list(httpx.get(f"http://127.0.0.1:{port}/arrivals", trust_env=False, timeout=60).json())
