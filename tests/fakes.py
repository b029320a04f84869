"""Stand-ins for the world: a provider that does what a test tells it, and a release to send through it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from chuda.clock import to_us
from chuda.keys import Keys
from chuda.providers.protocol import MessageResult, OutgoingMessage, SendResult
from chuda.sealing import seal_messages
from chuda.stores.ledger import Ledger
from chuda.stores.ledger.approvals import SIMULATOR, approval_of, approve
from chuda.stores.ledger.releases import Release, SealedBatch, seal

ACCEPTED = SendResult(MessageResult("accepted"))


@dataclass
class FakeProvider:
    """Takes what it is given, remembers it, and answers as `answer` says; `delivered` is what really arrived."""

    answer: Callable[[int, str, Sequence[OutgoingMessage]], SendResult] = lambda _n, _b, _m: ACCEPTED
    takes: Callable[[int, str], bool] = lambda _n, _b: True
    calls: int = 0
    taken: Counter[str] = field(default_factory=Counter)
    by_batch: dict[str, list[str]] = field(default_factory=dict)

    async def send(self, batch_id: str, messages: Sequence[OutgoingMessage]) -> SendResult:
        self.calls += 1
        answer = self.answer(self.calls, batch_id, messages)
        if self.takes(self.calls, batch_id):
            for message in messages:
                if answer.results.get(message.message_id, answer.default).state in ("accepted", "unknown"):
                    self.taken[message.phone] += 1
                    self.by_batch.setdefault(batch_id, []).append(message.message_id)
        return answer

    async def find(
        self, batch_id: str, messages: Sequence[OutgoingMessage], since: datetime
    ) -> Mapping[str, MessageResult]:
        return {message_id: MessageResult("accepted") for message_id in self.by_batch.get(batch_id, [])}


def phones(count: int) -> list[str]:
    return [str(13_800_000_000 + number) for number in range(count)]


def put_release(
    ledger: Ledger, keys: Keys, now: datetime, *, people: Sequence[str], batch_size: int = 10, plan_id: str = "p1",
    occurrence: str = "2026-11-20", lost: Mapping[str, str] | None = None, is_approved: bool = True,
    message_type: str = "marketing", not_before: datetime | None = None, hours: float = 10,
    window: tuple[int, int] = (480, 1260), number: int = 1, channel_record: str = "{}",
    channel: str = "demo", standby: str = "[]",
    text: str = "【橙柚生活】您好，周末到店立减20元 拒收请回复R",
) -> Release:  # fmt: skip
    """Seal (and approve) a release of one message per phone; a `#` in the text becomes the person's place."""
    start = not_before or now
    release = Release(
        release_id=f"{plan_id}-{number}", plan_id=plan_id, plan_hash=f"hash-{plan_id}", campaign_id="autumn",
        occurrence=occurrence, message_type=message_type, channel=channel, channel_record=channel_record,
        size=len(people), parts=len(people), not_before_us=to_us(start),
        not_after_us=to_us(start + timedelta(hours=hours)),
        window_start_minute=window[0], window_end_minute=window[1], sealed_us=to_us(now), standby=standby,
    )  # fmt: skip
    batches = []
    for seq, start_at in enumerate(range(0, len(people), batch_size)):
        members = people[start_at : start_at + batch_size]
        batch_id = f"{plan_id}-{number}-{seq}"
        texts = [text.replace("#", str(n)) for n in range(start_at, start_at + len(members))]
        sealed = seal_messages(keys, batch_id, members, texts)
        batches.append(SealedBatch(batch_id, seq, tuple(keys.token(p) for p in members), len(members), sealed))
    with ledger.write() as connection:
        if is_approved:
            expires_us = to_us(start + timedelta(hours=hours))
            approve(connection, approval_of(release, "test", SIMULATOR, to_us(now), expires_us), plan_id)
        seal(connection, release, batches, {keys.token(p): reason for p, reason in (lost or {}).items()})
    return release


@contextmanager
def start_simulator(
    home: Path,
    *,
    profile: Path | None = None,
    seed: int = 7,
    ledger: Path | str | None = None,
    port: int = 0,
    now: str | None = None,
) -> Iterator[int]:
    """Run the provider simulator as a process of its own, on the ledger's clock if one is given; yields its port."""
    command = [sys.executable, "-m", "chuda.providers.simulator", "--home", str(home), "--seed", str(seed)]
    command += ["--port", str(port)]
    command += ["--profile", str(profile)] if profile else []
    command += ["--ledger", str(ledger)] if ledger else []
    environment = {**os.environ, **({"CHUDA_NOW": now} if now else {})}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        yield int(json.loads(process.stdout.readline())["port"])
    finally:
        process.kill()
        process.wait()
