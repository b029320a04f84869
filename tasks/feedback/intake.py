"""From a page as a provider gave it to a page as it may be stored: canonical numbers, tokens, masked texts, rejects.

Pulled and pushed pages pass through here alike. Nothing with a number in it comes out.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from chuda.clock import to_us
from chuda.keys import Keys
from chuda.phones import canonical_phone, mask, mask_phones
from chuda.providers.feeds import clean_text
from chuda.providers.protocol import ClickEvent, ReceiptEvent, ReplyEvent, UnreadableItem
from chuda.stores.ledger.queue import QueuedPage, Reject
from tasks.feedback.items import QueuedClick, QueuedItem, QueuedReceipt, QueuedReply, dump_items

NUMBER_UNREADABLE = "number_unreadable"
# A plan's id and what we put behind it, or a notice's: digits in a hash can look like a number and are none.
_OWN_ID = re.compile(r"p[0-9a-f]{11}(?:-[0-9a-z]{1,16}){1,6}(?:\.[0-9]{1,4})?|n[0-9a-f]{20}(?:\.0)?")
ProviderEvent = ReceiptEvent | ReplyEvent | ClickEvent


def make_page(
    keys: Keys, channel: str, feed: str, events: Sequence[ProviderEvent], unreadable: Sequence[UnreadableItem],
    now: datetime, fingerprint: str | None = None, seen: Counter[str] | None = None,
) -> tuple[QueuedPage, list[Reject]]:  # fmt: skip
    """The page to keep, and the items that could not be used, each with its reason.

    Args:
        keys: the workspace's.
        channel: where it comes from.
        feed: receipts, replies or clicks.
        events: the items that could be read.
        unreadable: those that could not.
        now: when.
        fingerprint: of a body that may come again whole.
        seen: of a log that is read again when it has grown: how often each line stood in its pages so far.
    """
    now_us = to_us(now)
    source = f"{fingerprint or now_us}:" if seen is None else ""
    seen = Counter() if seen is None else seen
    rejects = [Reject(channel, feed, item.reason, mask_phones(item.item), now_us) for item in unreadable]
    items: list[QueuedItem] = []
    for event in events:
        item = tokenise(keys, event)
        if item is None:
            rejects.append(Reject(channel, feed, NUMBER_UNREADABLE, _shown(event), now_us))
        elif isinstance(item, QueuedClick) and not (item.token or item.message_id):
            items.append(_numbered(item, source, seen))
        else:
            items.append(item)
    return QueuedPage(channel, feed, dump_items(items), len(items), now_us, fingerprint), rejects


def _numbered(item: QueuedClick, source: str, seen: Counter[str]) -> QueuedClick:
    """A click of nobody in particular, with what makes it another one than its neighbour of the same second."""
    line = hashlib.sha256(f"{item.link}\n{item.agent}\n{item.at_us}".encode()).hexdigest()[:16]
    seen[line] += 1
    return replace(item, line=f"{source}{line}:{seen[line]}")


def tokenise(keys: Keys, event: ProviderEvent) -> QueuedItem | None:
    """The event without its number; None if nobody could say whose it is."""
    phone = canonical_phone(event.phone)
    token = keys.token(phone) if phone else ""
    shown = mask(phone) if phone else _mask_unreadable(event.phone)
    if isinstance(event, ReplyEvent):
        return QueuedReply(token, shown, free_text(event.text), _us(event.received_at)) if token else None
    message_id = _own_id(event.message_id)
    if isinstance(event, ClickEvent):
        link, agent = free_text(event.link), free_text(event.user_agent)
        if not (token or message_id or (link and not event.phone)):
            return None
        return QueuedClick(token, shown, message_id, link, agent, _us(event.clicked_at))
    batch_id = _own_id(event.batch_id)
    if not (token or message_id):
        return None
    return QueuedReceipt(token, shown, message_id, batch_id, event.status, free_text(event.code), event.parts,
                         _us(event.reported_at), event.attempts)  # fmt: skip


def free_text(text: str) -> str:
    """What somebody else wrote, as it may be stored: numbers masked, nothing in it that a store refuses."""
    return mask_phones(clean_text(text))


def _own_id(text: str) -> str:
    """An id of ours as it is; in anything else a number is masked, since some providers build ids from it."""
    return text if _OWN_ID.fullmatch(text) else free_text(text)


def _mask_unreadable(phone: str) -> str:
    digits = clean_text(phone)
    return mask(digits) if digits else ""


def _shown(event: ProviderEvent) -> str:
    said = free_text(event.text) if isinstance(event, ReplyEvent) else ""
    return f"{_mask_unreadable(event.phone)} {said}".strip()[:300]


def _us(moment: datetime | None) -> int | None:
    return None if moment is None else to_us(moment)
