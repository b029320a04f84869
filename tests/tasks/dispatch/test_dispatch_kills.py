"""The kill test: nobody is accepted twice, nobody is left without a state, and the provider's own record agrees.

The short versions run with the other tests; `make soak` kills a thousand times, on both stores, one sender and three.
"""

from __future__ import annotations

import os

import pytest
from kill_runs import KillReport, KillRun, run_kills

SOAK_KILLS = int(os.environ.get("CHUDA_SOAK_KILLS", "250"))


def judge(report: KillReport, kills: int) -> None:
    assert (report.duplicates, report.lost) == (0, 0), report
    assert sum(report.states.values()) == report.people
    assert report.states["accepted"] > report.people * 0.99, "hardly anybody is refused in lawful hours"
    assert report.kills == kills, "the kills must fall into the sending, not after it"
    assert report.asked > 3, "some kills and faults must have left outcomes unknown"


def test_twenty_kills_lose_nobody_and_reach_nobody_twice(tmp_path):
    judge(run_kills(tmp_path, KillRun(kills=20)), 20)


def test_three_senders_on_postgresql_under_kills_keep_the_promise_together(tmp_path, postgres):
    judge(run_kills(tmp_path, KillRun(kills=9, workers=3, postgres=postgres())), 9)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_soak(tmp_path, request, store, workers):
    url = request.getfixturevalue("postgres")() if store == "postgresql" else None
    run = KillRun(kills=SOAK_KILLS, workers=workers, seed=SOAK_KILLS + workers, postgres=url)
    report = run_kills(tmp_path, run)
    print(f"\n{store}, {workers} sender(s), seed {run.seed}: lost {report.lost}; {report}")
    judge(report, SOAK_KILLS)
