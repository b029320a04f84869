"""The refresh: marts built from the committed warehouse aside, whole or only what changed, checked, and renamed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from chuda.stores.marts import MARTS_ALIAS, Connection, NoMartsYet, read_rows, writing_marts
from tasks.experiments.standing import insert_standings
from tasks.kpi.alerts import Crossing, find_crossings
from tasks.kpi.catalog import Mart, published_marts, read_catalog, read_macros
from tasks.kpi.following import PLAN_SIGNATURE, StartOver, follow_changes, keep_sources, row_marts
from tasks.kpi.kept_rows import create_kept_schema, create_rows
from tasks.kpi.lines import KpiLines, load_lines
from tasks.kpi.receipt_codes import load_receipt_codes

_CROSSING_TABLE = """
create or replace temp table line_crossing (
    kind varchar, severity varchar, campaign_id varchar, subject varchar, kpi varchar, value double, line double,
    value_low double, value_high double, events bigint, base bigint, p_value double, since_at timestamptz,
    advice_zh varchar, advice_en varchar
)
"""
# Counting a view would join again what was joined for its rows.
_ROWS_OF = {
    "message_fact": ("kept.message_row",),
    "contact_event": ("kept.event_row",),
    "touchpoint": ("kept.message_row", "kept.event_row"),
}
_CODE_TABLE = (
    "create or replace temp table receipt_code (provider varchar, code varchar, category varchar, confidence varchar)"
)


@dataclass(frozen=True, slots=True)
class MartSummary:
    """What a refresh made: rows of every published mart, seconds of every step, and the alerts it holds.

    `why_full` is empty after an incremental refresh, whose new and remade rows are in `changed`.
    """

    path: Path
    built_at: datetime
    rows: Mapping[str, int]
    seconds: Mapping[str, float]
    alerts: int
    changed: Mapping[str, int]
    why_full: str


def refresh_marts(
    warehouse: Connection,
    marts_path: Path,
    now: datetime,
    check: Callable[[Connection], None] | None = None,
    stopwatch: Callable[[], float] = time.perf_counter,
    *,
    is_full: bool = False,
) -> MartSummary:
    """Bring the marts at `marts_path` up to what is committed in the warehouse, and publish them anew.

    Only rows that can have changed are made again, with the result of a full build; that happens with `is_full`, or
    where there is nothing to build on, or too much has changed. `warehouse` may be open for reading only; it must not
    be inside a transaction. `check` is the gate: it is given a connection on which the new marts stand under their
    names, and what it raises leaves the old file in place. `now` decides what is overdue and complete.

    Raises:
        ChudaError: `warehouse` has an open transaction; and whatever `check` raises.
    """
    why_full = "asked for"
    if not is_full:
        try:
            return _refresh(warehouse, marts_path, now, check, stopwatch, why_full="")
        except (StartOver, NoMartsYet) as reason:
            why_full = str(reason)
    return _refresh(warehouse, marts_path, now, check, stopwatch, why_full)


def _refresh(
    warehouse: Connection,
    marts_path: Path,
    now: datetime,
    check: Callable[[Connection], None] | None,
    stopwatch: Callable[[], float],
    why_full: str,
) -> MartSummary:
    with writing_marts(warehouse, marts_path, is_copied=not why_full) as connection:
        seconds: dict[str, float] = {}
        changed: Mapping[str, int] = {}
        if why_full:
            seconds |= build_marts(connection, now, load_lines(), stopwatch)
        else:
            changed = _update_marts(connection, now, load_lines(), stopwatch, seconds)
        comment_marts(connection)
        rows = {mart.name: _count(connection, mart.name) for mart in published_marts()}
        if check is not None:
            check(connection)
    return MartSummary(marts_path, now, rows, seconds, rows["alert"], changed, why_full)


def build_marts(
    connection: Connection, now: datetime, lines: KpiLines, stopwatch: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Create every mart in the database `marts_new`, on a connection that finds warehouse and marts by plain names.

    Returns the seconds of every step by name.
    """
    _prepare(connection, now)
    seconds: dict[str, float] = {}
    _build(connection, read_catalog(), lines, stopwatch, seconds)
    started = stopwatch()
    connection.execute(PLAN_SIGNATURE)
    keep_sources(connection, now)
    seconds["kept"] = stopwatch() - started
    return seconds


