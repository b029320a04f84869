"""The writer of the push receiver: one thread's worth of work on the ledger, many pushes in one commit.

A push is answered when the commit that holds it is done. Between commits the pages are made into events, so that an
opt-out is in force a moment after it was answered.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from chuda.errors import ChudaError
from chuda.stores.ledger import Ledger
from chuda.stores.ledger.queue import QueuedPage, Reject, append_rejects, keep_pushed
from tasks.feedback.items import join_items
from tasks.feedback.processing import PAGES_AT_ONCE, Processor

MOST_WAITING = 10_000
_MOST_MERGED = 500
_PAUSE_AFTER_TROUBLE_S = 1.0


@dataclass(slots=True)
class _Waiting:
    page: QueuedPage | None
    rejects: Sequence[Reject]
    kept: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class DurableWriter:
    """Keeps pushed pages and processes them; `run` until cancelled. Once that has ended nothing is taken any more."""

    def __init__(self, ledger: Ledger, processor: Processor, pause_s: float = _PAUSE_AFTER_TROUBLE_S) -> None:
        self._ledger = ledger
        self._processor = processor
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue(MOST_WAITING)
        self._pause_s = pause_s
        self._has_ended = False

    async def keep(self, page: QueuedPage | None, rejects: Sequence[Reject]) -> None:
        """Return when the page and its rejects are on disk.

        Raises:
            ChudaError: the ledger did not take them, or the writer has ended; whoever pushed has to repeat.
            asyncio.QueueFull: too much waits already; likewise.
        """
        if self._has_ended:
            raise _ended()
        waiting = _Waiting(page, rejects)
        self._queue.put_nowait(waiting)
        await waiting.kept

    async def run(self) -> None:
        """Commit what waits, then process some of what was committed, for ever; whoever waits at its end hears so."""
        has_more = True  # an earlier process may have left some; if the ledger is away that is found out in the loop
        try:
            while True:
                batch = [] if has_more and self._queue.empty() else [await self._queue.get()]
                batch += self._take_all()
                if batch:
                    await self._commit(batch)
                has_more = await self._process_some()
        finally:
            self._has_ended = True
            _settle(self._take_all(), _ended())

    def _take_all(self) -> list[_Waiting]:
        return [self._queue.get_nowait() for _ in range(self._queue.qsize())]

    async def _commit(self, batch: Sequence[_Waiting]) -> None:
        try:
            await asyncio.to_thread(self._write, batch)
        except Exception as error:
            trouble = error if isinstance(error, ChudaError) else ChudaError(f"unforeseen {type(error).__name__}")
            _settle(batch, trouble)
        except BaseException:
            _settle(batch, _ended())
            raise
        else:
            _settle(batch, None)

    def _write(self, batch: Sequence[_Waiting]) -> None:
        with self._ledger.write() as connection:
            for waiting in batch:
                if waiting.page is None:
                    append_rejects(connection, waiting.rejects)
                elif waiting.page.fingerprint is not None:
                    keep_pushed(connection, waiting.page, waiting.rejects)
            taps = [waiting.page for waiting in batch if waiting.page and waiting.page.fingerprint is None]
            for page in _merge(taps):
                keep_pushed(connection, page, ())

    async def _process_some(self) -> bool:
        """Process the next pages; returns whether more wait."""
        try:
            # While pushes wait for their answer, replies go on and receipts have time.
            is_busy = not self._queue.empty()
            waiting = await asyncio.to_thread(self._processor.waiting, is_busy)
            if waiting:
                await asyncio.to_thread(self._processor.process_pages, waiting[:PAGES_AT_ONCE])
            return is_busy or len(waiting) > PAGES_AT_ONCE
        except Exception as error:
            # The ledger is locked or gone: what is kept stays kept, and pushes are refused until it is back. Nothing
            # else may end the writer either, since it is the only one.
            if not isinstance(error, ChudaError):
                logging.getLogger(__name__).warning("pages wait: unforeseen %s", type(error).__name__)
            await asyncio.sleep(self._pause_s)
            return True


def _merge(pages: Sequence[QueuedPage]) -> list[QueuedPage]:
    """One page for the taps of a channel that came at the same time: what a page costs is shared by all of them."""
    merged: dict[tuple[str, str, int], list[QueuedPage]] = {}
    for number, page in enumerate(pages):
        merged.setdefault((page.channel, page.feed, number // _MOST_MERGED), []).append(page)
    return [
        QueuedPage(channel, feed, join_items([page.items for page in same]), sum(page.size for page in same),
                   min(page.received_us for page in same))
        for (channel, feed, _), same in merged.items()
    ]  # fmt: skip


def _ended() -> ChudaError:
    return ChudaError("the receiver is ending; push again")


def _settle(batch: Sequence[_Waiting], trouble: ChudaError | None) -> None:
    for waiting in batch:
        if waiting.kept.done():
            continue  # whoever pushed has hung up
        if trouble is None:
            waiting.kept.set_result(None)
        else:
            waiting.kept.set_exception(trouble)
