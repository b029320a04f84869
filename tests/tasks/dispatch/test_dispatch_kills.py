"""The kill test: nobody is accepted twice, nobody is left without a state, and the provider's own record agrees.

The short versions run with the other tests; `make soak` kills a thousand times, on both stores, one sender and three.
"""

from __future__ import annotations

from kill_runs import KillRun, judge, run_kills


def test_a_dozen_kills_lose_nobody_and_reach_nobody_twice(tmp_path):
    judge(run_kills(tmp_path, KillRun(kills=12)), 12)


def test_three_senders_on_postgresql_under_kills_keep_the_promise_together(tmp_path, postgres):
    judge(run_kills(tmp_path, KillRun(kills=6, workers=3, postgres=postgres())), 6)
