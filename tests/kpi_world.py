"""A small warehouse in memory, of exactly the shape the marts read; rows say only what matters to a test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
from ruamel.yaml import YAML

from chuda.clock import BUSINESS_ZONE
from chuda.stores.marts import MARTS_ALIAS, read_rows
from tasks.kpi.lines import load_lines
from tasks.kpi.refresh import build_marts

KPI_TESTS = Path(__file__).parent / "tasks" / "kpi"
LINES = load_lines()
NOW = datetime(2026, 11, 30, 12, tzinfo=BUSINESS_ZONE)


def read_yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text("utf-8"))


DEFAULTS: Mapping[str, Mapping[str, Any]] = read_yaml(KPI_TESTS / "row_defaults.yaml")


_RECEIPTS = """
insert into receipt_received
select 'r' || token, 'sms', batch_id, position, token, case when position < $2 then 'delivered' else 'failed' end,
    case when position < $2 then 'DELIVRD' else 'MK:0001' end, 1,
    send_at + interval 30 second, send_at + interval 60 second
from plan_message where batch_id = $1
"""
_CLICKS = """
insert into click_received
select 'k' || token, 'sms', batch_id, position, token, 'link', send_at + interval 10 minute
from plan_message where batch_id = $1 and position < $2
"""


class World:
    """`put` rows, then look at the marts; columns a row leaves out take those of row_defaults.yaml."""

    def __init__(self) -> None:
        self.warehouse = duckdb.connect(config={"threads": 1})  # a handful of rows: threads only wait for each other
        self.warehouse.execute("SET TimeZone = 'Asia/Shanghai'")
        self.warehouse.execute((KPI_TESTS / "warehouse_tables.sql").read_text("utf-8"))

    def put(self, table: str, *rows: Mapping[str, Any]) -> None:
        for row in rows:
            filled = {**DEFAULTS[table], **row}
            names = ", ".join(f'"{name}"' for name in filled)
            marks = ", ".join("?" for _ in filled)
            self.warehouse.execute(f"insert into {table} ({names}) values ({marks})", list(filled.values()))

    def put_messages(
        self,
        count: int,
        *,
        delivered: int,
        clicked: int = 0,
        plan: str = "p1",
        batch: str = "",
        receipts: bool = True,
        **columns: Any,
    ) -> None:
        """A batch of `count` messages: the first `delivered` arrive, the rest fail, the first `clicked` are clicked.

        `batch` names one that was put before; without `receipts` none has come.
        """
        if not batch:
            batch = f"b-{plan}-{columns.get('segment', '')}-{columns.get('variant', '')}"
            self.put("batch_state", {"batch_id": batch, "plan_id": plan, "size": count})
        self._put_batch(count, {**DEFAULTS["plan_message"], "plan_id": plan, "batch_id": batch, **columns})
        if receipts:
            self.warehouse.execute(_RECEIPTS, [batch, delivered])
        self.warehouse.execute(_CLICKS, [batch, clicked])

    def _put_batch(self, count: int, columns: Mapping[str, Any]) -> None:
        values = {name: value for name, value in columns.items() if name not in ("token", "position")}
        listed = ", ".join(f"${name} as {name}" for name in values)
        self.warehouse.execute(
            f"insert into plan_message by name select md5($batch_id || i) as token, i::int as position, {listed} "
            f"from range({count}) as series(i)",
            values,
        )

    @contextmanager
    def marts(self, now: datetime = NOW) -> Iterator[duckdb.DuckDBPyConnection]:
        """The marts built from what was put, in memory."""
        with self.warehouse.cursor() as connection:
            connection.execute("SET TimeZone = 'Asia/Shanghai'")
            connection.execute(f"ATTACH ':memory:' AS {MARTS_ALIAS}")
            connection.execute(f"SET search_path = '{MARTS_ALIAS}.main,memory.main'")
            build_marts(connection, now, LINES)
            yield connection
            connection.execute("RESET search_path")
            connection.execute(f"DETACH {MARTS_ALIAS}")

    def rows(self, mart: str, now: datetime = NOW) -> list[dict[str, Any]]:
        with self.marts(now) as connection:
            return read_rows(connection, f"from {mart}")


def plain(value: Any) -> Any:
    """A value as a person writes it in YAML: times in Asia/Shanghai to the second, money and rates as numbers."""
    if isinstance(value, datetime):
        return value.astimezone(BUSINESS_ZONE).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return value


def same(found: Sequence[Mapping[str, Any]], expected: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the rows are equal in the columns that the expectation names, in any order."""
    names = list(expected[0]) if expected else []
    return _sorted(found, names) == _sorted(expected, names)


def _sorted(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[list[Any]]:
    picked = [[_rounded(plain(row[name])) for name in names] for row in rows]
    return sorted(picked, key=str)


def _rounded(value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return round(float(value), 6) if is_number else value
