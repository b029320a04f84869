"""The kill test: a real sender process, a real provider process, real HTTP, `kill -9` at random moments.

Nobody may be accepted twice, nobody may be left without a recorded state, and what the ledger says must be what the
provider's own record says.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from fakes import phones, put_release, start_simulator

from chuda.clock import BUSINESS_ZONE
from chuda.keys import Keys, create_keys
from chuda.providers.simulator.judge import Judge
from chuda.records.channel import ChannelRecord
from chuda.stores.ledger import Ledger, open_ledger
from chuda.stores.ledger.releases import state_counts

PEOPLE = 2000
KILLS = 20
NOW = "2026-11-20T10:00:00+08:00"
TROUBLE = """
faults: {reset: 0.03, bad_gateway: 0.02, bad_gateway_but_accepted: 0.03, wrong_json: 0.02, too_many: 0.02}
"""


def record(port: int) -> str:
    return ChannelRecord.model_validate(
        {
            "name": "demo", "adapter": "generic", "simulator": True, "endpoint": f"http://127.0.0.1:{port}",
            "account": "a", "credentials": {"token": "SIM_TOKEN"}, "message_types": ["marketing"],
            "price_cny_per_part": Decimal("0.05"), "billing": "submitted", "rate_parts_per_second": 500,
            "definitive_query": True, "query_grace_seconds": 1,
        }
    ).model_dump_json()  # fmt: skip


def start_worker(home: Path) -> subprocess.Popen[str]:
    variables = {**os.environ, "CHUDA_HOME": str(home), "CHUDA_NOW": NOW, "SIM_TOKEN": "simulator"}
    return subprocess.Popen(
        [sys.executable, "-m", "tasks.dispatch.worker", "p1-1"], env=variables, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[tuple[Path, Ledger, Keys, Path]]:
    home, company = tmp_path / "home", tmp_path / "company"
    keys = create_keys(home / "keys")
    ledger = open_ledger(home / "ledger.sqlite", keys)
    profile = tmp_path / "profile.yaml"
    profile.write_text(TROUBLE)
    with start_simulator(company, profile=profile, ledger=home / "ledger.sqlite", now=NOW) as port:
        now = datetime(2026, 11, 20, 9, 0, tzinfo=BUSINESS_ZONE)
        put_release(ledger, keys, now, people=phones(PEOPLE), channel_record=record(port))
        yield home, ledger, keys, company
    ledger.close()


def test_twenty_kills_lose_nobody_and_reach_nobody_twice(workspace):
    home, ledger, _keys, company = workspace
    chance = random.Random(20)
    kills = 0
    for _ in range(200):
        worker = start_worker(home)
        if kills < KILLS:
            time.sleep(0.3 + chance.random() * 0.5)
            if worker.poll() is None:
                os.kill(worker.pid, signal.SIGKILL)
                worker.wait()
                kills += 1
                continue
        out, err = worker.communicate(timeout=60)
        if out.strip() == "done":
            break
        assert worker.returncode in (0, 4), err
    else:
        pytest.fail("it never came to an end")

    with ledger.read() as connection:
        counts = state_counts(connection, "p1")
        asked = connection.exec_driver_sql(
            "SELECT count(*) FROM attempt WHERE code IN ('absent', 'accepted', 'delivered', 'failed')"
        ).scalar()
    judge = Judge.open(company, plan_of=lambda batch_id: batch_id.split("-")[0])
    assert judge.duplicates() == []
    assert sum(counts.values()) == PEOPLE
    assert counts.get("accepted", 0) == judge.count() == PEOPLE - counts.get("rejected", 0)
    assert set(counts) <= {"accepted", "rejected"}
    assert counts["accepted"] > PEOPLE * 0.99, "hardly anybody is refused in lawful hours"
    assert kills == KILLS, "the kills must fall into the sending, not after it"
    assert asked > 3, "some kills and faults must have left outcomes unknown"
