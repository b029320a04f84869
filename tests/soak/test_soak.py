"""The soak (`make soak`): a thousand kills with faults on, on both stores, one sender and three; hours are not needed.

`CHUDA_SOAK_KILLS` is the number of kills per setting, `CHUDA_SOAK_SEED` where their chances begin.
"""

from __future__ import annotations

import os

import pytest
from kill_runs import KillReport, KillRun, describe, judge, run_kills

KILLS = int(os.environ.get("CHUDA_SOAK_KILLS", "250"))
SEED = int(os.environ.get("CHUDA_SOAK_SEED", "20"))
SETTINGS = [(store, senders) for store in ("sqlite", "postgresql") for senders in (1, 3)]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def reports():
    done: list[KillReport] = []
    yield done
    kills, people = sum(one.kills for one in done), sum(one.people for one in done)
    duplicates, lost = sum(one.duplicates for one in done), sum(one.lost for one in done)
    print(f"\nin all {kills} kills, {people} people: duplicates {duplicates}, lost {lost}")


@pytest.mark.parametrize(("store", "senders"), SETTINGS, ids=[f"{store}-{senders}" for store, senders in SETTINGS])
def test_soak(tmp_path, request, reports, store, senders):
    url = request.getfixturevalue("postgres")() if store == "postgresql" else None
    seed = SEED + SETTINGS.index((store, senders))
    report = run_kills(tmp_path, KillRun(kills=KILLS, workers=senders, seed=seed, postgres=url))
    reports.append(report)
    print(f"\n{store}, {senders} sender(s), seed {seed}: {describe(report)}")
    judge(report, KILLS)
