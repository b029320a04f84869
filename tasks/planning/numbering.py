"""Dealing messages into releases and batches, as the channel's provider wants a request to be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from chuda.records.channel import ChannelRecord
from chuda.windows import DailyWindow
from tasks.planning.schedule import Opening, space_releases

RELEASE_SIZE = 50_000
_NUMBER = Path(__file__).with_name("number_releases.sql").read_text(encoding="utf-8")
_GROUPS = """
SELECT send_at, wave, any_value(expires_at), count(*) FROM message_staged WHERE wave <> 'rollout'
GROUP BY send_at, wave ORDER BY send_at, wave
"""
_NO_KEY = "/* batch key */ ''"
_SEAT = "/* seat */ row_number() over (partition by release_number, batch_key order by token) - 1"
_SEAT_WITHOUT_KEY = "place % $release_size"  # one key: the places of a release are its seats already


def number_messages(connection: Any, channel: ChannelRecord, window: DailyWindow, first_number: int) -> None:
    """Create `message_numbered` from `message_staged`: release, time, batch and position of each message.

    Args:
        connection: a writing transaction of the warehouse.
        channel: its batch size, and what its provider wants the messages of a request to have in common.
        window: the daily hours in which releases may open, the minimum gap apart.
        first_number: the number of the first release.
    """
    _write_release_times(connection, window)
    key = _batch_key(channel)
    numbering = _NUMBER.replace(_SEAT, _SEAT_WITHOUT_KEY) if channel.batch_rule == "any" else _NUMBER
    connection.execute(
        numbering.replace(_NO_KEY, key),
        {"release_size": RELEASE_SIZE, "batch_size": channel.batch_size, "first_number": first_number},
    )


def _write_release_times(connection: Any, window: DailyWindow) -> None:
    rows = [
        (send_at, wave, chunk, opening.opens_at, opening.expires_at)
        for send_at, wave, expires_at, count in connection.execute(_GROUPS).fetchall()
        for chunk, opening in enumerate(space_releases(Opening(send_at, expires_at), -(-count // RELEASE_SIZE), window))
    ]
    moment = pl.Datetime("us", "Asia/Shanghai")
    schema: dict[str, pl.DataType] = {
        "send_at": moment, "wave": pl.String(), "chunk": pl.Int64(), "opens_at": moment, "expires_at": moment,
    }  # fmt: skip
    connection.register("incoming", pl.DataFrame(rows, schema=schema, orient="row").to_arrow())
    connection.execute("CREATE OR REPLACE TEMP TABLE release_time AS SELECT * FROM incoming")
    connection.unregister("incoming")


def _batch_key(channel: ChannelRecord) -> str:
    """SQL for what one request may not mix: nothing, texts, or signature and template."""
    if channel.batch_rule == "any":
        return "''"
    if channel.batch_rule == "one_text":
        return "text"
    # The patterns stand in the statement, not in parameters: DuckDB then compiles each once, not once per row.
    cases = " ".join(
        f"when regexp_full_match(text, {_quoted(template.pattern)}) then {_quoted(template.code)}"
        for template in channel.filed_templates
    )
    return f"case {cases} else '' end"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
