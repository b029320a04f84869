"""Opening the ledger and its transactions; the key's fingerprint and the shared clocks live here too."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from chuda.clock import Clock, RealClock, ShiftedClock, SimulatedClock, from_us, to_us
from chuda.errors import StoreTrouble, UsageError
from chuda.keys import Keys
from chuda.stores.ledger.schema import SCHEMA_VERSION, metadata

_BUSY_SECONDS = 30.0
# One writer at a time on PostgreSQL too, as SQLite has it: what a transaction checked is still true at its commit, and
# ids are given in the order of the commits, so that a reader may go on after the last one it saw.
_WRITER_LOCK = "SELECT pg_advisory_xact_lock(7248051, {lane})"
_LANES = {"campaigns": 0, "notices": 1}


Lane = Literal["campaigns", "notices"]


class Ledger:
    """One ledger: SQLite in WAL mode with synchronous FULL, or PostgreSQL; many processes at once."""

    def __init__(self, engine: Engine, lane: Lane = "campaigns") -> None:
        self._engine = engine
        self._lock = _WRITER_LOCK.format(lane=_LANES[lane])
        self.is_sqlite = engine.dialect.name == "sqlite"

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction that may write; committed at the end, rolled back on any exception.

        Raises:
            StoreTrouble: the store is locked, full or gone; nothing of the transaction remains.
        """
        try:
            with self._engine.begin() as connection:
                if not self.is_sqlite:
                    connection.exec_driver_sql(self._lock)
                yield connection
        except SQLAlchemyError as error:
            raise _as_trouble(error) from None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view for reading only."""
        try:
            with self._engine.connect() as connection:
                options = {"chuda_read": True} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
                yield connection.execution_options(**options)
        except SQLAlchemyError as error:
            raise _as_trouble(error) from None

    def store_now_us(self, connection: Connection) -> int:
        """The store's own time in microseconds: what the throttle of several machines agrees on."""
        if self.is_sqlite:
            # Every process that shares a SQLite file shares the machine's clock.
            return time.time_ns() // 1000
        return int(
            connection.execute(text("SELECT (extract(epoch FROM clock_timestamp()) * 1e6)::bigint")).scalar_one()
        )

    def close(self) -> None:
        """Give back all connections."""
        self._engine.dispose()


def _as_trouble(error: SQLAlchemyError) -> StoreTrouble:
    # The driver's message without SQLAlchemy's statement and parameters: those may hold personal data.
    reason = type(error.orig if isinstance(error, DBAPIError) else error).__name__
    if isinstance(error, OperationalError):
        reason = str(error.orig).splitlines()[0]
    advice_zh, advice_en = next((advice for mark, advice in _ADVICE.items() if mark in reason), ("", ""))
    return StoreTrouble(
        f"账本没有写入（{reason}），什么都没有改变{advice_zh}，可以重复执行 / the ledger did not take the transaction "
        f"({reason}); nothing was changed{advice_en}, repeat the command"
    )


# What helps, by what the store said.
_ADVICE = {
    "is full": ("；先腾出磁盘空间", ": make room on the disk"),
    "is locked": ("；另一个进程一直占着它", ": another process has kept it locked; when that is done"),
    "lock timeout": ("；另一个进程一直占着它", ": another process has kept it locked; when that is done"),
    "connection": ("；PostgreSQL 连不上或刚重启", ": PostgreSQL is not there or was restarted; when it is back"),
}


def open_ledger(
    target: Path | str, keys: Keys | None = None, lane: Lane = "campaigns", busy_s: float = _BUSY_SECONDS
) -> Ledger:
    """Open (and create) the ledger at a SQLite path or a `postgresql://` URL.

    Args:
        target: file path, or URL as in `CHUDA_LEDGER_URL`.
        keys: the workspace's keys; their fingerprint must be the ledger's. None for readers that need no key.
        lane: whose writers wait for each other on PostgreSQL: a code never waits for a campaign's commit.
        busy_s: how long a transaction waits for another process's, in seconds.

    Raises:
        UsageError: the keys are not the ledger's, or the ledger was made by another version.
    """
    is_server = "://" in str(target)
    engine = _postgres_engine(target, busy_s) if is_server else _sqlite_engine(Path(target), busy_s)
    ledger = Ledger(engine, lane)
    with ledger.write() as connection:
        metadata.create_all(connection)
        _check_meta(connection, "schema_version", SCHEMA_VERSION, "was made by another version of Chuda")
        if keys is not None:
            advice = "belongs to other keys: this machine would miss every opt-out. Restore the workspace's keys"
            _check_meta(connection, "key_fingerprint", keys.fingerprint(), advice)
    return ledger


