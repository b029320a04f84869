"""The company's record on disk: what was accepted, what came of it, and the trouble that was made on purpose.

Group commit: everything submitted in one turn of the event loop shares a transaction, and nobody is answered before
it is committed. `synchronous=OFF` hands each commit to the operating system without waiting for the disk: it
survives the death of any process, which is what the judge is for, not the death of the machine.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias

from pydantic_core import from_json, to_json

from chuda.clock import Clock, to_us

FILE_NAME = "simulator.sqlite"
_SCHEMA = Path(__file__).with_name("schema.sql")
_PRAGMAS = "PRAGMA page_size=16384; PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA cache_size=-65536;"

_PLACES = tuple(f"{place:03x}" for place in range(4096))

# message_id, phone, text, type, parts
AcceptedMessage: TypeAlias = tuple[str, str, str, str, int]
Position: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Submission:
    """The accepted messages of one request."""

    submission_id: int
    batch_id: str
    accepted_at_us: int
    messages: Sequence[AcceptedMessage]


class Event(NamedTuple):
    """One row of a feed; see schema.sql. `position` is (visible_at_us, event_id)."""

    kind: str
    position: Position
    submission_id: int
    happened_at_us: int
    is_copy: bool
    item: str


@dataclass(frozen=True, slots=True)
class Totals:
    """What was accepted on one day, and what is known of it by now."""

    requests: int
    messages: int
    parts: int
    delivered: int
    failed: int
    delivered_parts: int


def provider_message_id(submission_id: int, position: int) -> str:
    """The company's own number of a message; schema.sql forms the same."""
    return f"S{submission_id:08x}" + _PLACES[position]


