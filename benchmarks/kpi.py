"""How long a refresh of the marts takes, whole and incremental, beside the least that any refresh must do.

`python -m benchmarks.kpi [--messages N]` makes a year of campaigns with three events a message (kpi_events.sql) in a
temporary folder and prints, each step measured in a process of its own: the one pivot of the events per message that
any KPI needs, writing the two row-level marts as they are (what no way of computing them can save), a full refresh, and
an incremental one after 1% more events. The lines: full <= 4 pivots, incremental <= 15% of full, memory < 6 GB.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from tasks.channels.record import create_channel_tables
from tasks.contacts.merging import create_contact_tables
from tasks.experiments.record import create_experiment_tables
from tasks.feedback.mirror import create_mirror
from tasks.kpi.refresh import MartSummary, refresh_marts
from tasks.kpi.telling import create_delivery_table
from tasks.planning.plan import create_plan_tables

WORLD = Path(__file__).with_name("kpi_events.sql")
NOW = datetime(2026, 11, 1, tzinfo=UTC)
EVENTS = ("receipt_received", "click_received", "reply_received", "order_clean", "event_clean")
_OTHER_TABLES = (
    create_contact_tables, create_plan_tables, create_mirror, create_channel_tables, create_delivery_table,
    create_experiment_tables,
)  # fmt: skip
_NUMBER = (
    "(substr(split_part(batch_id, '-', 1), 2)::bigint << 32) + (split_part(batch_id, '-', 3)::bigint << 10) + position"
)
_KEYED = f"""
create or replace table keyed as
select {_NUMBER} as message, 1 as kind, reported_at as "at", status = 'delivered' as is_good
from world.receipt_received
union all select {_NUMBER}, 2, clicked_at, null from world.click_received
union all select (hash(token) % $messages)::bigint, 3, paid_at, null from world.order_clean
union all select (hash(token) % $messages)::bigint, 4, "at", null from world.event_clean
"""
_PIVOT = """
create or replace temp table pivoted as
select
    message, max("at") filter (kind = 1) as reported_at, bool_or(is_good) as is_delivered,
    min("at") filter (kind = 2) as clicked_at, count(*) filter (kind = 2) as clicks,
    count(*) filter (kind = 3) as orders, max("at") filter (kind = 3) as bought_at,
    count(*) filter (kind = 4) as touches
