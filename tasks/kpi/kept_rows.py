"""The rows that are kept beside the marts, narrow: a name that many rows share is one of a list (a DuckDB enum).

Copying, counting and writing numbers is five times as fast as the same with names. message_fact and contact_event are
views that show the names again. A name nobody had before makes its list longer, in the column's own type.
"""

from __future__ import annotations

from collections.abc import Mapping

from chuda.stores.marts import MARTS_ALIAS, Connection
from tasks.kpi.catalog import Mart

KEPT_SCHEMA = "kept"
_STATES = ("planned", "intent", "accepted", "rejected", "not_sent", "unknown", "unconfirmed", "suppressed", "expired",
           "cancelled", "delivered", "failed")  # fmt: skip
_CHANNELS = "select channel from batch_state union select channel from plan_made"
_NAMES: Mapping[str, Mapping[str, str]] = {
    "channel_price": {},
    "plan_row": {},
    "message_row": {
        "channel": _CHANNELS,
        **{
            column: f"select {column} from plan_message"
            for column in ("wave", "variant", "segment", "province", "city", "carrier", "number_type", "template")
        },
        "state": "select state from batch_state union select state from message_exception "
        f"union select unnest({list(_STATES)})",
        "cause": "select cause from code_cause union select 'ambiguous'",
    },
    "event_row": {
        "source": "select unnest(['reply', 'complaint', 'click', 'order', 'event'])",
        "kind": "select kind from person_said union select kind from event_clean "
        "union select unnest(['click', 'order'])",
        "channel": "select channel from person_said union select channel from click_received",
        "attributed_by": "select unnest(['own_message', 'last_click', 'last_message'])",
    },
}


def create_kept_schema(connection: Connection) -> None:
    """The place of all that is kept, where it is missing."""
    connection.execute(f"create schema if not exists {MARTS_ALIAS}.{KEPT_SCHEMA}")


def create_rows(connection: Connection, mart: Mart) -> None:
    """Create a table of kept rows from its query, with the lists of its names."""
    types = {
        column: _create_list(connection, mart.name, column, _distinct(connection, values))
        for column, values in _NAMES[mart.name].items()
    }
    shown = ", ".join(f"{column}::{name} as {column}" for column, name in types.items())
    replaced = f"* replace ({shown})" if types else "*"
    connection.execute(
        f"create or replace table {_table(mart.name)} as select {replaced} from (\n{mart.sql}\n) as named"
    )


def admit_names(connection: Connection, table: str) -> None:
    """Make the lists of a kept table long enough for the rows of the temporary table of the same name."""
    for column in _NAMES[table]:
        known: list[str] = connection.execute(  # type: ignore[index]
            f"select enum_range(max({column})) from (from {_table(table)} limit 0)"
        ).fetchone()[0]
        new = [name for name in _distinct(connection, f"select {column} from temp.{table}") if name not in set(known)]
        if new:
            wider = _create_list(connection, table, column, [*known, *new])
            connection.execute(f"alter table {_table(table)} alter column {column} set data type {wider}")
            connection.execute(f"drop type {_type(table, column, len(known))}")


def _create_list(connection: Connection, table: str, column: str, names: list[str]) -> str:
    name = _type(table, column, len(names))
    quoted = ", ".join("'" + each.replace("'", "''") + "'" for each in names)
    connection.execute(f"create type {name} as enum ({quoted})")
    return name


def _distinct(connection: Connection, values: str) -> list[str]:
    query = f"select distinct name from ({values}) as listed(name) where name is not null order by name"
    return [row[0] for row in connection.execute(query).fetchall()]


def _table(name: str) -> str:
    return f"{MARTS_ALIAS}.{KEPT_SCHEMA}.{name}"


def _type(table: str, column: str, names: int) -> str:
    return _table(f"{table}_{column}_{names}")