class Record:
    """The one writer of `simulator.sqlite`; lives in one event loop."""

    def __init__(self, connection: sqlite3.Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        query = "select max(submission_id), max(accepted_at_us), sum(parts) from submission"
        last = (int(value or 0) for value in connection.execute(query).fetchone())
        self._last_id, self._floor_us, self.parts_accepted = last
        self.fault_counts = Counter(dict(connection.execute("select kind, count(*) from fault group by kind")))
        self._waiting: list[tuple[int, str, str, int, int, asyncio.Future[None]]] = []
        self._waiting_faults: list[tuple[str, str, asyncio.Future[None]]] = []
        self._is_flush_due = False

    @classmethod
    def open(cls, home: Path, clock: Clock) -> Record:
        """Open or create the record in `home`: the directory 0700 if it is new, the file 0600."""
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = home / FILE_NAME
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(path, isolation_level=None)
        connection.executescript(_PRAGMAS)
        connection.executescript(_SCHEMA.read_text(encoding="utf-8"))
        return cls(connection, clock)

    @property
    def is_time_passing(self) -> bool:
        """Whether the company's clock runs by itself; the simulated one stands still until somebody waits."""
        return self._clock.kind != "simulated"

    def now_us(self) -> int:
        """The company's time, which never runs back: what is accepted now comes after everything shown so far."""
        self._floor_us = max(self._floor_us, to_us(self._clock.now()))
        return self._floor_us

    def submit(self, batch_id: str, messages: Sequence[AcceptedMessage]) -> tuple[int, asyncio.Future[None]]:
        """Take in the accepted messages of one request: its submission id, and a future that ends with the commit.

        The future raises sqlite3.Error where it could not be written; then nothing of it is on record.
        """
        self._last_id += 1
        submission_id, parts = self._last_id, sum(message[4] for message in messages)
        future = asyncio.get_running_loop().create_future()
        row = (submission_id, batch_id, to_json(messages).decode(), len(messages), parts, future)
        self._waiting.append(row)
        self._flush_soon()
        return submission_id, future

    async def note_fault(self, kind: str, reference: str) -> None:
        """Record an injected fault; returns once that is committed."""
        future = asyncio.get_running_loop().create_future()
        self._waiting_faults.append((kind, reference, future))
        self._flush_soon()
        await future

    def _flush_soon(self) -> None:
        if not self._is_flush_due:
            self._is_flush_due = True
            asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """Commit all that waits, in one transaction; on failure everybody who waits is told."""
        self._is_flush_due = False
        waiting, self._waiting = self._waiting, []
        faults, self._waiting_faults = self._waiting_faults, []
        if not waiting and not faults:
            return
        now_us = self.now_us()
        futures = [row[-1] for row in waiting] + [row[-1] for row in faults]
        try:
            self._write(waiting, faults, now_us)
        except sqlite3.Error as error:
            _settle(futures, error)
            return
        self.parts_accepted += sum(row[4] for row in waiting)
        self.fault_counts.update(kind for kind, _, _ in faults)
        _settle(futures, None)

    def _write(
        self,
        waiting: Iterable[tuple[int, str, str, int, int, object]],
        faults: Iterable[tuple[str, str, object]],
        now_us: int,
    ) -> None:
        self._connection.execute("begin immediate")
        try:
            self._connection.executemany(
                "insert into submission (submission_id, batch_id, messages, message_count, parts, accepted_at_us) "
                "values (?, ?, ?, ?, ?, ?)",
                [(*row[:5], now_us) for row in waiting],
            )
            self._insert_faults([(now_us, kind, reference) for kind, reference, _ in faults])
            self._connection.execute("commit")
        except sqlite3.Error:
            if self._connection.in_transaction:
                self._connection.execute("rollback")
            raise

    def _insert_faults(self, rows: list[tuple[int, str, str]]) -> None:
        if rows:
            self._connection.executemany("insert into fault (at_us, kind, reference) values (?, ?, ?)", rows)

    def find_batch(self, batch_id: str) -> list[Submission]:
        """Every submission that named this batch, what waits included."""
        self.flush()
        return self._submissions("batch_id = ?", (batch_id,), limit=-1)

    def find_between(self, from_us: int, to_us: int) -> list[Submission]:
        """Every submission in [from_us, to_us)."""
        self.flush()
        return self._submissions("accepted_at_us >= ? and accepted_at_us < ?", (from_us, to_us), limit=-1)

    def find_phone(self, phone: str, from_us: int, to_us: int) -> list[Submission]:
        """Every submission in [from_us, to_us) with a message to this phone."""
        self.flush()
        condition = "accepted_at_us >= ? and accepted_at_us < ? and instr(messages, ?) > 0"
        return self._submissions(condition, (from_us, to_us, f'"{phone}"'), limit=-1)

    def take_events(self, kind: str, limit: int) -> list[str]:
        """The next visible events of a queue that forgets what it has handed out."""
        names = (f"taken_us:{kind}", f"taken_id:{kind}")
        known = dict(self._connection.execute("select name, value from progress where name in (?, ?)", names))
        events = self.read_events(kind, (known.get(names[0], 0), known.get(names[1], 0)), limit)
        if events:
            self._connection.executemany(
                "insert or replace into progress values (?, ?)", zip(names, events[-1][0], strict=True)
            )
        return [item for _, item in events]

    def submissions_without_fate(self, limit: int) -> list[Submission]:
        """The oldest submissions whose events do not exist yet."""
        return self._submissions("submission_id > ?", (self._fated_to(),), limit)

    def _fated_to(self) -> int:
        found = self._connection.execute("select value from progress where name = 'fated_to'").fetchone()
        return int(found[0]) if found else 0

    def _submissions(self, condition: str, values: tuple[object, ...], limit: int) -> list[Submission]:
        rows = self._connection.execute(
            f"select submission_id, batch_id, accepted_at_us, messages from submission where {condition} "
            "order by submission_id limit ?",
            (*values, limit),
        )
        return [Submission(row[0], row[1], row[2], from_json(row[3])) for row in rows]

    def add_events(self, events: Sequence[Event], faults: Sequence[tuple[str, str]], fated_to: int) -> None:
        """Store what came of all submissions up to `fated_to`, in one transaction."""
        now_us = self.now_us()
        with self._connection:
            self._connection.execute("begin immediate")
            self._connection.executemany(
                "insert into event values (?, ?, ?, ?, ?, ?, ?)",
                [(e.kind, *e.position, e.submission_id, e.happened_at_us, e.is_copy, e.item) for e in events],
            )
            self._insert_faults([(now_us, kind, reference) for kind, reference in faults])
            self._connection.execute("insert or replace into progress values ('fated_to', ?)", (fated_to,))
        self.fault_counts.update(kind for kind, _ in faults)

    def read_events(self, kind: str, after: Position, limit: int) -> list[tuple[Position, str]]:
        """What is visible now and lies after a position, in order, at most `limit` items."""
        rows = self._connection.execute(
            "select visible_at_us, event_id, item from event where kind = ? and (visible_at_us, event_id) > (?, ?) "
            "and visible_at_us <= ? order by visible_at_us, event_id limit ?",
            (kind, *after, self.now_us(), limit),
        )
        return [((row[0], row[1]), row[2]) for row in rows]

    def total(self, from_us: int, to_us: int) -> Totals:
        """What was accepted in [from_us, to_us) and how much of it has been reported by now."""
        span = (from_us, to_us)
        accepted = self._connection.execute(
            "select count(*), coalesce(sum(message_count), 0), coalesce(sum(parts), 0) from submission "
            "where accepted_at_us >= ? and accepted_at_us < ?",
            span,
        ).fetchone()
        reported = self._connection.execute(
            "select coalesce(sum(item ->> 'status' = 'delivered'), 0), coalesce(sum(item ->> 'status' = 'failed'), 0), "
            "coalesce(sum((item ->> 'parts') * (item ->> 'status' = 'delivered')), 0) "
            "from event join submission using (submission_id) where kind = 'receipt' and not is_copy "
            "and accepted_at_us >= ? and accepted_at_us < ? and happened_at_us <= ?",
            (*span, self.now_us()),
        ).fetchone()
        return Totals(*accepted, *reported)

    def last_faults(self, limit: int) -> list[tuple[int, str, str]]:
        """The newest injected faults: (at_us, kind, reference)."""
        return self._connection.execute(
            "select at_us, kind, reference from fault order by fault_id desc limit ?", (limit,)
        ).fetchall()

    def close(self) -> None:
        """Commit what waits and close the file."""
        self.flush()
        self._connection.close()


def _settle(futures: Iterable[asyncio.Future[None]], error: Exception | None) -> None:
    for future in futures:
        if future.done():  # its request was cancelled meanwhile
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
