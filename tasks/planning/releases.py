"""Dealing staged messages into releases and batches, each release at a time that keeps the gap and the window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from chuda.windows import DailyWindow
from tasks.planning.schedule import Opening, space_releases

RELEASE_SIZE = 50_000
_NUMBER = Path(__file__).with_name("number_releases.sql").read_text(encoding="utf-8")
_GROUPS = """
SELECT send_at, wave, any_value(expires_at), count(*) FROM message_staged WHERE wave <> 'rollout'
GROUP BY send_at, wave ORDER BY send_at, wave
"""


def number_releases(connection: Any, window: DailyWindow, batch_size: int, first_number: int) -> None:
    """Create `message_numbered` from `message_staged`: release, time, batch and position of every message."""
    rows = [
        (send_at, wave, chunk, opening.opens_at, opening.expires_at)
        for send_at, wave, expires_at, count in connection.execute(_GROUPS).fetchall()
        for chunk, opening in enumerate(space_releases(Opening(send_at, expires_at), -(-count // RELEASE_SIZE), window))
    ]
    moment = pl.Datetime("us", "Asia/Shanghai")
    schema: dict[str, pl.DataType] = {
        "send_at": moment,
        "wave": pl.String(),
        "chunk": pl.Int64(),
        "opens_at": moment,
        "expires_at": moment,
    }
    connection.register("incoming", pl.DataFrame(rows, schema=schema, orient="row").to_arrow())
    connection.execute("CREATE OR REPLACE TEMP TABLE release_time AS SELECT * FROM incoming")
    connection.unregister("incoming")
    connection.execute(_NUMBER, {"release_size": RELEASE_SIZE, "batch_size": batch_size, "first_number": first_number})