from keyed
group by message
"""


def make_world(folder: Path, messages: int) -> dict[str, float]:
    """The warehouse before and what comes later."""
    with _open(folder / "warehouse.duckdb") as connection:
        for statement in WORLD.read_text("utf-8").replace("$messages", str(messages)).split(";\n"):
            connection.execute(statement)
        for create in _OTHER_TABLES:
            create(connection)
        counts = [_count(connection, name) for prefix in ("", "later_") for name in (prefix + each for each in EVENTS)]
    before, later = sum(counts[: len(EVENTS)]), sum(counts[len(EVENTS) :])
    return {"events": before + later, "later": later / (before + later)}


def pivot(folder: Path, messages: int) -> dict[str, float]:
    """The one pass over the events that any KPI needs, from a table made for it."""
    with _open(folder / "pivot.duckdb") as connection:
        connection.execute(f"attach '{folder / 'warehouse.duckdb'}' as world (read_only)")
        connection.execute(_KEYED.replace("$messages", str(messages)))
        connection.execute("checkpoint")
        return _measure(lambda: connection.execute(_PIVOT))


def write_rows(folder: Path, _messages: int) -> dict[str, float]:
    """Copying the row-level marts: the physical limit of building them whole."""
    with _open(folder / "copy.duckdb") as connection:
        connection.execute(f"attach '{folder / 'marts.duckdb'}' as marts (read_only)")

        def copy() -> None:
            for mart in ("message_fact", "contact_event"):
                connection.execute(f"create or replace table {mart} as from marts.{mart}")
            connection.execute("checkpoint")

        return _measure(copy)


def refresh_whole(folder: Path, _messages: int) -> dict[str, float]:
    """A full refresh, published."""
    return _refresh(folder, is_full=True)


def refresh_changed(folder: Path, _messages: int) -> dict[str, float]:
    """The rest of the events, then an incremental refresh, published."""
    with _open(folder / "warehouse.duckdb") as connection:
        for name in EVENTS:
            connection.execute(f"insert into {name} from later_{name}")
    return _refresh(folder, is_full=False)


STEPS: dict[str, Callable[[Path, int], dict[str, float]]] = {
    "world": make_world, "pivot": pivot, "full": refresh_whole, "copy": write_rows, "incremental": refresh_changed,
}  # fmt: skip


def _refresh(folder: Path, *, is_full: bool) -> dict[str, float]:
    found: list[MartSummary] = []
    with _open(folder / "warehouse.duckdb", read_only=True) as connection:
        measured = _measure(
            lambda: found.append(
                refresh_marts(connection, folder / "marts.duckdb", NOW, stopwatch=time.process_time, is_full=is_full)
            )
        )
    if bool(found[0].why_full) is not is_full:
        raise SystemExit(f"the refresh was full: {found[0].why_full}")
    for name, seconds in found[0].seconds.items():
        print(f"    {name:26}{seconds:8.2f} s CPU", file=sys.stderr)
    print(f"    {dict(found[0].changed)}", file=sys.stderr)
    return measured


def _measure(work: Callable[[], Any]) -> dict[str, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def _open(path: Path, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    settings = {"preserve_insertion_order": False, "memory_limit": "4GB", "temp_directory": str(path.parent / "spill")}
    connection = duckdb.connect(str(path), read_only=read_only, config=settings)  # type: ignore[arg-type]
    connection.execute("SET TimeZone = 'Asia/Shanghai'")
    return connection


def _count(connection: duckdb.DuckDBPyConnection, name: str) -> int:
    row = connection.execute(f"select count(*) from {name}").fetchone()
    assert row is not None
    return int(row[0])


def _run_step(step: str, folder: Path, messages: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.kpi", "--step", step, "--in", str(folder), "--messages", str(messages)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def compare(messages: int, folder: Path) -> None:
    """Print all steps and the ratios."""
    found = {step: _run_step(step, folder, messages) for step in STEPS}
    print(f"{messages:,} messages, {found['world']['events']:,.0f} events, {found['world']['later']:.2%} of them later")
    print(f"marts {(folder / 'marts.duckdb').stat().st_size / 1e6:,.0f} MB\n")
    print("| step | wall s | CPU s | memory GB |\n| --- | ---: | ---: | ---: |")
    for step in list(STEPS)[1:]:
        print(f"| {step} | {found[step]['wall']:.1f} | {found[step]['cpu']:.1f} | {found[step]['memory']:.2f} |")
    full = found["full"]
    print(f"\nfull / pivot: {_ratio(full, found['pivot'])} (line 4)")
    print(f"full / copy of its own rows: {_ratio(full, found['copy'])}")
    print(f"incremental / full: {_ratio(found['incremental'], full)} (line 0.15)")
    print(f"memory: {max(full['memory'], found['incremental']['memory']):.2f} GB (line 6)")


def _ratio(one: dict[str, float], other: dict[str, float]) -> str:
    return f"{one['wall'] / other['wall']:.2f} by wall, {one['cpu'] / other['cpu']:.2f} by CPU"


def main() -> None:
    """Parse the arguments; a step run by itself prints JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--step", choices=list(STEPS))
    parser.add_argument("--in", dest="folder", type=Path, help="work in this folder and keep it")
    given = parser.parse_args()
    if given.step:
        measured = STEPS[given.step](given.folder, given.messages)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(json.dumps({**measured, "memory": memory}))
        return
    folder = given.folder or Path(tempfile.mkdtemp(prefix="chuda-kpi-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        compare(given.messages, folder)
    finally:
        if given.folder is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
