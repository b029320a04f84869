"""A campaign through the real protocols of Aliyun and Tencent Cloud: real processes, real HTTP, faults and `kill -9`.

The company's own record is the judge. Its limits per number are off: they would hide a second message.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fakes import phones, put_release, start_simulator

from chuda.clock import BUSINESS_ZONE
from chuda.keys import create_keys
from chuda.providers.simulator.judge import Judge
from chuda.records.channel import ChannelRecord
from chuda.stores.ledger import open_ledger
from chuda.stores.ledger.releases import state_counts

NOW = "2026-11-20T10:00:00+08:00"
PEOPLE = {"aliyun": 300, "tencent": 150}
KILLS = 2
PROFILE = """
blacklisted_share: 0
cloud:
  signatures: [橙柚生活]
  app_id: "1400006666"
  per_number: false
  templates:
    SMS_1: {text: "${who}您好，周末到店立减20元，拒收请回复R"}
    "1110": {text: "{1}您好，周末到店立减20元，拒收请回复R"}
faults: {reset: 0.05, bad_gateway: 0.05, bad_gateway_but_accepted: 0.25, wrong_json: 0.05, too_many: 0.05}
"""
SPECIFIC: Mapping[str, Mapping[str, Any]] = {
    "aliyun": {
        "credentials": {"access_key_id": "SIM_ID", "access_key_secret": "SIM_TOKEN"},
        "filed_templates": [{"code": "SMS_1", "text": "${who}您好，周末到店立减20元，拒收请回复R"}],
        "definitive_query": True,
    },
    "tencent": {
        "credentials": {"secret_id": "SIM_ID", "secret_key": "SIM_TOKEN"}, "region": "ap-guangzhou",
        "app_id": "1400006666", "filed_templates": [{"code": "1110", "text": "{1}您好，周末到店立减20元，拒收请回复R"}],
    },
}  # fmt: skip
TEXT = {
    "aliyun": "【橙柚生活】第#位 A+B*~%20&=顾客您好，周末到店立减20元，拒收请回复R",
    "tencent": "【橙柚生活】A+B*~%20&=顾客您好，周末到店立减20元，拒收请回复R",
}


# Messages of which the provider's query said that it has them: with their whole batch, or by themselves.
_FOUND = """
SELECT (SELECT coalesce(sum(size), 0) FROM attempt WHERE code IN ('accepted', 'delivered', 'failed'))
     + (SELECT count(*) FROM message_exception WHERE state = 'accepted' AND code IN ('delivered', 'failed', 'accepted'))
"""


def record(adapter: str, port: int) -> str:
    return ChannelRecord.model_validate(
        {
            "name": "demo", "adapter": adapter, "simulator": True, "endpoint": f"http://127.0.0.1:{port}",
            "account": "a", "message_types": ["marketing"], "price_cny_per_part": Decimal("0.05"),
            "billing": "submitted", "rate_parts_per_second": 400, "query_grace_seconds": 2, **SPECIFIC[adapter],
        }
    ).model_dump_json()  # fmt: skip


def work(home: Path, until_s: float | None) -> str:
    """Run a worker to its end, or kill it after a while; what it said, or nothing."""
    variables = {**os.environ, "CHUDA_HOME": str(home), "CHUDA_NOW": NOW, "SIM_ID": "simulator",
                 "SIM_TOKEN": "simulator"}  # fmt: skip
    worker = subprocess.Popen(
        [sys.executable, "-m", "tasks.dispatch.worker", "p1-1"], env=variables, text=True, stdout=subprocess.PIPE
    )
    if until_s is not None:
        time.sleep(until_s)
        os.kill(worker.pid, signal.SIGKILL)
    return worker.communicate(timeout=60)[0].strip()


@pytest.mark.parametrize("adapter", ["aliyun", "tencent"])
def test_kills_and_faults_on_a_clouds_protocol_reach_nobody_twice(tmp_path, adapter):
    home, company, profile = tmp_path / "home", tmp_path / "company", tmp_path / "profile.yaml"
    keys = create_keys(home / "keys")
    ledger = open_ledger(home / "ledger.sqlite", keys)
    profile.write_text(PROFILE)
    people = phones(PEOPLE[adapter])
    with start_simulator(company, profile=profile, ledger=home / "ledger.sqlite", now=NOW) as port:
        put_release(ledger, keys, datetime(2026, 11, 20, 9, 0, tzinfo=BUSINESS_ZONE), people=people,
                    channel_record=record(adapter, port), text=TEXT[adapter])  # fmt: skip
        said = [work(home, 0.9 + 0.15 * n) for n in range(KILLS)]
        while said[-1] not in ("done", "unknown_open"):
            said.append(work(home, None))
            assert len(said) < 20, said
        if said[-1] == "unknown_open":
            time.sleep(3)  # until the networks have reported on most: before that Tencent lists nothing
            work(home, None)
    with ledger.read() as connection:
        counts = state_counts(connection, "p1")
        found = connection.exec_driver_sql(_FOUND).scalar()
    ledger.close()
    assert found > 3, "some requests must have been settled by asking"

    judge = Judge.open(company, plan_of=lambda batch_id: batch_id.split("-")[0])
    accepted = judge.by_phone()
    assert judge.duplicates() == []
    assert sum(counts.values()) == PEOPLE[adapter]
    assert set(counts) <= {"accepted", "unknown"}
    # What is certain is never more than what is true, and what is open covers the difference.
    assert counts["accepted"] <= len(accepted) <= counts["accepted"] + counts.get("unknown", 0)
    if adapter == "aliyun":
        assert counts == {"accepted": PEOPLE[adapter]}, "this company's query is definitive"
    texts = {TEXT[adapter].replace("#", str(n)) for n in range(PEOPLE[adapter])}
    assert {message.text for message in judge.all()} <= texts
    assert said[0] == "", "the kill must fall into the sending"
