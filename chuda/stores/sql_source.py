"""The customer's own database as a source of rows: one SELECT, read in batches as text, through SQLAlchemy."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from chuda.clock import BUSINESS_ZONE
from chuda.errors import ProviderTrouble, UsageError

_BATCH_ROWS = 100_000


class SqlSource:
    """A database that is only read: every transaction is rolled back. No message shows the URL or a value."""

    def __init__(self, url: str, name: str, batch_rows: int = _BATCH_ROWS) -> None:
        """Open the database.

        Args:
            url: an SQLAlchemy URL, with its password.
            name: what messages call it, e.g. the environment variable that holds the URL.
            batch_rows: how many rows are in memory at a time.

        Raises:
            UsageError: the URL is none, or its driver is not installed.
        """
        self._name = name
        self._batch_rows = batch_rows
        try:
            self._engine: Engine = create_engine(url)
        except ArgumentError:
            raise UsageError(
                f"{name}: not a database URL; write e.g. postgresql+psycopg://user:password@host/db"
            ) from None
        except (NoSuchModuleError, ModuleNotFoundError) as error:
            raise UsageError(f"{name}: the driver of this URL is not installed ({error.args[0]})") from None

    def columns(self, query: str) -> tuple[str, ...]:
        """The names of a query's columns; nothing is fetched.

        Raises:
            UsageError: the database refuses the query, or two columns share a name.
            ProviderTrouble: the database cannot be reached.
        """
        for names, _rows in self._run(query):
            if len(set(names)) < len(names):
                raise UsageError(f"{self._name}: two columns of the query have the same name; give them names with AS")
            return names
        raise UsageError(f"{self._name}: the query gives no table; write one SELECT")

    def batches(self, query: str) -> Iterator[list[tuple[str | None, ...]]]:
        """The rows as text, NULL as None, times in Asia/Shanghai; raises as `columns` does."""
        for _names, rows in self._run(query):
            for part in rows.partitions(self._batch_rows):
                yield [tuple(_as_text(value) for value in row) for row in part]

    def _run(self, query: str) -> Iterator[tuple[tuple[str, ...], Any]]:
        """The result of a query while it is open."""
        try:
            with self._engine.connect().execution_options(
                stream_results=True, yield_per=self._batch_rows
            ) as connection:
                result = connection.exec_driver_sql(query.strip().rstrip(";"))
                if result.returns_rows:
                    yield tuple(result.keys()), result
                connection.rollback()
        except DBAPIError as error:
            raise self._trouble(error) from None
        except SQLAlchemyError as error:
            raise UsageError(f"{self._name}: the query cannot be run ({type(error).__name__})") from None
        finally:
            self._engine.dispose()

    def _trouble(self, error: DBAPIError) -> UsageError | ProviderTrouble:
        kind = type(error.orig).__name__
        if kind == "OperationalError" and self._engine.dialect.name != "sqlite":
            return ProviderTrouble(f"{self._name}: the database cannot be reached ({kind}); repeat the command later")
        return UsageError(f"{self._name}: the database refused the query ({kind}); run it there to see why")


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, bytes | memoryview):
        return None
    if isinstance(value, datetime) and value.tzinfo is not None:
        return str(value.astimezone(BUSINESS_ZONE).replace(tzinfo=None))
    return str(value)
