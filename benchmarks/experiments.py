"""Assigning an audience, against DuckDB's plain copy of the columns used; deciding, against one scan of the messages.

    python benchmarks/experiments.py                    # one million people and messages
    python benchmarks/experiments.py --rows 10000000    # what the promises are about: 6x the copy, one scan

Each step is timed alone in this process, best of `--repeats`; the data lie in a warehouse file, as in a workspace.
One scan is the plainest query that counts by arm what a decision has to count: a single GROUP BY over the messages,
without windows of several plans, repeated campaigns, late receipts or the statistics. Beside it stands what only
reading those columns takes.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from chuda.clock import BUSINESS_ZONE
from tasks.experiments.assignment import AssignmentSpec, assign
from tasks.experiments.record import decide_on_marts
from tasks.experiments.registration import Arm, Registration

NOW = datetime(2026, 12, 1, tzinfo=BUSINESS_ZONE)
SENT = NOW - timedelta(days=5)
PEOPLE = """
CREATE TABLE audience_eligible AS
SELECT md5(i::varchar) AS token, 's' || (i % 12) AS segment, 'p' || ((i * 7919) % 31) AS province
FROM range($rows) AS t(i)
"""
# The columns of message_fact that are read: half of the messages in each arm, 25% click, 4% of these clickers buy once,
# one buyer in a hundred buys again after the window.
MESSAGES = """
CREATE TABLE message_fact AS
SELECT 'p1' AS plan_id, 'c1' AS campaign_id, md5(i::varchar) AS token, 'all' AS wave, chr(65 + (i % 2)::int) AS variant,
    if(i % 50 = 0, 'failed', 'delivered') AS state, true AS is_accepted, luck % 4 = 0 AS is_clicked,
    make_timestamptz(epoch_us($sent::timestamptz) + i % 3600000000) AS sent_at, 0.055::decimal(18, 4) AS cost_cny,
    if(luck % 100 = 0, 88, 0)::decimal(12, 2) AS revenue_cny,
    if(luck % 4 = 0, luck % 86400, NULL)::bigint AS clicked_after_s,
    if(luck % 100 = 0, luck % 150000, NULL)::bigint AS ordered_after_s,
    if(luck % 100 = 0, luck % 150000 + if(luck % 10000 = 0, 90000, 0), NULL)::bigint AS last_ordered_after_s,
    if(luck % 400 = 1, luck % 172800, NULL)::bigint AS opted_out_after_s,
    if(luck % 10000 = 3, luck % 172800, NULL)::bigint AS complained_after_s
FROM (SELECT i, hash(i) AS luck FROM range($rows) AS t(i))
"""
EVENTS = """
CREATE TABLE contact_event AS
SELECT plan_id, token, 'order' AS source, to_timestamp(epoch(sent_at) + unnest([ordered_after_s, last_ordered_after_s]))
    AS happened_at, revenue_cny / 2 AS amount_cny
FROM message_fact WHERE ordered_after_s IS NOT NULL
"""
READ = """
SELECT variant, count(*), max(state), max(is_accepted), max(is_clicked), max(wave), max(cost_cny), max(revenue_cny),
    max(clicked_after_s), max(ordered_after_s), max(last_ordered_after_s), max(opted_out_after_s),
    max(complained_after_s)
FROM message_fact WHERE plan_id = 'p1' GROUP BY variant
"""
SCAN = """
SELECT variant, count(*), count(*) FILTER (is_accepted), count(*) FILTER (is_accepted AND state = 'delivered'),
    count(*) FILTER (is_accepted AND state = 'failed'), count(is_clicked),
    count(*) FILTER (is_accepted AND clicked_after_s < 172800),
    count(*) FILTER (is_accepted AND ordered_after_s < 172800),
    count(*) FILTER (is_accepted AND opted_out_after_s < 172800),
    count(*) FILTER (is_accepted AND complained_after_s < 172800),
    sum(revenue_cny - cost_cny) FILTER (is_accepted AND last_ordered_after_s < 172800),
    sum(cost_cny) FILTER (is_accepted), sum(cost_cny::double * cost_cny::double) FILTER (is_accepted)
FROM message_fact WHERE plan_id = 'p1' AND wave <> 'rollout' GROUP BY variant
"""


def register(mode: str = "full") -> Registration:
    return Registration.model_validate({
        "experiment_id": "bench", "variable": "call_to_action",
        "arms": [Arm.model_validate({"name": name, "cost_cny": "0.05"}) for name in "AB"],
        "primary_metric": "clicked", "window_hours": 48, "target_mde": 0.05,
        "sample_fraction": 1 if mode == "full" else 0.1, "fallback_arm": "A", "holdout_fraction": 0.05, "mode": mode,
    })  # fmt: skip


def best_of(repeats: int, work: Callable[[], object]) -> tuple[float, float]:
    """The least wall seconds, and the CPU seconds of that run."""
    runs = []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        runs.append((time.perf_counter() - wall, time.process_time() - cpu))
    return min(runs)


def measure_assignment(folder: Path, rows: int, repeats: int) -> dict[str, tuple[float, float]]:
    with duckdb.connect(str(folder / "assign.duckdb")) as connection:
        connection.execute("SET preserve_insertion_order = false")
        connection.execute(PEOPLE, {"rows": rows})
        copy = "CREATE OR REPLACE TABLE copied AS SELECT token, segment, province FROM audience_eligible"
        copied = best_of(repeats, lambda: connection.execute(copy))
        spec = AssignmentSpec.for_experiment(register("sample"))

        def assigned() -> None:
            assign(connection, spec)
            # Published as the stage does: a table of the warehouse file.
            connection.execute("CREATE OR REPLACE TABLE dealt AS SELECT * FROM audience_assigned")

        return {"plain copy of the columns used": copied, "assignment, published": best_of(repeats, assigned)}


def measure_decision(folder: Path, rows: int, repeats: int) -> dict[str, tuple[float, float]]:
    with duckdb.connect(str(folder / "marts.duckdb")) as connection:
        connection.execute("SET preserve_insertion_order = false")
        connection.execute(MESSAGES, {"rows": rows, "sent": SENT})
        connection.execute(EVENTS)
        planned = {"A": rows - rows // 2, "B": rows // 2}
        steps = {"one plain scan: every count by arm": lambda: connection.execute(SCAN).fetchall()}
        steps["reading the same columns, no counting"] = lambda: connection.execute(READ).fetchall()
        steps["decision"] = lambda: decide_on_marts(connection, register(), "p1", planned, NOW)
        return {name: best_of(repeats, step) for name, step in steps.items()}


def main() -> None:
    """Print the seconds of every step and its ratio to the first of its group."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", choices=("assignment", "decision"), help="one of the two measurements")
    chosen = parser.parse_args()
    groups = {"assignment": measure_assignment, "decision": measure_decision}
    for group in [groups[chosen.only]] if chosen.only else groups.values():
        with tempfile.TemporaryDirectory() as folder:
            steps = group(Path(folder), chosen.rows, chosen.repeats)
        base_wall, base_cpu = next(iter(steps.values()))
        for name, (wall, cpu) in steps.items():
            ratio = f"{wall / base_wall:5.1f}x   CPU {cpu:7.2f} s {cpu / base_cpu:5.1f}x"
            print(f"{chosen.rows:>11,}  {name:<38} {wall:8.2f} s {ratio}", flush=True)


if __name__ == "__main__":
    main()
