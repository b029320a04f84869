"""Asking providers: their figures of a day, and the credit that is left."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from chuda.clock import Clock
from chuda.providers.opening import open_provider
from chuda.providers.protocol import DailyTotals, TellsBalance
from chuda.records.channel import ChannelRecord


def ask_totals(
    record: ChannelRecord, days: Sequence[date], credentials: Mapping[str, str], clock: Clock
) -> list[DailyTotals]:
    """The provider's figures of some days.

    Raises:
        ProviderTrouble: it did not answer; nothing is lost by asking again.
        UsageError: a credential is not set.
    """

    async def ask() -> list[DailyTotals]:
        provider = open_provider(record, credentials, clock=clock)
        try:
            return [await provider.statistics(day) for day in days]
        finally:
            await provider.close()

    return asyncio.run(ask())


def ask_balance(record: ChannelRecord, credentials: Mapping[str, str], clock: Clock) -> Decimal | None:
    """The credit left in CNY; None where the provider does not tell by this protocol.

    Raises:
        ProviderTrouble: it did not answer.
        UsageError: a credential is not set.
    """

    async def ask() -> Decimal | None:
        provider = open_provider(record, credentials, clock=clock)
        try:
            return await provider.balance() if isinstance(provider, TellsBalance) else None
        finally:
            await provider.close()

    return asyncio.run(ask())
