"""Great Expectations on the flow's own DuckDB connection.

GX closes its connections before it fetches, and must see the uncommitted tables of the stage that asks. So it gets this
small DB-API face of the stage's connection: rows are buffered when a statement runs, and transactions are not its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class BridgeCursor:
    """A cursor that keeps its rows."""

    arraysize = 1
    rowcount = -1

    def __init__(self, connection: BridgeConnection) -> None:
        self.connection = connection
        self.description: Any = None
        self._rows: list[Any] = []

    def execute(self, statement: str, parameters: Sequence[Any] | None = None) -> BridgeCursor:
        """Run a statement and buffer what it returns."""
        result = self.connection.execute_raw(statement, parameters or None)
        self.description = result.description
        self._rows = result.fetchall() if result.description else []
        return self

    def fetchone(self) -> Any:
        """The next row, or None."""
        return self._rows.pop(0) if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """The next rows."""
        taken, self._rows = self._rows[: size or 1], self._rows[size or 1 :]
        return taken

    def fetchall(self) -> list[Any]:
        """All rows that are left."""
        taken, self._rows = self._rows, []
        return taken

    def close(self) -> None:
        """Nothing to close: the connection is the stage's."""


class BridgeConnection:
    """A connection whose transaction belongs to the stage: begin, commit, rollback and close do nothing."""

    notices: tuple[str, ...] = ()

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def execute_raw(self, statement: str, parameters: Sequence[Any] | None) -> Any:
        """Run a statement on the stage's connection."""
        return self._connection.execute(statement, parameters)

    def cursor(self) -> BridgeCursor:
        """A new buffering cursor."""
        return BridgeCursor(self)

    def begin(self) -> None:
        """The stage's transaction is open."""

    def commit(self) -> None:
        """The stage commits."""

    def rollback(self) -> None:
        """The stage rolls back."""

    def close(self) -> None:
        """The stage closes."""
