"""Click logs by file: CSV rows become pages of the same queue that pulls and pushes fill."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chuda.errors import UsageError
from chuda.providers.feeds import read_items
from chuda.providers.generic import read_click
from chuda.stores.ledger.queue import keep_pushed
from chuda.stores.ledger.releases import channel_records
from chuda.workspace import Workspace
from tasks.feedback.intake import make_page
from tasks.feedback.items import CLICKS
from tasks.planning.briefing import load_channels

_NEEDED = "clicked_at"
_WHOSE = ("phone", "message_id", "link")
_NAMES = {"手机号": "phone", "点击时间": "clicked_at", "链接": "link", "消息编号": "message_id", "浏览器": "user_agent"}
_PAGE_ROWS = 1000


@dataclass(frozen=True, slots=True)
class ClickLog:
    """What was read of a log: its rows, and how many of them stood in pages that were read before."""

    rows: int
    repeated: int


def read_click_log(workspace: Workspace, path: Path, channel: str) -> ClickLog:
    """Keep the clicks of a CSV file (UTF-8 or GB18030, headers in English or Chinese).

    Rows that cannot be read are kept as rejects. Without a message id a click belongs to the last message before it;
    a row that names neither person nor message counts for its link. A log may be read again when it has grown.

    Raises:
        UsageError: there is no such file or channel, or a needed column is missing.
    """
    _check_channel(workspace, channel)
    rows = _read_rows(path)
    seen: Counter[str] = Counter()
    pages = [rows[start : start + _PAGE_ROWS] for start in range(0, len(rows), _PAGE_ROWS)]
    repeated = sum(len(page) for page in pages if not _keep(workspace, page, channel, seen))
    return ClickLog(len(rows), repeated)


def _check_channel(workspace: Workspace, channel: str) -> None:
    with workspace.ledger.read() as connection:
        records = channel_records(connection)
    known = {json.loads(text).get("name") for text in records} | set(load_channels(workspace.settings))
    if channel not in known:
        raise UsageError(
            f"there is no channel {channel!r}; clicks belong to one of {', '.join(sorted(known)) or 'none'}"
        )


def _keep(workspace: Workspace, rows: Sequence[dict[str, str]], channel: str, seen: Counter[str]) -> bool:
    """Keep one page; False if it was kept before."""
    events, unreadable = read_items(rows, read_click)
    fingerprint = workspace.keys.token(json.dumps(rows, sort_keys=True))
    page, rejects = make_page(
        workspace.keys, channel, CLICKS, events, unreadable, workspace.clock.now(), fingerprint, seen
    )  # fmt: skip
    with workspace.ledger.write() as connection:
        return keep_pushed(connection, page, rejects)


def _read_rows(path: Path) -> list[dict[str, str]]:
    try:
        raw = path.read_bytes()
    except OSError:
        raise UsageError(f"{path}: there is no such file") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("gb18030", "replace")
    reader = csv.DictReader(io.StringIO(text))
    header = [_NAMES.get(name.strip(), name.strip()) for name in reader.fieldnames or ()]
    if _NEEDED not in header:
        raise UsageError(f"{path.name}:1: the column clicked_at (点击时间) is missing; a click log says when")
    if not set(_WHOSE) & set(header):
        raise UsageError(
            f"{path.name}:1: a click log says whose click it was, or on which link: add one of the columns "
            "phone (手机号), message_id (消息编号), link (链接)"
        )
    reader.fieldnames = header
    return [{name: value for name, value in row.items() if isinstance(value, str)} for row in reader]
