"""Segments as lists of people, to reach them another way: by token, with numbers only for whoever asks for them."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl

from chuda.errors import UsageError
from chuda.stores.ledger.reading import SUPPRESSIONS, read_frame
from chuda.stores.marts import Connection, open_marts
from chuda.workspace import Workspace
from tasks.kpi.export import FORMULA_BEGINS

_MEMBERS = """
with flagged as (
    select campaign_id, subject as segment, since_at
    from alert
    where kind = 'segment_low' and ($segment is null or subject = $segment)
),

asked as (
    select campaign_id, segment, last_sent_at as since_at
    from segment_kpi
    where segment = $segment and not $is_low_only
),

newest as (
    select segment, arg_max(campaign_id, (since_at, campaign_id)) as campaign_id
    from (from flagged union all from asked)
    group by segment
),

left_alone as (select distinct token from message_fact where is_opted_out or is_complained)

select
    message.segment, message.campaign_id, message.token, message.province, message.city, message.carrier,
    bool_or(message.is_delivered) as is_delivered, bool_or(message.is_clicked) as is_clicked,
    max(message.sent_at)::timestamp as last_sent_at
from message_fact as message
inner join newest using (segment, campaign_id)
where message.is_submitted and message.token not in (select token from left_alone)
group by all
order by message.segment, message.token
"""


def export_people(
    workspace: Workspace, path: Path, segment: str | None, *, is_low_only: bool, with_numbers: bool
) -> dict[str, int]:
    """Write the people of a segment (or of all that stay low) to a CSV file, 0600; returns their number by segment.

    Whoever opted out, complained or is suppressed for any reason is left out: another channel needs a consent of its
    own, and a "no" was meant. `with_numbers` adds the phone numbers from the vault.

    Raises:
        UsageError: nobody is in it; or the vault is missing.
    """
    with open_marts(workspace.settings.marts_file) as marts:
        people = read_members(marts, segment, is_low_only=is_low_only)
    with workspace.ledger.read() as ledger:
        suppressed = read_frame(ledger, SUPPRESSIONS)
    people = people.join(suppressed.select("token").unique(), on="token", how="anti").sort("segment", "token")
    if people.is_empty():
        wanted = f"segment {segment!r}" if segment else "a segment that stays below the line"
        raise UsageError(f"nobody to export: {wanted} has no people in the marts; `chuda segments show` lists segments")
    if with_numbers:
        people = people.join(workspace.vault.read(people["token"]), on="token", how="left").sort("segment", "token")
    write_members(people, path)
    return dict(people.group_by("segment").len().sort("segment").iter_rows())


def read_members(marts: Connection, segment: str | None, *, is_low_only: bool) -> pl.DataFrame:
    """The people of a segment in its newest campaign, by token, without those who opted out of or complained about any.

    With `is_low_only` those of the segments flagged as staying low (all, or the one named).
    """
    return marts.execute(_MEMBERS, {"segment": segment, "is_low_only": is_low_only}).pl()


def write_members(people: pl.DataFrame, path: Path) -> None:
    """Write a list of people as CSV with a byte order mark, for the owner's eyes only (0600)."""
    safe = people.with_columns(_safe(name) for name, kind in people.schema.items() if kind == pl.String)
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(safe.write_csv(include_bom=True, datetime_format="%Y-%m-%d %H:%M:%S").encode())


def _safe(name: str) -> pl.Expr:
    text = pl.col(name)
    return (
        pl.when(text.str.contains(f"^[{FORMULA_BEGINS}]".replace("-", r"\-")))
        .then("'" + text)
        .otherwise(text)
        .alias(name)
    )
