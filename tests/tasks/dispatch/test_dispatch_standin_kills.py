"""`kill -9` around a failover: a real process of `send` dies right before and right after the move is committed."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest
from approving_world import open_at
from failover_world import GONE, PEOPLE, channel, company_at, counts, places, sealed, send
from fakes import phones

from chuda.clock import FixedClock
from chuda.keys import Keys
from chuda.providers.simulator.judge import Judge
from chuda.stores.ledger import Connection, Ledger, open_ledger
from tasks.dispatch.stage import send_plan

FORKS = multiprocessing.get_context("forkserver")


class MoveKillsLedger(Ledger):
    """A ledger whose process dies right before or right after the commit of a move."""

    def __init__(self, ledger: Ledger, is_committed: bool) -> None:
        super().__init__(ledger._engine)
        self._is_committed = is_committed

    @contextmanager
    def write(self) -> Iterator[Connection]:
        with super().write() as connection:
            yield connection
            has_moved = connection.exec_driver_sql("SELECT 1 FROM approval_event WHERE event = 'moved'").first()
            if has_moved and not self._is_committed:
                os.kill(os.getpid(), signal.SIGKILL)
        if has_moved:
            os.kill(os.getpid(), signal.SIGKILL)


def send_and_die(folder: Path, target: Path | str, keys: Keys, now: datetime, is_committed: bool) -> None:
    """The whole life of a process that sends the plan and dies at the move."""
    os.environ["CHUDA_DEMO_TOKEN"] = "simulator"
    ledger = MoveKillsLedger(open_ledger(target, keys), is_committed)
    asyncio.run(send_plan(open_at(folder, keys, ledger, FixedClock(now)), "p1", False))


@pytest.fixture
def workspace(tmp_path, keys, ledger, clock, monkeypatch):
    monkeypatch.setenv("CHUDA_DEMO_TOKEN", "simulator")
    (tmp_path / "campaigns" / "channels").mkdir(parents=True)
    return open_at(tmp_path, keys, ledger, clock)


def test_a_process_killed_at_the_move_leaves_everybody_with_one_channel(workspace, tmp_path, keys, clock):
    url = workspace.ledger._engine.url
    target = tmp_path / "ledger.sqlite" if url.drivername.startswith("sqlite") else url.render_as_string(False)
    with company_at(tmp_path) as port:
        sealed(workspace, channel(workspace, "main", GONE), channel(workspace, "other", f"http://127.0.0.1:{port}"))
        for is_committed, place in ((False, {"p1-1"}), (True, {"p1-1~1"})):
            process = FORKS.Process(target=send_and_die, args=(tmp_path, target, keys, clock.now(), is_committed))
            process.start()
            process.join(60)
            assert process.exitcode == -signal.SIGKILL
            assert places(workspace) == place
        assert [one.stop for one in send(workspace)] == ["done", "done"]
        with Judge.open(tmp_path / "company") as judge:
            assert judge.by_phone() == dict.fromkeys(phones(PEOPLE), 1)
    assert counts(workspace) == {"accepted": PEOPLE}
