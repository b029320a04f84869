"""Asking for receipts by number, where a provider only pushes them and a push may have been lost.

A push that was lost stays lost (it is repeated for a quarter of an hour only), so whoever is silent for an hour is
asked about until the 72 hours are over, some batches at a time, in turn.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from chuda.clock import from_us, to_us
from chuda.providers.protocol import SilentMessage, TellsByNumber
from chuda.stores.ledger.feedback import Silent, move_cursor, read_cursor, silent_messages
from chuda.stores.ledger.queue import keep_pushed
from chuda.workspace import Workspace
from tasks.feedback.intake import make_page
from tasks.feedback.items import RECEIPTS

SILENT_FOR = timedelta(hours=1)
GIVEN_UP_AFTER = timedelta(hours=72)
BATCHES_AT_ONCE = 20
"""Of at most 100 messages each: 2,000 queries, of 5,000 a second that the account has for everything."""
_TURN = "silent"


async def ask_about_silent(
    workspace: Workspace, provider: TellsByNumber, channel: str, batches: int = BATCHES_AT_ONCE
) -> int:
    """Ask about the next silent messages of a channel and queue what is told; returns how many receipts that were.

    Raises:
        ProviderTrouble: the provider did not answer; the same are asked about next time.
    """
    now = workspace.clock.now()
    with workspace.ledger.read() as connection:
        after = read_cursor(connection, channel, _TURN)
        span = (to_us(now - GIVEN_UP_AFTER), to_us(now - SILENT_FOR))
        silent, go_on_after = silent_messages(connection, channel, *span, after, batches)
    told = await provider.ask_receipts(_with_numbers(workspace, silent)) if silent else ()
    page, rejects = make_page(workspace.keys, channel, RECEIPTS, told, (), now)
    with workspace.ledger.write() as connection:
        if told:
            keep_pushed(connection, page, rejects)
        move_cursor(connection, channel, _TURN, go_on_after, to_us(now))
    return len(told)


def _with_numbers(workspace: Workspace, silent: list[Silent]) -> list[SilentMessage]:
    """The messages with their people's numbers; nobody asks about those who were erased."""
    tokens = pl.Series("token", sorted({one.token for one in silent}), dtype=pl.String)
    phones = dict(workspace.vault.read(tokens).select("token", "phone").iter_rows())
    return [
        SilentMessage(f"{one.batch_id}.{one.position}", one.batch_id, phones[one.token], from_us(one.sent_us))
        for one in silent
        if one.token in phones
    ]
