"""The incremental refresh: marts on file are brought up to the warehouse, only what can differ being made anew.

What changed is found from the warehouse itself and from `kept`, a schema beside the marts that says what they were
made of: rows of the event tables by their place in the table (not by their ids: a ledger of several machines commits
late what it numbered early), states and plans by comparison. Nothing has to be reported by whoever writes there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from chuda.stores.marts import Connection
from tasks.kpi.catalog import MART_FOLDER, Mart, read_catalog
from tasks.kpi.kept_rows import KEPT_SCHEMA, admit_names
from tasks.kpi.lines import REFERENCE

CHANGES = Path(__file__).parent / "changes"
KEPT_ROWS = Path(__file__).parent / "kept_rows.py"
_NOT_FOR_ANALYSIS = "what the next incremental refresh compares with; not for analysis"
_MOST_CHANGED = 0.25
_OLDEST_FULL = timedelta(days=8)
_NARROWED = ("plan_message", "receipt_received", "message_exception", "reply_received", "click_received", "order_clean",
             "event_clean", "complaint_recorded", "message_row", "event_row")  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Source:
    """An event table: its name in contact_event, its key, how a row of it looks there, and which of its rows count."""

    table: str
    name: str
    key: str
    fields: str
    moment: str = ""
    as_event: str = ""
    counted: str = "true"


_SOURCES = (
    _Source("receipt_received", "receipt", "receipt_id", "receipt_id, status, reported_at"),
    _Source("reply_received", "reply", "reply_id", "reply_id, token, kind, replied_at, channel", "replied_at",
            "kind, channel, null"),
    _Source("complaint_recorded", "complaint", "complaint_id", "complaint_id, token, source, channel, complained_at",
            "complained_at", "'complaint', nullif(channel, ''), null", "source <> 'reply'"),
    _Source("click_received", "click", "click_id", "click_id, token, batch_id, position, clicked_at", "clicked_at",
            "'click', channel, null"),
    _Source("order_clean", "order", "order_id", "order_id, token, paid_at, amount", "paid_at",
            "'order', null, amount::decimal(12, 2)"),
    _Source("event_clean", "event", "event_id", 'event_id, token, kind, "at"', '"at"', "kind, null, null"),
)  # fmt: skip


class StartOver(Exception):
    """Following is not possible, or not worth it; the marts are to be built whole. Its text says why."""


def definition() -> str:
    """A digest of everything the marts are made by: another one means that they must be built whole."""
    files = [*MART_FOLDER.glob("*.*"), *CHANGES.glob("*.sql"), REFERENCE / "receipt_codes.csv", KEPT_ROWS]
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def keep_sources(connection: Connection, full_built_at: datetime) -> None:
    """Write down beside the marts what they were made of."""
    for name, sql in _KEPT.items():
        connection.execute(f"create or replace table marts_new.{KEPT_SCHEMA}.{name} as {sql}")
    places = " union all ".join(
        f"select '{source.table}' as source, count(*) as rows, max(rowid) as last_row, "
        f"coalesce(bit_xor(hash(rowid, {source.fields})), 0::ubigint) as fingerprint from {source.table}"
        for source in _SOURCES
    )
    connection.execute(f"create or replace table marts_new.{KEPT_SCHEMA}.source as {places}")
    connection.execute(
        f"create or replace table marts_new.{KEPT_SCHEMA}.build as "
        "select $1::varchar as definition, $2::timestamptz as full_built_at",
        [definition(), full_built_at],
    )
    columns = connection.execute(
        "select table_name, column_name from duckdb_columns() "
        "where database_name = 'marts_new' and schema_name = 'kept'"
    ).fetchall()
    for table, column in columns:
        connection.execute(f"comment on column marts_new.{KEPT_SCHEMA}.{table}.\"{column}\" is '{_NOT_FOR_ANALYSIS}'")


_KEPT = {
    "plan": "select plan_in_force.*, signature from plan_in_force left join plan_signature using (plan_id)",
    "batch": "select batch_id, plan_id, channel, state, sent_at, accepted_at from batch_state",
    "exception": 'select batch_id, position, state, code, "at" from message_exception',
}
# Plans are frozen, but a roll-out fills in who gets what, and an erasure takes people out.
PLAN_SIGNATURE = """
create or replace temp table plan_signature as
select plan_id, count(*) + bit_xor(hash(token, batch_id, position, variant, send_at))::hugeint as signature
from plan_message
group by plan_id
"""


def follow_changes(connection: Connection, now: datetime) -> tuple[Mapping[str, int], datetime]:
    """Bring message_row and event_row, kept with the marts on file, up to the warehouse.

    `connection` finds the marts on file and the warehouse by plain names; `plan_in_force` and `plan_signature` of now
    are there as temporary tables, and `plan_row` is of now. Returns how many rows were new or made anew, by what they
    are, and when the marts were last built whole.

    Raises:
        StartOver: they were built by other rules or too long ago, or too much of them has changed.
    """
    full_built_at = _require_following(connection, now)
    _find_new_events(connection)
    _run(connection, "find_changes")
    counted = {name: _one(connection, f"select count(*) from {name}") for name in ("receipt_new", "event_new")}
    messages = _one(connection, f"select count(*) from {KEPT_SCHEMA}.message_row")
    _run(connection, "take_context")
    counted["message_affected"] = _one(connection, "select count(*) from message_affected")
    if counted["message_affected"] > 1000 + _MOST_CHANGED * messages:
        raise StartOver("too much has changed")
    for mart in row_marts():
        connection.execute(f"create or replace temp {_kind(mart)} {mart.name} as {mart.sql}")
    for table in ("message_row", "event_row"):
        admit_names(connection, table)
    _run(connection, "replace_rows")
    for name in _NARROWED:
        connection.execute(f"drop table temp.main.{name}")
    return counted, full_built_at


def row_marts() -> list[Mart]:
    """What is made row by row, up to message_row; everything after it is shown or counted from its rows."""
    names = [mart.name for mart in read_catalog()]
    return list(read_catalog()[names.index("plan_row") + 1 : names.index("message_row") + 1])


def _kind(mart: Mart) -> str:
    return "view" if mart.kind in ("view", "scratch_view") else "table"


def _require_following(connection: Connection, now: datetime) -> datetime:
    known = connection.execute(
        "select count(*) from duckdb_tables() where database_name = 'marts_new' and schema_name = 'kept'"
    ).fetchone()
    if known is None or known[0] == 0:
        raise StartOver("the marts on file do not say what they were made of")
    row = connection.execute(f"select definition, full_built_at from {KEPT_SCHEMA}.build").fetchone()
    if row is None or row[0] != definition():
        raise StartOver("the marts are defined differently now")
    full_built_at: datetime = row[1]
    if not full_built_at <= now <= full_built_at + _OLDEST_FULL:
        raise StartOver("the last full build is too long ago")
    return full_built_at


def _find_new_events(connection: Connection) -> None:
    connection.execute(
        "create or replace temp table event_new (source varchar, event_id varchar, token varchar, moment timestamptz)"
    )
    for source in _SOURCES:
        last_row = _last_row_if_intact(connection, source)
        if source.name == "receipt":
            if last_row is None:
                raise StartOver("receipts known before are gone")
            connection.execute(
                "create or replace temp table receipt_new as "
                f"select distinct batch_id, position from {source.table} where rowid > {last_row}"
            )
        else:
            connection.execute(f"insert into event_new {_new_rows(source, last_row)}")


def _last_row_if_intact(connection: Connection, source: _Source) -> int | None:
    """The place of the last row the marts know, or None where one of those rows is not what it was."""
    rows, last_row, fingerprint = connection.execute(  # type: ignore[misc]
        f"select rows, coalesce(last_row, -1), fingerprint from {KEPT_SCHEMA}.source where source = $1", [source.table]
    ).fetchone()
    found = connection.execute(
        f"select count(*), coalesce(bit_xor(hash(rowid, {source.fields})), 0::ubigint) from {source.table} "
        f"where rowid <= {last_row}"
    ).fetchone()
    return int(last_row) if found == (rows, fingerprint) else None


def _new_rows(source: _Source, last_row: int | None) -> str:
    event = f"'{source.name}' as source, {source.key}::varchar as event_id, token, {source.moment} as moment"
    if last_row is not None:
        return f"select {event} from {source.table} where rowid > {last_row} and {source.counted}"
    here = f"select {event}, {source.as_event} from {source.table} where {source.counted}"
    there = (
        "select source::varchar, event_id, token, happened_at, kind::varchar, channel::varchar, amount_cny "
        f"from {KEPT_SCHEMA}.event_row where source = '{source.name}'"
    )
    columns = "source, event_id, token, moment"
    return (
        f"select distinct {columns} from ((({here}) except all ({there})) union all (({there}) except all ({here}))) "
        f"as different({columns}, kind, channel, amount_cny)"
    )


def _run(connection: Connection, name: str) -> None:
    connection.execute((CHANGES / f"{name}.sql").read_text("utf-8"))


def _one(connection: Connection, sql: str) -> int:
    row = connection.execute(sql).fetchone()
    assert row is not None
    return int(row[0])
