"""The judge of "never twice": reads the company's record from outside, while it runs or after it died."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic_core import from_json

from chuda.errors import UsageError
from chuda.providers.simulator.record import FILE_NAME

_NUMBERS = re.compile(r"(?:-\d+){1,2}$")


def plan_of(batch_id: str) -> str:
    """The plan of a batch, whose id is `<plan_id>-<release>-<batch>` or `<plan_id>-<batch>`.

    Where a plan's own id ends in a number the shorter form is ambiguous; the judge then takes too much for one plan
    rather than too little: it may accuse wrongly, but overlooks nothing.
    """
    return _NUMBERS.sub("", batch_id)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One message the company accepted."""

    message_id: str
    batch_id: str
    phone: str = field(repr=False)
    text: str = field(repr=False)
    message_type: str
    parts: int
    accepted_at_us: int
    provider_message_id: str


@dataclass(frozen=True, slots=True)
class Duplicate:
    """One phone that received more than one message of a plan: the promise broken."""

    plan_id: str
    phone: str = field(repr=False)
    message_ids: tuple[str, ...]


class Judge:
    """Answers from the record alone; every answer is one consistent view."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    def open(cls, home: Path, plan_of: Callable[[str], str] = plan_of) -> Judge:
        """Open the record in `home` for reading.

        Args:
            home: the simulator's directory.
            plan_of: from a batch id to what must not reach a person twice (plan or campaign occurrence).

        Raises:
            UsageError: there is no record.
        """
        path = (home / FILE_NAME).absolute()
        if not path.exists():
            raise UsageError(f"{path}: no simulator has written a record there")
        connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)
        connection.create_function("plan_of", 1, plan_of, deterministic=True)
        return cls(connection)

    def duplicates(self) -> list[Duplicate]:
        """Every (plan, phone) accepted more than once, by plan and phone."""
        rows = self._connection.execute(
            "with plan as materialized (select distinct batch_id, plan_of(batch_id) as plan_id from submission) "
            "select plan_id, phone, json_group_array(message_id) from accepted join plan using (batch_id) "
            "group by plan_id, phone having count(*) > 1 order by plan_id, phone"
        )
        return [Duplicate(row[0], row[1], tuple(sorted(_strings(row[2])))) for row in rows]

    def count(self) -> int:
        """Messages accepted in all."""
        return self._number("select sum(message_count) from submission")

    def parts(self) -> int:
        """Parts accepted in all."""
        return self._number("select sum(parts) from submission")

    def by_phone(self) -> dict[str, int]:
        """How many messages each phone received."""
        return dict(self._connection.execute("select phone, count(*) from accepted group by phone"))

    def by_message(self) -> dict[str, int]:
        """How often each message id was accepted."""
        return dict(self._connection.execute("select message_id, count(*) from accepted group by message_id"))

    def of_batch(self, batch_id: str) -> list[Acceptance]:
        """Every acceptance of a batch, in order of acceptance."""
        return self._acceptances("where batch_id = ?", batch_id)

    def of_phone(self, phone: str) -> list[Acceptance]:
        """Everything a phone received, in order of acceptance."""
        return self._acceptances("where phone = ?", phone)

    def all(self) -> list[Acceptance]:
        """Every acceptance in order; meant for tests, as it holds them all in memory."""
        return self._acceptances("")

    def faults(self) -> dict[str, int]:
        """Injected faults by kind."""
        return dict(self._connection.execute("select kind, count(*) from fault group by kind"))

    def busiest_second(self) -> int:
        """The most parts accepted in any window of one second: what a throttle is measured by."""
        return self._number(
            "select max(parts) from (select sum(parts) over "
            "(order by accepted_at_us range between current row and 999999 following) as parts from submission)"
        )

    def close(self) -> None:
        """Give back the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _number(self, query: str) -> int:
        return int(self._connection.execute(query).fetchone()[0] or 0)

    def _acceptances(self, condition: str, *values: str) -> list[Acceptance]:
        rows = self._connection.execute(
            "select message_id, batch_id, phone, text, type, parts, accepted_at_us, provider_message_id "
            f"from accepted {condition} order by provider_message_id",
            values,
        )
        return [Acceptance(*row) for row in rows]


def _strings(array: str) -> list[str]:
    return [str(value) for value in from_json(array)]
