"""How exactly the agreed rate is kept, judged by the server's own record of when requests arrived."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.dispatch_world import NOW, SECRETS, Load, bare_server, seal_load, take_arrivals
from chuda.keys import create_keys
from chuda.stores.ledger import open_ledger

RATE, BATCH = 500, 10


@dataclass(frozen=True, slots=True)
class Kept:
    """The mean rate in parts per second, and the most parts in any window of one second."""

    mean: float
    most: int


def judge_rate(moments_us: Sequence[int], parts: int) -> Kept:
    """Judge requests of `parts` each by their moments in microseconds."""
    moments = sorted(moments_us)
    first, most = 0, 0
    for last, moment in enumerate(moments):
        while moment - moments[first] >= 1_000_000:
            first += 1
        most = max(most, last - first + 1)
    return Kept((len(moments) - 1) * parts * 1e6 / (moments[-1] - moments[0]), most * parts)


def measure_rate(processes: int, seconds: float) -> None:
    """So many senders at once, each with a campaign of its own, one account; prints mean and worst second."""
    messages = int(RATE * seconds / processes) // BATCH * BATCH
    with tempfile.TemporaryDirectory(prefix="chuda-rate-") as folder, bare_server() as port:
        keys = create_keys(Path(folder) / "keys")
        ledger = open_ledger(Path(folder) / "ledger.sqlite", keys)
        for number in range(processes):
            seal_load(ledger, keys, Load("generic", messages, BATCH, RATE, plan_id=f"load{number}"), port)
        ledger.close()
        variables = {**os.environ, **SECRETS, "CHUDA_HOME": folder, "CHUDA_NOW": NOW}
        senders = [
            subprocess.Popen([sys.executable, "-m", "tasks.dispatch.worker", f"load{number}-1"], env=variables,
                             stdout=subprocess.DEVNULL)
            for number in range(processes)
        ]  # fmt: skip
        assert [sender.wait() for sender in senders] == [0] * processes
        kept = judge_rate(take_arrivals(port), BATCH)
    print(
        f"rate: {RATE} parts/s agreed, {processes} process(es), {BATCH} parts a request: mean {kept.mean:.1f} "
        f"({kept.mean / RATE - 1:+.2%}), most in any second {kept.most} (at most {RATE + BATCH})",
        flush=True,
    )
