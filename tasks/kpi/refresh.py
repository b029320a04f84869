"""The refresh: all marts built from the committed warehouse into a new file, checked, and renamed into place."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from chuda.stores.marts import MARTS_ALIAS, Connection, read_rows, writing_marts
from tasks.experiments.standing import insert_standings
from tasks.kpi.alerts import Crossing, find_crossings
from tasks.kpi.catalog import Mart, published_marts, read_catalog, read_macros
from tasks.kpi.lines import KpiLines, load_lines
from tasks.kpi.receipt_codes import load_receipt_codes

_CROSSING_TABLE = """
create or replace temp table line_crossing (
    kind varchar, severity varchar, campaign_id varchar, subject varchar, kpi varchar, value double, line double,
    value_low double, value_high double, events bigint, base bigint, p_value double, since_at timestamptz,
    advice_zh varchar, advice_en varchar
)
"""
_CODE_TABLE = (
    "create or replace temp table receipt_code (provider varchar, code varchar, category varchar, confidence varchar)"
)


@dataclass(frozen=True, slots=True)
class MartSummary:
    """What a refresh made: rows of every published mart, seconds of every step, and the alerts it holds."""

    path: Path
    built_at: datetime
    rows: Mapping[str, int]
    seconds: Mapping[str, float]
    alerts: int


def refresh_marts(
    warehouse: Connection,
    marts_path: Path,
    now: datetime,
    check: Callable[[Connection], None] | None = None,
    stopwatch: Callable[[], float] = time.perf_counter,
) -> MartSummary:
    """Build all marts from what is committed in the warehouse and publish them at `marts_path`.

    `warehouse` may be open for reading only; it must not be inside a transaction. `check` is the gate: it is given a
    connection on which the new marts stand under their names, and what it raises leaves the old file in place.
    `now` decides what is overdue and complete. Raises whatever `check` raises.
    """
    with writing_marts(warehouse, marts_path) as connection:
        seconds = build_marts(connection, now, load_lines(), stopwatch)
        comment_marts(connection)
        rows = {mart.name: _count(connection, mart.name) for mart in published_marts()}
        if check is not None:
            check(connection)
    return MartSummary(path=marts_path, built_at=now, rows=rows, seconds=seconds, alerts=rows["alert"])


def build_marts(
    connection: Connection, now: datetime, lines: KpiLines, stopwatch: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Create every mart in the database `marts_new`, on a connection that finds warehouse and marts by plain names.

    Returns the seconds of every step by name.
    """
    _prepare(connection, now)
    seconds: dict[str, float] = {}
    for mart in read_catalog():
        started = stopwatch()
        if mart.kind == "computed":
            _compute(connection, mart.name, lines, now)
        else:
            connection.execute(f"create or replace {_target(mart)} as {mart.sql}")
        seconds[mart.name] = stopwatch() - started
    return seconds


def comment_marts(connection: Connection) -> None:
    """Put the catalog's words on every published mart and column."""
    for mart in published_marts():
        name = f"{MARTS_ALIAS}.main.{mart.name}"
        connection.execute(f"comment on {mart.kind} {name} is {_quoted(mart.comment)}")
        for column in mart.columns:
            connection.execute(f"comment on column {name}.{column.name} is {_quoted(column.comment)}")


def _prepare(connection: Connection, now: datetime) -> None:
    connection.execute("set variable marts_now = $1::timestamptz", [now])
    for name in ("macros", "helpers"):
        connection.execute(read_macros(name))
    connection.execute(_CODE_TABLE)
    connection.executemany("insert into receipt_code values (?, ?, ?, ?)", load_receipt_codes())


def _target(mart: Mart) -> str:
    return {
        "table": f"table {MARTS_ALIAS}.main.{mart.name}",
        "view": f"view {MARTS_ALIAS}.main.{mart.name}",
        "scratch": f"temp table {mart.name}",
        "scratch_view": f"temp view {mart.name}",
    }[mart.kind]


def _compute(connection: Connection, name: str, lines: KpiLines, now: datetime) -> None:
    """What no query can say: lines crossed beyond chance, and how decided experiments stand."""
    if name == "experiment_standing":
        insert_standings(connection, now)
    else:
        _insert_crossings(connection, lines)


def _insert_crossings(connection: Connection, lines: KpiLines) -> None:
    connection.execute(_CROSSING_TABLE)
    crossings = find_crossings(
        read_rows(connection, "select * from campaign_kpi"), read_rows(connection, "select * from segment_kpi"), lines
    )
    if crossings:
        marks = ", ".join("?" for _ in Crossing.__dataclass_fields__)
        connection.executemany(f"insert into line_crossing values ({marks})", [each.as_row() for each in crossings])


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _count(connection: Connection, mart: str) -> int:
    row = connection.execute(f"select count(*) from {mart}").fetchone()
    assert row is not None
    return int(row[0])
