"""Handing a segment to another channel: a private file with member numbers, and phones if they are asked for."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import polars as pl

from chuda.errors import UsageError
from chuda.workspace import Workspace
from tasks.segments.overview import members_at

_MEMBERS = "SELECT token, source_id FROM contact_clean WHERE token IN (SELECT token FROM asked) ORDER BY token"
_FORMULA = "^[=+@-]"  # a spreadsheet would take such a cell for a formula


def export_members(workspace: Workspace, segment: str, moment: datetime, target: Path, *, with_phones: bool) -> int:
    """Write who was in a segment at a moment into a new 0600 CSV (UTF-8 with a mark); returns how many.

    Columns: token, source_id (their own member number), and phone if `with_phones`.

    Raises:
        UsageError: no such segment, the file exists, or numbers are asked for and the vault is missing.
    """
    with workspace.warehouse.read() as connection:
        asked = members_at(connection, segment, moment)
        connection.register("asked", asked.to_arrow())
        members: pl.DataFrame = connection.execute(_MEMBERS).pl()
    if with_phones:
        phones = workspace.vault.read(members["token"])
        members = members.join(phones, on="token", how="left", maintain_order="left")
    members = members.with_columns(pl.col("source_id").str.replace(_FORMULA, "'$0"))
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"{target}: exists already; choose another name") from None
    except OSError as error:
        raise UsageError(f"{target}: cannot be written ({error.strerror})") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(b"\xef\xbb\xbf")
        members.write_csv(file)
    return members.height
