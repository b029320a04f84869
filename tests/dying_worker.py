"""A worker that kills itself with SIGKILL at its n-th commit or request: the injected half of the kill tests.

It is put together from the same pieces as `tasks.dispatch.worker`, with a ledger and a provider around them that count;
before it dies it says where it stands. The processes are forked from one that has all imported (the forkserver of
multiprocessing): they are there in 20 ms instead of a second, and spend their lives where death is interesting.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from chuda.errors import ChudaError
from chuda.keys import load_keys
from chuda.providers.opening import open_provider
from chuda.providers.protocol import MessageResult, OutgoingMessage, Provider, SendResult
from chuda.records.channel import ChannelRecord
from chuda.settings import environment, read_settings
from chuda.stores.ledger import Connection, Ledger, open_clock, open_ledger
from chuda.stores.ledger.releases import find_release
from tasks.dispatch import worker
from tasks.dispatch.sender import Sender
from tasks.dispatch.worker import limits_of

BEGUN = "begun "
UNDER_WAY_S = 0.003  # long enough for a request to have left, too short for most answers


class Points:
    """Counts the places where a process could die, and dies at one of them."""

    def __init__(self, dies_at: int) -> None:
        self._left = dies_at

    def passed(self, name: str) -> None:
        self._left -= 1
        if self._left == 0:
            os.write(1, f"{BEGUN}{name}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)


class DyingLedger(Ledger):
    """A ledger whose process may die right before and right after each commit."""

    def __init__(self, ledger: Ledger, points: Points) -> None:
        super().__init__(ledger._engine)
        self._points = points

    @contextmanager
    def write(self) -> Iterator[Connection]:
        with super().write() as connection:
            yield connection
            self._points.passed("before a commit")
        self._points.passed("after a commit")


class DyingProvider:
    """A provider whose caller may die before a request, while it is under way, and before its answer is kept."""

    def __init__(self, provider: Provider, points: Points) -> None:
        self._provider = provider
        self._points = points

    async def send(self, batch_id: str, messages: Sequence[OutgoingMessage]) -> SendResult:
        self._points.passed("before a request")
        request = asyncio.ensure_future(self._provider.send(batch_id, messages))
        await asyncio.wait([request], timeout=UNDER_WAY_S)
        self._points.passed("during a request")
        answer = await request
        self._points.passed("after an answer")
        return answer

    async def find(
        self, batch_id: str, messages: Sequence[OutgoingMessage], since: datetime
    ) -> Mapping[str, MessageResult]:
        found = await self._provider.find(batch_id, messages, since)
        self._points.passed("after a question")
        return found


async def send(release_id: str, dies_at: int) -> str:
    settings = read_settings()
    keys = load_keys(settings.keys_file, environment())
    points = Points(dies_at)
    ledger = DyingLedger(open_ledger(settings.ledger_target, keys), points)
    with ledger.read() as connection:
        release = find_release(connection, release_id)
    assert release is not None
    record = ChannelRecord.model_validate_json(release.channel_record)
    clock = open_clock(ledger, settings.now)
    provider = open_provider(record, environment(), clock=clock)
    sender = Sender(ledger, keys, clock, DyingProvider(provider, points), limits_of(record), f"dying {os.getpid()}")
    try:
        return (await sender.send(release)).stop
    finally:
        await provider.close()


def run_worker(variables: Mapping[str, str], release_id: str, dies_at: int, said: str) -> None:
    """The whole life of a worker process that was forked: the real one, or for a point from 1 on the dying one.

    Args:
        variables: its environment.
        release_id: what it sends.
        dies_at: at which of its commits and requests it dies; 0 for never.
        said: the file that takes what it says.
    """
    os.environ.update(variables)
    out = os.open(said, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    os.dup2(out, 1)
    os.dup2(out, 2)
    try:
        if dies_at:
            os.write(1, asyncio.run(send(release_id, dies_at)).encode())
        else:
            worker.main(release_id)
            sys.stdout.flush()
    except ChudaError as error:
        os.write(2, str(error).encode())
        os._exit(error.exit_code)
    os._exit(0)
