"""Choosing an audience: who is asked for, who must be left out, each with the first reason that holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from chuda.message_types import rules_of
from tasks.compliance.rules import WEEKLY_CAP, parameters_used, reason_expression

_CHOOSE = Path(__file__).with_name("choose_audience.sql").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class AudienceRequest:
    """Who a campaign asks for, and the limits that bind it."""

    message_type: str
    segments: tuple[str, ...]
    left_out: tuple[str, ...]
    where: str
    regions: tuple[str, ...]
    weekly_cap: int = WEEKLY_CAP


def choose_audience(
    connection: Any, request: AudienceRequest, suppressions: pl.DataFrame, reserved: Mapping[str, int]
) -> dict[str, int]:
    """Create `audience_candidate` and `audience_excluded(token, reason)`; returns people by reason.

    Args:
        connection: the warehouse, inside a transaction.
        request: the campaign's wishes and limits.
        suppressions: columns token, scope, reason (the ledger's).
        reserved: messages that count towards each person's weekly cap around the time of sending.
    """
    _register(connection, suppressions, reserved)
    connection.execute(
        _CHOOSE.replace("{where}", request.where),
        {
            "segments": list(request.segments),
            "left_out": list(request.left_out),
            "scopes": list(rules_of(request.message_type).stopped_by),
        },
    )
    values: dict[str, object] = {
        "regions": list(request.regions), "weekly_cap": min(request.weekly_cap, WEEKLY_CAP)
    }  # fmt: skip
    used = parameters_used(request.message_type)
    connection.execute(
        "CREATE OR REPLACE TABLE audience_excluded AS SELECT token, reason FROM "
        f"(SELECT token, {reason_expression(request.message_type)} AS reason FROM audience_candidate) "
        "WHERE reason IS NOT NULL",
        {name: value for name, value in values.items() if name in used},
    )
    return count_reasons(connection)


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


def _register(connection: Any, suppressions: pl.DataFrame, reserved: Mapping[str, int]) -> None:
    counted = pl.DataFrame(
        {"token": list(reserved), "messages": list(reserved.values())},
        schema={"token": pl.String, "messages": pl.Int64},
    )
    for name, frame in (("suppression_now", suppressions), ("reserved_now", counted)):
        connection.register("incoming", frame.to_arrow())
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM incoming")
        connection.unregister("incoming")
