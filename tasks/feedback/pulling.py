"""Pulling what a channel has to report; every page is kept in the transaction that moves its cursor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from chuda.clock import Clock, to_us
from chuda.keys import Keys
from chuda.phones import mask_phones
from chuda.providers.protocol import ClickEvent, Page, Provider, ReceiptEvent, ReplyEvent
from chuda.stores.ledger import Connection, Ledger
from chuda.stores.ledger.feedback import ClickRow, ReceiptRow, ReplyRow, append_events, move_cursor, read_cursor
from chuda.stores.ledger.suppression import Suppression, suppress
from tasks.content.replies import COMPLAINT, OPT_OUT, ReplyWords, classify_reply
from tasks.dispatch.outcomes import parse_message_id

Event = TypeVar("Event")
_FOREIGN = ("", -1)


@dataclass(frozen=True, slots=True)
class PulledEvents:
    """How many events a pull took from each feed, and how many of the replies stop further messages."""

    receipts: int = 0
    replies: int = 0
    clicks: int = 0
    opt_outs: int = 0
    complaints: int = 0


class Puller:
    """Takes the feeds of one channel into the ledger; safe to repeat, and to be killed at any point."""

    def __init__(
        self, ledger: Ledger, keys: Keys, clock: Clock, provider: Provider, channel: str, words: ReplyWords,
        keywords: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._keys = keys
        self._clock = clock
        self._provider = provider
        self._channel = channel
        self._words = words
        self._keywords = keywords
        self._opt_outs = self._complaints = 0

    async def pull(self, has_clicks: bool) -> PulledEvents:
        """Take everything that is there now.

        Args:
            has_clicks: whether the channel reports clicks.

        Raises:
            ProviderTrouble: the provider did not answer; what was taken stays, the rest comes next time.
        """
        # Replies first: an opt-out must not wait behind a long queue of receipts.
        replies = await self._drain("replies", self._provider.replies, self._keep_replies)
        receipts = await self._drain("receipts", self._provider.receipts, self._keep_receipts)
        clicks = await self._drain("clicks", self._provider.clicks, self._keep_clicks) if has_clicks else 0
        return PulledEvents(receipts, replies, clicks, self._opt_outs, self._complaints)

    async def _drain(
        self, feed: str, ask: Callable[[str], Awaitable[Page[Event]]],
        keep: Callable[[Connection, Sequence[Event], datetime], None],
    ) -> int:  # fmt: skip
        taken = 0
        with self._ledger.read() as connection:
            cursor = read_cursor(connection, self._channel, feed)
        while True:
            page = await ask(cursor)
            if page.cursor != cursor or page.items:
                now = self._clock.now()
                with self._ledger.write() as connection:
                    keep(connection, page.items, now)
                    move_cursor(connection, self._channel, feed, page.cursor, to_us(now))
            taken += len(page.items)
            if not page.more or page.cursor == cursor:
                return taken
            cursor = page.cursor

    def _keep_receipts(self, connection: Connection, events: Sequence[ReceiptEvent], now: datetime) -> None:
        rows = []
        for event in events:
            batch_id, position = parse_message_id(event.message_id) or _FOREIGN
            rows.append(
                ReceiptRow(self._channel, batch_id, position, self._keys.token(event.phone), event.status, event.code,
                           event.parts, to_us(event.reported_at), to_us(now))
            )  # fmt: skip
        append_events(connection, rows)

    def _keep_clicks(self, connection: Connection, events: Sequence[ClickEvent], now: datetime) -> None:
        rows = []
        for event in events:
            batch_id, position = parse_message_id(event.message_id) or _FOREIGN
            rows.append(
                ClickRow(self._channel, batch_id, position, self._keys.token(event.phone), event.link,
                         to_us(event.clicked_at), to_us(now))
            )  # fmt: skip
        append_events(connection, rows)

    def _keep_replies(self, connection: Connection, events: Sequence[ReplyEvent], now: datetime) -> None:
        rows = [
            ReplyRow(self._channel, self._keys.token(event.phone), mask_phones(event.text),
                     classify_reply(event.text, self._words, self._keywords), to_us(event.received_at), to_us(now))
            for event in events
        ]  # fmt: skip
        append_events(connection, rows)
        stops = [stop for row in rows if (stop := _stop_for(row)) is not None]
        suppress(connection, stops)
        self._opt_outs += sum(stop.reason == "opt_out" for stop in stops)
        self._complaints += sum(stop.reason == "complaint" for stop in stops)


def _stop_for(row: ReplyRow) -> Suppression | None:
    source = f"reply:{row.channel}"
    if row.kind == OPT_OUT:
        return Suppression(row.token, "marketing", "opt_out", source, row.replied_us, row.received_us)
    if row.kind == COMPLAINT:
        return Suppression(row.token, "all", "complaint", source, row.replied_us, row.received_us)
    return None
