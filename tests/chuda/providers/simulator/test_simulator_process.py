"""The simulator as a process: ready line, durability against kill -9, a full disk, the shared clock, bad arguments."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from chuda.clock import BUSINESS_ZONE, FixedClock, RealClock
from chuda.errors import UsageError
from chuda.providers.simulator.__main__ import bind, build_clock, main, parse_arguments
from chuda.providers.simulator.judge import Judge
from chuda.providers.simulator.profile import Profile, load_profile
from chuda.providers.simulator.record import Record
from chuda.stores.ledger import open_ledger, start_simulated_clock

ROOT = Path(__file__).parents[4]


@contextmanager
def started(home: Path, *extra: str):
    """A simulator process and its port; killed at the end if it still runs."""
    command = [sys.executable, "-m", "chuda.providers.simulator", "--home", str(home), "--seed", "1", *extra]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())["port"]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _client(port: int, token: str = "simulator") -> httpx.Client:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False)


def test_what_was_answered_survives_kill_9(kit):
    answered: list[str] = []
    for run in range(2):
        with started(kit.home) as (process, port), _client(port) as client:
            for number in range(20):
                batch_id = f"p{run}-{number}"
                answer = client.post("/messages", content=kit.body_of(batch_id, kit.phones(3), type="notification"))
                answered += [r["message_id"] for r in answer.json()["results"] if r["code"] == "OK"]
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
    with Judge.open(kit.home) as judge:
        assert judge.by_message() == dict.fromkeys(answered, 1)
        assert len(answered) == 120


def test_it_listens_on_loopback_only_and_ends_on_sigterm(kit):
    with started(kit.home, "--token", "secret") as (process, port):
        with _client(port) as client:
            assert client.get("/balance").status_code == 401
        with _client(port, "secret") as client:
            assert client.get("/balance").status_code == 200
        with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
            probe.connect(("127.0.0.2", port))
        process.terminate()
        process.wait(timeout=5)


def test_a_full_disk_is_answered_500_and_nothing_is_half_recorded(kit):
    async def scenario():
        async with kit.opened() as company:
            record = company.provider.record
            await company.send("p1-1", kit.phones(1))
            pages = record._connection.execute("pragma page_count").fetchone()[0]
            record._connection.execute(f"pragma max_page_count = {pages}")
            company.client._transport.raise_app_exceptions = False
            answers = [await company.send(f"p1-{n}", kit.phones(100)) for n in range(2, 6)]
            assert answers[-1].status_code == 500
            record._connection.execute("pragma max_page_count = 100000")
            assert (await company.send("p1-9", kit.phones(1))).status_code == 200
            with company.judge() as judge:
                accepted = sum(100 for answer in answers if answer.status_code == 200)
                assert judge.count() == 2 + accepted

    asyncio.run(scenario())


def test_one_commit_serves_everybody_who_waits(tmp_path):
    class CountingConnection(sqlite3.Connection):
        commits = 0

        def execute(self, statement, *values):
            CountingConnection.commits += statement == "commit"
            return super().execute(statement, *values)

    async def scenario():
        Record.open(tmp_path, RealClock()).close()
        connection = sqlite3.connect(tmp_path / "simulator.sqlite", isolation_level=None, factory=CountingConnection)
        record = Record(connection, FixedClock(datetime(2026, 11, 20, tzinfo=BUSINESS_ZONE)))
        message = ("p1-1.0", "13800138000", "text", "otp", 1)
        submitted = [record.submit("p1-1", [message]) for _ in range(50)]
        assert [submission_id for submission_id, _ in submitted] == list(range(1, 51))
        assert CountingConnection.commits == 0
        await asyncio.gather(*[committed for _, committed in submitted])
        assert CountingConnection.commits == 1
        record.close()

    asyncio.run(scenario())


def test_the_clock_is_the_ledgers_where_one_is_named(tmp_path):
    ledger = open_ledger(tmp_path / "ledger.sqlite")
    start = datetime(2026, 11, 20, 9, 55, tzinfo=BUSINESS_ZONE)
    start_simulated_clock(ledger, start)
    ledger.close()
    shared = build_clock(parse_arguments(["--home", "h", "--seed", "1", "--ledger", str(tmp_path / "ledger.sqlite")]))
    assert (shared.kind, shared.now()) == ("simulated", start)
    assert build_clock(parse_arguments(["--home", "h", "--seed", "1"])).kind == "real"


def test_answers_are_not_held_back_for_an_acknowledgement():
    # asyncio switches Nagle's algorithm off only for sockets that name their protocol: 40 ms per request otherwise.
    with bind(0) as listening:
        assert listening.proto == socket.IPPROTO_TCP


def test_a_port_in_use_is_one_message_and_exit_code_2(tmp_path, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["--home", str(tmp_path), "--seed", "1", "--port", str(port)]) == 2
    assert str(port) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("faults: {explode: 0.1}", "faults.explode"),
        ("faults: {reset: 2}", "faults.reset"),
        ("faults: {reset: 0.7, slow: 0.7}", "add up"),
        ("world: {effects: [{contains: ''}]}", "world.effects.0.contains"),
        ("max_batch: [", "YAML"),
    ],
)
def test_a_profile_with_a_mistake_is_refused_by_name(tmp_path, content, named):
    path = tmp_path / "profile.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=named):
        load_profile(path)


def test_a_profile_is_read_and_an_empty_or_missing_one_is_told_apart(tmp_path):
    path = tmp_path / "profile.yaml"
    with pytest.raises(UsageError, match="cannot be read"):
        load_profile(path)
    path.write_text("", encoding="utf-8")
    assert load_profile(path) == load_profile(None) == Profile()
    path.write_text("world:\n  effects:\n    - {contains: 限时, clicks: 1.3, orders: 1.2}\n", encoding="utf-8")
    assert load_profile(path).world.effects[0].clicks == 1.3
