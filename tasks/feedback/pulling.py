"""Pulling what a channel has to report: every page is on disk, tokenised, before anything is made of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from chuda.clock import Clock
from chuda.keys import Keys
from chuda.providers.protocol import ClickEvent, Page, Provider, ReceiptEvent, ReplyEvent
from chuda.stores.ledger import Ledger
from chuda.stores.ledger.feedback import read_cursor
from chuda.stores.ledger.queue import keep_pulled
from tasks.feedback.intake import make_page
from tasks.feedback.items import CLICKS, RECEIPTS, REPLIES

Event = TypeVar("Event", ReceiptEvent, ReplyEvent, ClickEvent)
PAGES_AT_ONCE = 10_000
"""A feed that never ends is left for the next pull after so many pages."""


class Puller:
    """Takes the feeds of one channel into the ledger's queue; safe to repeat, and to be killed at any point."""

    def __init__(self, ledger: Ledger, keys: Keys, clock: Clock, provider: Provider, channel: str) -> None:
        self._ledger = ledger
        self._keys = keys
        self._clock = clock
        self._provider = provider
        self._channel = channel

    async def pull(self, has_clicks: bool) -> int:
        """Take everything that is there now.

        Args:
            has_clicks: whether the channel reports clicks.

        Returns:
            How many items were kept, rejects among them.

        Raises:
            ProviderTrouble: the provider did not answer; what was taken stays, the rest comes next time.
        """
        # Replies first: an opt-out must not wait behind a long queue of receipts.
        kept = await self._drain(REPLIES, self._provider.replies)
        kept += await self._drain(RECEIPTS, self._provider.receipts)
        return kept + (await self._drain(CLICKS, self._provider.clicks) if has_clicks else 0)

    async def _drain(self, feed: str, ask: Callable[[str], Awaitable[Page[Event]]]) -> int:
        taken = 0
        with self._ledger.read() as connection:
            cursor = read_cursor(connection, self._channel, feed)
        for _ in range(PAGES_AT_ONCE):
            page = await ask(cursor)
            found = len(page.items) + len(page.unreadable)
            if found or page.cursor != cursor:
                if not self._keep(feed, page, cursor):
                    return taken  # somebody else is pulling this feed and has the page
                taken += found
            # A queue without a cursor goes on as long as it hands something over.
            if not page.more or (page.cursor == cursor and (cursor or not found)):
                break
            cursor = page.cursor
        return taken

    def _keep(self, feed: str, page: Page[Event], before: str) -> bool:
        queued, rejects = make_page(
            self._keys, self._channel, feed, page.items, page.unreadable, self._clock.now()
        )  # fmt: skip
        with self._ledger.write() as connection:
            return keep_pulled(connection, queued, rejects, before, page.cursor)
