"""How fast a sealed campaign leaves, with ledger and every check on, against a bare loop that posts the same bodies.

Everything goes through HTTP on the loopback to a server that only answers, in a process of its own. With two cores the
server competes with whoever is measured, in every line alike. Both sides of a line run in turn, in this run.

    python -m benchmarks.dispatch [--only speed,memory,rate,kannel] [--requests 20000] [--repeats 3] [--most 1000000]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

from benchmarks.dispatch_kannel import compare_kannel
from benchmarks.dispatch_rate import measure_rate
from benchmarks.dispatch_steps import Taken, run_step
from benchmarks.dispatch_world import Load, bare_server, seal_load
from chuda.keys import create_keys
from chuda.stores.ledger import open_ledger

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Line:
    """What is compared: a protocol and how many to a request; the share of the bare loop's speed that it must reach."""

    name: str
    adapter: str
    batch_size: int
    at_least: float


LINES = (
    Line("Tencent, personal texts, 1 a request", "tencent", 1, 0.8),
    Line("generic HTTP/JSON, 100 a request", "generic", 100, 0.3),
    Line("Aliyun SendBatchSms, 100 a request", "aliyun", 100, 0.3),
)


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="speed,memory,rate,kannel")
    parser.add_argument("--requests", type=int, default=20_000, help="of one message; a tenth as many of 100")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--most", type=int, default=1_000_000, help="messages of the largest campaign")
    parser.add_argument("--seconds", type=float, default=20, help="of throttled sending")
    options = parser.parse_args()
    chosen = options.only.split(",")
    if "speed" in chosen:
        for line in LINES:
            compare(line, options.requests, options.repeats)
    if "memory" in chosen:
        measure_memory(options.most)
    if "rate" in chosen:
        for processes in (1, 4):
            measure_rate(processes, options.seconds)
    if "kannel" in chosen:
        compare_kannel(options.requests // 2, lambda messages: send_once(Load("generic", messages, 100)))


@contextmanager
def sealed(load: Load) -> Iterator[tuple[int, dict[str, str]]]:
    """A server, and a ledger with a campaign; yields the port and the options of a sender's step."""
    with tempfile.TemporaryDirectory(prefix="chuda-dispatch-") as folder, bare_server() as port:
        keys = create_keys(Path(folder) / "keys")
        target = str(Path(folder) / "ledger.sqlite")
        ledger = open_ledger(target, keys)
        release_id = seal_load(ledger, keys, load, port)
        ledger.close()
        yield port, {"target": target, "keys_file": str(Path(folder) / "keys"), "release_id": release_id}


def send_once(load: Load) -> Taken:
    """Send a campaign as the worker does."""
    with sealed(load) as (_, options):
        return run_step("sender", **options)


def compare(line: Line, requests: int, repeats: int) -> None:
    """The sender and the bare loop in turn; prints the medians and their ratio."""
    wanted = requests if line.batch_size == 1 else requests // 10
    load = Load(line.adapter, wanted * line.batch_size, line.batch_size)
    ours, bare = [], []
    for _ in range(repeats):
        with sealed(load) as (port, options):
            bare.append(run_step("bare", port=port, **asdict(load)))
            ours.append(run_step("sender", **options))
    ratio = median(ours) / median(bare)
    busy = statistics.median(one.cpu_seconds / one.requests for one in ours)
    idle = statistics.median(one.cpu_seconds / one.requests for one in bare)
    print(
        f"{line.name}: {median(ours):,.0f} requests/s ({median(ours) * line.batch_size:,.0f} messages/s), bare loop "
        f"{median(bare):,.0f}: ratio {ratio:.2f} (at least {line.at_least}); processor time a request "
        f"{busy * 1e6:.0f} µs against {idle * 1e6:.0f} µs: {idle / busy:.2f}",
        flush=True,
    )


def median(steps: list[Taken]) -> float:
    """Requests per second."""
    return statistics.median(step.per_second for step in steps)


def measure_memory(most: int) -> None:
    """The most memory the sender holds, by size of the campaign."""
    for messages in (size for size in (10_000, 100_000, 1_000_000) if size <= most):
        taken = send_once(Load("generic", messages, 100))
        print(
            f"memory: {messages:>9,} messages in requests of 100: {taken.peak_mb:.0f} MB at most, "
            f"{taken.seconds:.1f} s, {messages / taken.seconds:,.0f} messages/s; "
            f"imports of Prefect, Polars, Great Expectations, DuckDB: {', '.join(taken.heavy) or 'none'}",
            flush=True,
        )


if __name__ == "__main__":
    main()
