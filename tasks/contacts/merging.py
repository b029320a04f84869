"""Cleaned batches, with tokens for phones, merged into the tables of the warehouse; the rules are in the `.sql` files.

The connection is the caller's, and so is the transaction. An insert that turns out empty is never run: DuckDB 1.5.5
silently drops a large `insert ... select` that follows an empty one into the same table in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any, Literal, Protocol

import polars as pl

from chuda.errors import ChudaError

IncomingTable = Literal["contact_incoming", "alternate_incoming", "order_incoming", "event_incoming"]
RecordTable = Literal["orders", "events"]

_FEW = 5  # times fewer people than there are contacts: then one pass over the contacts is better than several
_TAKE_KNOWN = """
create temp table contact_known as select * from contact_clean where token in (select token from contact_incoming)
"""


class Connection(Protocol):
    """What is needed of a DuckDB connection."""

    def execute(self, query: Any, parameters: Any = None) -> Any:
        """Run a statement, perhaps with named parameters."""

    def extract_statements(self, query: str) -> list[Any]:
        """Take a script apart into statements."""


@dataclass(frozen=True, slots=True)
class MergeCounts:
    """People (or orders, events): new, changed, as they were; `unresolved` rows belong to nobody known."""

    new: int
    changed: int
    unchanged: int
    unresolved: int = 0


@dataclass(frozen=True, slots=True)
class CollapsedCounts:
    """Rows that came in and the people they name; pairs of person and further number, and how many differ."""

    rows: int
    people: int
    pairs: int
    alternates: int


def create_contact_tables(connection: Connection) -> None:
    """Create the tables of the contacts room where missing, each column with its comment."""
    _run(connection, "create_contact_tables")


def create_incoming_tables(connection: Connection) -> None:
    """Create empty temporary tables contact_incoming, alternate_incoming, order_incoming, event_incoming."""
    _run(connection, "create_incoming_tables")


def append_incoming(connection: Connection, table: IncomingTable, rows: pl.DataFrame, **constants: object) -> None:
    """Append rows to an incoming table by column name, each with the constants; any number of batches, empty ones too.

    Raises:
        ChudaError: not all rows arrived.
    """
    if rows.height:
        before = _count(connection, table)
        values = "".join(f", ${name} as {name}" for name in constants)
        connection.execute(f"insert into {table} by name select *{values} from rows", constants or None)
        _check(connection, table, before + rows.height)


def collapse_contacts(connection: Connection) -> CollapsedCounts:
    """Bring contact_incoming down to one row per person, noting in contact_record where each was named.

    Raises `ChudaError` if rows were lost on the way.
    """
    rows, pairs = _count(connection, "contact_incoming"), _count(connection, "alternate_incoming")
    if rows:
        _run(connection, "publish_records")
    _run(connection, "collapse_contacts")
    repeated = "select coalesce(sum(row_count - 1), 0) from contact_repeated"
    people = rows - int(connection.execute(repeated).fetchone()[0])
    _check(connection, "contact_incoming", people)
    return CollapsedCounts(rows, people, pairs, _count(connection, "alternate_distinct"))


def find_contact_changes(connection: Connection) -> list[str]:
    """Work out what collapsed contact_incoming changes; the people who refuse now and did not before, by token.

    With them come those who have a refusing number as a further one.
    """
    _run(connection, "find_contact_changes", known=_find_known(connection))
    return [row[0] for row in connection.execute("select token from contact_denied order by token").fetchall()]


def publish_contacts(connection: Connection, now: datetime) -> MergeCounts:
    """Write what `find_contact_changes` found; `now` (aware) is the `updated_at` of those who change.

    Merging the same again changes nothing. Raises `ChudaError` if the tables do not hold what was merged.
    """
    before = _count(connection, "contact_clean")
    people, changed = _count(connection, "contact_incoming"), _count(connection, "contact_change")
    table = _known_table(connection)
    known = _count(connection, f"contact_incoming semi join {table} using (token)")
    if people > known or changed:
        _run(connection, "publish_contacts", {"now": now}, known=table)
    _check(connection, "contact_clean", before + people - known)
    _merge_alternates(connection)
    return MergeCounts(new=people - known, changed=changed, unchanged=known - changed)


def merge_contacts(connection: Connection, now: datetime) -> MergeCounts:
    """Merge contact_incoming and alternate_incoming at one go: collapse, find what changes, publish."""
    collapse_contacts(connection)
    find_contact_changes(connection)
    return publish_contacts(connection, now)


def collapse_records(connection: Connection, table: RecordTable) -> tuple[int, int]:
    """Bring order_incoming or event_incoming down to one row per id, the newest; returns dropped rows and conflicts.

    A conflict is a row that was dropped for a newer one with its id and says something else. Raises `ChudaError` if
    other rows were lost on the way.
    """
    stem = table.removesuffix("s")
    before = _count(connection, f"{stem}_incoming")
    _run(connection, f"collapse_{table}")
    dropped = _count(connection, f"{stem}_dropped")
    _check(connection, f"{stem}_incoming", before - dropped)
    return dropped, _count(connection, f"{stem}_dropped where is_conflict")


def merge_records(connection: Connection, table: RecordTable) -> MergeCounts:
    """Merge order_incoming or event_incoming; merging the same again changes nothing.

    Rows of nobody known are afterwards in the temporary table order_unresolved or event_unresolved (id, source_row,
    source_id): rejected for `unknown_person`. Raises `ChudaError` if the table does not hold what was merged.
    """
    stem = table.removesuffix("s")
    before = _count(connection, f"{stem}_clean")
    _run(connection, f"merge_{table}")
    ids = _count(connection, f"(select distinct {stem}_id from {stem}_resolved where token is not null)")
    touched, unresolved = _count(connection, f"{stem}_change"), _count(connection, f"{stem}_unresolved")
    changed = _count(connection, f"{stem}_change semi join {stem}_clean using ({stem}_id)")
    if touched:
        _run(connection, f"publish_{table}")
    _check(connection, f"{stem}_clean", before + touched - changed)
    return MergeCounts(touched - changed, changed, ids - touched, unresolved)


def _merge_alternates(connection: Connection) -> None:
    before = _count(connection, "contact_alternate")
    _run(connection, "merge_alternates")
    new = _count(connection, "alternate_change")
    if new:
        _run(connection, "publish_alternates")
    _check(connection, "contact_alternate", before + new)


def _find_known(connection: Connection) -> str:
    """The table to look the incoming people up in: all contacts, or, for few of them, those few taken out once."""
    connection.execute("drop table if exists contact_known")
    if _count(connection, "contact_incoming") * _FEW < _count(connection, "contact_clean"):
        connection.execute(_TAKE_KNOWN)
    return _known_table(connection)


def _known_table(connection: Connection) -> str:
    found = connection.execute("select count(*) from duckdb_tables() where table_name = 'contact_known'").fetchone()
    return "contact_known" if found[0] else "contact_clean"


def _run(
    connection: Connection, script: str, parameters: Mapping[str, Any] | None = None, known: str = "contact_clean"
) -> None:
    text = files("tasks.contacts").joinpath(f"{script}.sql").read_text("utf-8").replace("{known}", known)
    for statement in connection.extract_statements(text):
        if statement.named_parameters:
            connection.execute(statement, parameters)
        else:
            connection.execute(statement)


def _count(connection: Connection, relation: str) -> int:
    (rows,) = connection.execute(f"select count(*) from {relation}").fetchone()
    return int(rows)


def _check(connection: Connection, table: str, expected: int) -> None:
    found = _count(connection, table)
    if found != expected:
        raise ChudaError(f"{table} holds {found} rows where {expected} were written; the import is undone")
