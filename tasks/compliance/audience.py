"""Choosing an audience: who is asked for, who must be left out, each with the first reason that holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from chuda.message_types import rules_of
from tasks.compliance.rules import CAP_DAYS, DAILY_CAPS, WEEKLY_CAP, parameters_used, reason_expression

_HERE = Path(__file__).parent
_CHOOSE = (_HERE / "choose_audience.sql").read_text(encoding="utf-8")
_TROUBLE = (_HERE / "number_trouble.sql").read_text(encoding="utf-8")
# Numbers are given to new people: what receipts said half a year ago says nothing about today.
TROUBLE_DAYS = 180
_NO_EVENTS = (
    "CREATE OR REPLACE TABLE event_due (token VARCHAR, event_key VARCHAR, event_at VARCHAR, starts_at TIMESTAMPTZ, "
    "over_at TIMESTAMPTZ, is_done BOOLEAN)"
)
_OVER_LIMIT = """
INSERT INTO audience_excluded
SELECT token, 'over_nightly_limit' FROM (
    SELECT token, row_number() OVER (ORDER BY event_starts_at, token) AS place FROM audience_candidate c
    WHERE NOT EXISTS (SELECT 1 FROM audience_excluded x WHERE x.token = c.token)
) WHERE place > $limit
"""


@dataclass(frozen=True, slots=True)
class AudienceRequest:
    """Who a campaign asks for, and the limits that bind it.

    `is_recurring` asks only for those in `event_due` (see `choose_due_events`), at most `nightly_limit` of them.
    """

    message_type: str
    segments: tuple[str, ...]
    left_out: tuple[str, ...]
    where: str
    regions: tuple[str, ...]
    weekly_cap: int = WEEKLY_CAP
    daily_cap: int | None = None
    opens_at: datetime | None = None
    is_trade_authorised: bool = True
    is_recurring: bool = False
    nightly_limit: int | None = None


@dataclass(frozen=True, slots=True)
class Restraints:
    """What other stores know against messaging somebody.

    Attributes:
        suppressions: columns token, scope, reason (the ledger's).
        reserved: messages that count towards each person's weekly cap around the time of sending.
        today: messages of the channel to each person within 24 hours of sending.
        test_contacts: tokens of the test phones on record.
    """

    suppressions: pl.DataFrame
    reserved: Mapping[str, int] = field(default_factory=dict)
    today: Mapping[str, int] = field(default_factory=dict)
    test_contacts: Iterable[str] = ()


def choose_audience(connection: Any, request: AudienceRequest, restraints: Restraints) -> dict[str, int]:
    """Create `audience_candidate` and `audience_excluded(token, reason)`; returns people by reason.

    Args:
        connection: the warehouse, inside a transaction; `find_troubled_numbers` ran on it before.
        request: the campaign's wishes and limits.
        restraints: what other stores know.
    """
    _register(connection, restraints)
    if not request.is_recurring:
        connection.execute(_NO_EVENTS)
    connection.execute(
        _CHOOSE.replace("{where}", request.where),
        {
            "segments": list(request.segments),
            "left_out": list(request.left_out),
            "scopes": list(rules_of(request.message_type).stopped_by),
            "is_recurring": request.is_recurring,
        },
    )
    used = parameters_used(request.message_type)
    connection.execute(
        "CREATE OR REPLACE TABLE audience_excluded AS SELECT token, reason FROM "
        f"(SELECT token, {reason_expression(request.message_type)} AS reason FROM audience_candidate) "
        "WHERE reason IS NOT NULL",
        {name: value for name, value in _values(request).items() if name in used},
    )
    if request.nightly_limit is not None:
        connection.execute(_OVER_LIMIT, {"limit": request.nightly_limit})
    return count_reasons(connection)


def _values(request: AudienceRequest) -> dict[str, object]:
    daily_cap = request.daily_cap
    return {
        "regions": list(request.regions),
        "weekly_cap": min(request.weekly_cap, WEEKLY_CAP),
        "daily_cap": DAILY_CAPS.get(request.message_type, 0) if daily_cap is None else daily_cap,
        "opens_at": request.opens_at,
        "trade_authorised": request.is_trade_authorised,
    }


def find_troubled_numbers(connection: Any, codes: Sequence[tuple[str, str, str]], now: datetime) -> None:
    """Create `number_trouble_now(token, trouble)` from the receipts the warehouse holds.

    Args:
        connection: the warehouse.
        codes: (code, category, confidence) of the channel's receipt codes.
        now: the present.
    """
    known = connection.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'receipt_received'").fetchone()
    if known is None:
        connection.execute("CREATE OR REPLACE TEMP TABLE number_trouble_now (token VARCHAR, trouble VARCHAR)")
        return
    frame = pl.DataFrame(
        codes, schema={"code": pl.String, "category": pl.String, "confidence": pl.String}, orient="row"
    )
    _create(connection, "receipt_code_now", frame)
    days = timedelta(days=1)
    since = {"since": now - TROUBLE_DAYS * days, "frequency_since": now - CAP_DAYS * days}
    connection.execute(_TROUBLE, since)


def exclude(connection: Any, excluded: pl.DataFrame) -> None:
    """Add people (token, reason) to `audience_excluded`; an earlier reason stays."""
    connection.register("excluded_now", excluded.select("token", "reason").to_arrow())
    connection.execute(
        "INSERT INTO audience_excluded SELECT token, reason FROM excluded_now n "
        "WHERE NOT EXISTS (SELECT 1 FROM audience_excluded e WHERE e.token = n.token)"
    )
    connection.unregister("excluded_now")


def count_reasons(connection: Any) -> dict[str, int]:
    """People by reason of exclusion."""
    rows: Sequence[tuple[str, int]] = connection.execute(
        "SELECT reason, count(*) FROM audience_excluded GROUP BY reason ORDER BY 2 DESC, 1"
    ).fetchall()
    return dict(rows)


def _register(connection: Any, restraints: Restraints) -> None:
    _create(connection, "suppression_now", restraints.suppressions)
    _create(connection, "reserved_now", _counted(restraints.reserved))
    _create(connection, "reserved_today", _counted(restraints.today))
    tokens = pl.DataFrame({"token": sorted(set(restraints.test_contacts))}, schema={"token": pl.String})
    _create(connection, "test_contact_now", tokens)


def _counted(messages: Mapping[str, int]) -> pl.DataFrame:
    return pl.DataFrame(
        {"token": list(messages), "messages": list(messages.values())},
        schema={"token": pl.String, "messages": pl.Int64},
    )


def _create(connection: Any, name: str, frame: pl.DataFrame) -> None:
    connection.register("incoming", frame.to_arrow())
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM incoming")
    connection.unregister("incoming")
