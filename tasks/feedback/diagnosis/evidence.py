"""What the marts know about the messages that were asked about."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from chuda.errors import UsageError

_HERE = Path(__file__).parent
_ASKED = (_HERE / "asked.sql").read_text("utf-8")
_NAMED = re.compile(r"-- name: (\w+)[^\n]*\n(.*?)(?=\n-- name: |\Z)", re.DOTALL)
_QUERIES = dict(_NAMED.findall((_HERE / "evidence.sql").read_text("utf-8")))
CARRIERS = {"移动": "mobile", "联通": "unicom", "电信": "telecom", "广电": "broadnet"}
_SCOPES = {
    "person": "token = $first",
    "campaign": "campaign_id = $first",
    "template": "template = $first",
    "cell": "carrier = $first and province = $second",
}

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked about: a person (token), campaign, template, or cell (carrier, province)."""

    kind: str
    first: str
    second: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The rows of every query in evidence.sql by its name, and the time they are of."""

    rows: Mapping[str, Sequence[Row]]
    now: datetime

    def one(self, name: str) -> Row:
        """The only row of a query that gives one."""
        return self.rows[name][0]


def find_target(connection: Any, asked: str) -> Target:
    """A campaign, a template, or a cell written `mobile/广东`, whichever the marts know by this name.

    Raises:
        UsageError: nothing that was sent is known by it.
    """
    for kind in ("campaign", "template"):
        column = {"campaign": "campaign_id", "template": "template"}[kind]
        if connection.execute(f"SELECT 1 FROM message_fact WHERE {column} = $1 LIMIT 1", [asked]).fetchone():
            return Target(kind, asked)
    carrier, _, province = (part.strip() for part in asked.partition("/"))
    carrier = CARRIERS.get(carrier, carrier)
    query = "SELECT 1 FROM message_fact WHERE carrier = $1 AND province = $2 LIMIT 1"
    if connection.execute(query, [carrier, province]).fetchone():
        return Target("cell", carrier, province)
    raise UsageError(
        f"nothing in the marts is known by {asked!r}: give a campaign id, a template, a cell (mobile/广东) or a "
        "number; `chuda kpi refresh` brings the marts up to date"
    )


def gather_evidence(connection: Any, target: Target, now: datetime, days: int) -> Evidence:
    """Everything the judgement rests on, of the messages sent in the last `days` days.

    Raises:
        UsageError: nothing was sent to, or of, what is asked about in that time.
    """
    values = {"first": target.first, "second": target.second, "since": now - timedelta(days=days), "now": now}
    _run(connection, _ASKED.format(scope=_SCOPES[target.kind]), values)
    rows = {name: _rows(connection, sql, values) for name, sql in _QUERIES.items()}
    if not rows["standing"][0]["sent"]:
        raise UsageError(f"no message left for it in the last {days} days; look farther back with --days")
    return Evidence(rows, now)


def _rows(connection: Any, sql: str, values: Mapping[str, object]) -> list[Row]:
    cursor = _run(connection, sql, values)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _run(connection: Any, sql: str, values: Mapping[str, object]) -> Any:
    return connection.execute(sql, {name: value for name, value in values.items() if f"${name}" in sql})