def open_ledger_to_read(target: Path | str, keys: Keys) -> Ledger:
    """Open a ledger without writing anything, so that it waits for nobody; one that does not exist yet is made.

    Raises:
        UsageError: the keys are not the ledger's.
    """
    if "://" not in str(target) and not Path(target).exists():
        return open_ledger(target, keys)
    ledger = Ledger(_postgres_engine(target) if "://" in str(target) else _sqlite_engine(Path(target)))
    with ledger.read() as connection:
        found = connection.execute(text("SELECT value FROM meta WHERE key = 'key_fingerprint'")).scalar()
    if found not in (None, keys.fingerprint()):
        raise UsageError(f"the ledger belongs to other keys (it says {found}); restore the workspace's keys")
    return ledger


def _check_meta(connection: Connection, key: str, value: str, problem: str) -> None:
    connection.execute(
        text("INSERT INTO meta (key, value) VALUES (:key, :value) ON CONFLICT (key) DO NOTHING"),
        {"key": key, "value": value},
    )
    found = connection.execute(text("SELECT value FROM meta WHERE key = :key"), {"key": key}).scalar_one()
    if found != value:
        raise UsageError(f"the ledger {problem} (it says {found}, this process has {value})")


def _sqlite_engine(path: Path, busy_s: float = _BUSY_SECONDS) -> Engine:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": busy_s}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # BEGIN is ours, below
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # IMMEDIATE takes the write lock before anything is read: what was checked is still true at commit.
        reading = connection.get_execution_options().get("chuda_read")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _postgres_engine(target: Path | str, busy_s: float = _BUSY_SECONDS) -> Engine:
    url = make_url(str(target)).set(drivername="postgresql+psycopg")
    engine = create_engine(url, pool_pre_ping=True, isolation_level="READ COMMITTED", hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        # Without it a writer would wait for ever for one that hangs; as on SQLite it gives up and says so.
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{round(busy_s * 1000)}ms'")
        connection.commit()

    return engine


class LedgerTimeStore:
    """The simulated time, shared by all processes of a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def simulated_now(self) -> datetime:
        """The time the last wait ended at."""
        with self._ledger.read() as connection:
            value = connection.execute(text("SELECT value_us FROM clock WHERE name = 'simulated'")).scalar_one()
        return from_us(value)

    def advance_to(self, moment: datetime) -> None:
        """Move forward to `moment`; never back."""
        with self._ledger.write() as connection:
            connection.execute(
                text("UPDATE clock SET value_us = :us WHERE name = 'simulated' AND value_us < :us"),
                {"us": to_us(moment)},
            )


def open_clock(ledger: Ledger, chuda_now: str | None = None) -> Clock:
    """The clock of this ledger: simulated if it was started so, shifted if `CHUDA_NOW` is given, else the real one.

    Raises:
        UsageError: `CHUDA_NOW` is not an ISO time with a zone or in Asia/Shanghai's.
    """
    with ledger.read() as connection:
        simulated = connection.execute(text("SELECT 1 FROM clock WHERE name = 'simulated'")).scalar()
    if simulated:
        return SimulatedClock(LedgerTimeStore(ledger))
    return _shifted_clock(ledger, chuda_now) if chuda_now else RealClock()


def _shifted_clock(ledger: Ledger, chuda_now: str) -> ShiftedClock:
    try:
        start = datetime.fromisoformat(chuda_now)
    except ValueError:
        raise UsageError(f"CHUDA_NOW={chuda_now!r} is not an ISO time; write e.g. 2026-11-20T09:55:00+08:00") from None
    if start.tzinfo is None:
        start = start.replace(tzinfo=RealClock().now().tzinfo)
    with ledger.write() as connection:
        # The first process with this value sets the anchor; all others run on from there.
        connection.execute(
            text(
                "INSERT INTO clock (name, anchor_us, value_us) VALUES (:name, :anchor, :value) ON CONFLICT DO NOTHING"
            ),
            {"name": f"shifted:{chuda_now}", "anchor": to_us(RealClock().now()), "value": to_us(start)},
        )
        row = connection.execute(
            text("SELECT anchor_us, value_us FROM clock WHERE name = :name"), {"name": f"shifted:{chuda_now}"}
        ).one()
    return ShiftedClock(row.anchor_us, row.value_us)


def start_simulated_clock(ledger: Ledger, start: datetime) -> None:
    """Make this ledger's clock the simulated one, standing at `start`; a ledger that has one keeps its time."""
    with ledger.write() as connection:
        connection.execute(
            text("INSERT INTO clock (name, anchor_us, value_us) VALUES ('simulated', 0, :us) ON CONFLICT DO NOTHING"),
            {"us": to_us(start)},
        )
