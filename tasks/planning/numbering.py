"""Dealing messages into releases and batches, as the channel's provider wants a request to be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chuda.records.channel import ChannelRecord

RELEASE_SIZE = 50_000
RELEASE_GAP_S = 600
_NUMBER = Path(__file__).with_name("number_releases.sql").read_text(encoding="utf-8")
_NO_KEY = "/* batch key */ ''"


def number_messages(connection: Any, channel: ChannelRecord, first_number: int, is_temporary: bool = False) -> None:
    """Create `message_numbered` from `message_staged`: release number, delay, batch and position of each message.

    Args:
        connection: a writing transaction of the warehouse.
        channel: its batch size, and what its provider wants the messages of a request to have in common.
        first_number: the number of the first release.
        is_temporary: whether the table is the connection's own.
    """
    statement = _NUMBER.replace(_NO_KEY, _batch_key(channel))
    if is_temporary:
        statement = statement.replace("table message_numbered", "temp table message_numbered")
    connection.execute(
        statement,
        {"release_size": RELEASE_SIZE, "batch_size": channel.batch_size, "gap_seconds": RELEASE_GAP_S,
         "first_number": first_number},
    )  # fmt: skip


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
