"""Pause, resume and cancel from another process act within a second on one that is sending."""

from __future__ import annotations

import time
from multiprocessing.process import BaseProcess
from pathlib import Path

from dying_worker import run_worker
from kill_runs import FORKS, NOW, KillRun, open_stage

from chuda.clock import to_us
from chuda.stores.ledger import Ledger, open_clock
from chuda.stores.ledger.releases import Control, set_control, state_counts


def start(home: Path) -> BaseProcess:
    """A sender of another process, as a worker starts it."""
    variables = {"CHUDA_HOME": str(home), "CHUDA_NOW": NOW, "SIM_TOKEN": "simulator", "CHUDA_LEDGER_URL": ""}
    process = FORKS.Process(target=run_worker, args=(variables, "p1-1", 0, str(home / "said")))
    process.start()
    return process


def accepted(ledger: Ledger) -> int:
    with ledger.read() as connection:
        return state_counts(connection, "p1").get("accepted", 0)


def wait_for(ledger: Ledger, messages: int) -> None:
    until = time.monotonic() + 30
    while accepted(ledger) < messages:
        assert time.monotonic() < until, "nothing is being sent"
        time.sleep(0.02)


def control(ledger: Ledger, state: str) -> int:
    """Say it, and when that was by the clock the senders share."""
    with ledger.write() as connection:
        set_control(connection, "p1", Control(state, "a person", "test"), 0)
    return to_us(open_clock(ledger, NOW).now())


def last_start_us(ledger: Ledger) -> int:
    with ledger.read() as connection:
        return connection.exec_driver_sql("SELECT max(intent_us) FROM attempt").scalar()


def test_it_stops_within_a_second_goes_on_and_stops_for_good(tmp_path):
    with open_stage(tmp_path, KillRun(kills=20)) as (home, ledger, _):
        for state, from_then_on in (("paused", 50), ("cancelled", 150)):
            sender = start(home)
            wait_for(ledger, from_then_on)
            told_us = control(ledger, state)
            sender.join(20)
            assert last_start_us(ledger) < told_us + 1_000_000
            assert (home / "said").read_text().strip() == state
            stands_at = accepted(ledger)
            if state == "paused":
                control(ledger, "running")
        with ledger.read() as connection:
            counts = state_counts(connection, "p1")
        assert counts["accepted"] == stands_at
        assert sum(counts.values()) == 2000
        assert counts["cancelled"] > 1000, "at 300 a second most were still to come"