def _update_marts(
    connection: Connection, now: datetime, lines: KpiLines, stopwatch: Callable[[], float], seconds: dict[str, float]
) -> Mapping[str, int]:
    _prepare(connection, now)
    rows = row_marts()
    made_from, counted_from = (read_catalog().index(mart) for mart in (rows[0], rows[-1]))
    _build(connection, read_catalog()[:made_from], lines, stopwatch, seconds)
    started = stopwatch()
    connection.execute(PLAN_SIGNATURE)
    changed, full_built_at = follow_changes(connection, now)
    seconds["changed rows"] = stopwatch() - started
    _build(connection, read_catalog()[counted_from + 1 :], lines, stopwatch, seconds)
    started = stopwatch()
    keep_sources(connection, full_built_at)
    seconds["kept"] = stopwatch() - started
    return changed


def _build(
    connection: Connection,
    marts: Sequence[Mart],
    lines: KpiLines,
    stopwatch: Callable[[], float],
    seconds: dict[str, float],
) -> None:
    for mart in marts:
        started = stopwatch()
        if mart.kind == "computed":
            _compute(connection, mart.name, lines)
        elif mart.kind == "kept":
            create_rows(connection, mart)
        else:
            connection.execute(f"create or replace {_target(mart)} as {mart.sql}")
        seconds[mart.name] = stopwatch() - started


def comment_marts(connection: Connection) -> None:
    """Put the catalog's words on every published mart and column."""
    for mart in published_marts():
        name = f"{MARTS_ALIAS}.main.{mart.name}"
        connection.execute(f"comment on {mart.kind} {name} is {_quoted(mart.comment)}")
        for column in mart.columns:
            connection.execute(f"comment on column {name}.{column.name} is {_quoted(column.comment)}")


def _prepare(connection: Connection, now: datetime) -> None:
    connection.execute("set variable marts_now = $1::timestamptz", [now])
    create_kept_schema(connection)
    for name in ("macros", "helpers"):
        connection.execute(read_macros(name))
    connection.execute(_CODE_TABLE)
    columns = [list(column) for column in zip(*load_receipt_codes(), strict=True)]
    connection.execute("insert into receipt_code select unnest($1), unnest($2), unnest($3), unnest($4)", columns)


def _target(mart: Mart) -> str:
    return {
        "table": f"table {MARTS_ALIAS}.main.{mart.name}",
        "view": f"view {MARTS_ALIAS}.main.{mart.name}",
        "scratch": f"temp table {mart.name}",
        "scratch_view": f"temp view {mart.name}",
    }[mart.kind]


def _compute(connection: Connection, name: str, lines: KpiLines) -> None:
    """What no query can say: lines crossed beyond chance, and how decided experiments stand."""
    if name == "experiment_standing":
        row = connection.execute("select getvariable('marts_now')").fetchone()
        assert row is not None
        insert_standings(connection, row[0])
    else:
        _insert_crossings(connection, lines)


def _insert_crossings(connection: Connection, lines: KpiLines) -> None:
    connection.execute(_CROSSING_TABLE)
    crossings = find_crossings(
        read_rows(connection, "select * from campaign_kpi"),
        read_rows(connection, "select * from segment_kpi"),
        read_rows(connection, "select * from cell_recent"),
        lines,
    )
    if crossings:
        marks = ", ".join("?" for _ in Crossing.__dataclass_fields__)
        connection.executemany(f"insert into line_crossing values ({marks})", [each.as_row() for each in crossings])


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _count(connection: Connection, mart: str) -> int:
    counts = " + ".join(f"(select count(*) from {table})" for table in _ROWS_OF.get(mart, (mart,)))
    row = connection.execute(f"select {counts}").fetchone()
    assert row is not None
    return int(row[0])
