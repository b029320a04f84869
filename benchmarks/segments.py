"""Refreshing all segments, against DuckDB's plain copy of the table of tags.

    python benchmarks/segments.py                       # 200,000 contacts, some seconds
    python benchmarks/segments.py --rows 1000000 3000000 10000000 --plot docs/pictures/segments-growth.svg

Contacts and as many orders are made in the database. The refresh is measured as the night does it: tags, 25 segments,
sizes, history; then a second night on which 1% have bought again. The gate is measured by itself.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from chuda.clock import BUSINESS_ZONE

sys.path.insert(0, str(Path(__file__).parent))
from measure import plot_growth, report_step, run_step

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "data" / "reference"
NOW = datetime(2026, 11, 20, 2, tzinfo=BUSINESS_ZONE)
MADE = Path(__file__).with_name("make_tagged_contacts.sql")
STEPS_SHOWN = ("copy", "refresh", "second night", "gate")


class NoGate:
    """Lets everything pass."""

    def require(self, *_arguments: object) -> None:
        """Nothing."""


def main() -> None:
    """Run all sizes and print ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[200_000])
    parser.add_argument("--memory-gb", type=float, default=5)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--step")
    parser.add_argument("--folder", type=Path)
    chosen = parser.parse_args()
    if chosen.step:
        report_step(lambda: measure(chosen.folder, chosen.rows[0], chosen.memory_gb))
        return
    points: dict[str, dict[int, float]] = {"copy": {}, "refresh": {}, "second night": {}}
    for rows in chosen.rows:
        with tempfile.TemporaryDirectory() as folder:
            step = run_step(__file__, "all", "--folder", folder, "--rows", str(rows), "--memory-gb",
                            str(chosen.memory_gb))  # fmt: skip
        print(f"\n{rows:,} contacts and orders; peak {step.peak_gb:.2f} GB")
        for name in STEPS_SHOWN:
            seconds, ratio = float(str(step.said[name])), float(str(step.said[name])) / float(str(step.said["copy"]))
            remark = " (promised: 3x)" if name == "refresh" else ""
            print(f"  {name:16} {seconds:8.2f} s  {ratio:5.2f}x the copy{remark}")
            if name in points:
                points[name][rows] = seconds
        if chosen.plot:  # after every size: the largest takes minutes
            plot_growth(points, chosen.plot, "Refreshing segments")


def measure(folder: Path, rows: int, memory_gb: float) -> Mapping[str, object]:
    """All steps on one warehouse; seconds by step."""
    from chuda.campaign.segments import load_segments
    from chuda.stores.warehouse import Warehouse
    from expectations.gate import check
    from expectations.suites.segments import SEGMENTS
    from tasks.contacts.merging import create_contact_tables
    from tasks.segments.refresh import refresh_segments

    warehouse = Warehouse(folder / "warehouse.duckdb", folder / "scratch", memory_gb)
    segments = load_segments(REFERENCE / "segments.yaml")
    with warehouse.write() as connection:
        create_contact_tables(connection)
        for statement in connection.extract_statements(MADE.read_text("utf-8")):
            connection.execute(statement, {"rows": rows} if statement.named_parameters else None)

    def refresh(now: datetime) -> Callable[[Any], object]:
        return lambda connection: refresh_segments(connection, segments, REFERENCE / "city_tiers.csv", now, NoGate())

    def buy_again(connection: Any) -> None:
        columns = "'again ' || order_id, token, $now, amount, discount, product, campaign, import_id"
        again = f"SELECT {columns} FROM order_clean WHERE hash(order_id) % 100 = 0"
        connection.execute(f"INSERT INTO order_clean {again}", {"now": NOW})

    took = {"refresh": timed(warehouse, refresh(NOW))}
    took["copy"] = min(timed(warehouse, copy_tags) for _ in range(2))
    with warehouse.write() as connection:
        connection.execute("DROP TABLE copied")
        buy_again(connection)
    took["second night"] = timed(warehouse, refresh(NOW + timedelta(days=1)))
    with warehouse.write() as connection:
        started = time.perf_counter()
        refreshed = "CREATE OR REPLACE TEMP VIEW tags_checked AS SELECT * EXCLUDE (tags) FROM contact_tagged"
        connection.execute(refreshed)
        connection.execute("CREATE TEMP TABLE segment_size_now (segment VARCHAR, people BIGINT, people_before BIGINT)")
        verdict = check(connection, SEGMENTS, "benchmark", NOW).verdict
        took["gate"] = time.perf_counter() - started
    return {**took, "verdict": verdict}


def copy_tags(connection: Any) -> None:
    """DuckDB's plain copy of the same columns."""
    connection.execute("CREATE OR REPLACE TABLE copied AS SELECT * FROM contact_tagged")


def timed(warehouse: Any, work: Callable[[Any], object]) -> float:
    """Seconds of one transaction with its commit."""
    started = time.perf_counter()
    with warehouse.write() as connection:
        work(connection)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
