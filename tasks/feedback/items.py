"""The items of a feed as the queue holds them: tokens for numbers, texts masked, times in microseconds UTC or None."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from chuda.errors import UsageError

RECEIPTS, REPLIES, CLICKS = "receipts", "replies", "clicks"


@dataclass(frozen=True, slots=True)
class QueuedReceipt:
    """A receipt; `token` is empty where the number could not be read (then the message names the person)."""

    token: str
    shown: str
    message_id: str
    batch_id: str
    status: str
    code: str
    parts: int
    at_us: int | None
    attempts: int | None = None


@dataclass(frozen=True, slots=True)
class QueuedReply:
    """A reply."""

    token: str
    shown: str
    text: str
    at_us: int | None


@dataclass(frozen=True, slots=True)
class QueuedClick:
    """A click, or a look by a program.

    `reason` says why a look at an own link was a program's. A click that names neither person nor message has a `line`,
    which tells it from lines that say the same.
    """

    token: str
    shown: str
    message_id: str
    link: str
    agent: str
    at_us: int | None
    reason: str = ""
    line: str = ""


QueuedItem = QueuedReceipt | QueuedReply | QueuedClick
_TYPES: dict[str, type[QueuedItem]] = {RECEIPTS: QueuedReceipt, REPLIES: QueuedReply, CLICKS: QueuedClick}


def dump_items(items: Sequence[QueuedItem]) -> str:
    """The items of a page as one JSON text."""
    return json.dumps([astuple(item) for item in items], ensure_ascii=False, separators=(",", ":"))


def join_items(texts: Sequence[str]) -> str:
    """The items of several pages of one feed, each as `dump_items` wrote it, as those of one."""
    return f"[{','.join(text[1:-1] for text in texts if text != '[]')}]"


def load_items(feed: str, text: str) -> list[QueuedItem]:
    """The items of a page of a feed.

    Raises:
        UsageError: another version of Chuda kept them in another form.
    """
    try:
        return [_TYPES[feed](*values) for values in json.loads(text)]
    except (TypeError, ValueError, KeyError) as error:
        raise UsageError(f"a page of {feed} was kept by another version of Chuda; run that version once") from error
