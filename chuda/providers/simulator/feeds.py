"""Receipts, replies, clicks and orders: made from the fates of accepted messages, read by a cursor.

Fates are worked out when somebody first asks (acceptance stays cheap) and kept. A cursor is the place of the last
item shown: when it became visible, then its id. Nothing can appear before a place already shown: a message is
accepted no earlier than the company's present time, and whatever comes of it comes later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from pydantic_core import to_json

from chuda.clock import from_us
from chuda.providers.simulator.faults import FaultInjector
from chuda.providers.simulator.record import Event, Position, Record, Submission, provider_message_id
from chuda.providers.simulator.world import Fate, Message, World

START: Position = (0, 0)
NEVER_US = 2**62
_SUBMISSIONS_AT_ONCE = 8
# An event id is made of its submission, its place in it (12 bits) and its number among the events of a message.
_PLACE_BITS, _NUMBER_BITS = 12, 8
# The second showing of a receipt has a number that no first showing has.
_COPY_BIT = 1 << (_NUMBER_BITS - 1)


class Feeds:
    """The company's outgoing events."""

    def __init__(self, record: Record, world: World, injector: FaultInjector) -> None:
        self._record = record
        self._world = world
        self._injector = injector

    async def read(self, kind: str, after: Position, limit: int) -> list[tuple[Position, str]]:
        """Visible events of a kind after a position, each with its position; kinds as in schema.sql."""
        await self.bring_up_to_date()
        return self._record.read_events(kind, after, limit)

    async def take(self, kind: str, limit: int) -> list[str]:
        """The next visible events of a kind, each handed out once."""
        await self.bring_up_to_date()
        return self._record.take_events(kind, limit)

    async def bring_up_to_date(self) -> None:
        """Work out the fates of all that was accepted so far, a little at a time so that acceptance goes on."""
        self._record.flush()
        while submissions := self._record.submissions_without_fate(_SUBMISSIONS_AT_ONCE):
            faults: list[tuple[str, str]] = []
            events = [event for submission in submissions for event in self._events(submission, faults)]
            self._record.add_events(events, faults, submissions[-1].submission_id)
            await asyncio.sleep(0)

    def _events(self, submission: Submission, faults: list[tuple[str, str]]) -> Iterator[Event]:
        for place, (message_id, phone, text, message_type, parts) in enumerate(submission.messages):
            fate = self._world.fate(Message(message_id, phone, text, message_type, submission.accepted_at_us))
            first_id = ((submission.submission_id << _PLACE_BITS) | place) << _NUMBER_BITS
            number = provider_message_id(submission.submission_id, place)
            for offset, (kind, at_us, item) in enumerate(_items(fate, message_id, number, phone, parts)):
                shown = to_json(item).decode()
                event = Event(kind, (at_us, first_id + offset), submission.submission_id, at_us, False, shown)
                yield from self._troubled(event, message_id, faults) if kind == "receipt" else (event,)

    def _troubled(self, receipt: Event, message_id: str, faults: list[tuple[str, str]]) -> Iterator[Event]:
        trouble = self._injector.choose_for_receipt(message_id)
        if not trouble.kinds:
            yield receipt
            return
        at_us, event_id = receipt.position
        faults.extend((kind, message_id) for kind in trouble.kinds)
        yield receipt._replace(position=(NEVER_US if trouble.is_lost else at_us + trouble.delay_us, event_id))
        if trouble.copy_delay_us is not None:
            shown_us = at_us + trouble.delay_us + trouble.copy_delay_us
            yield receipt._replace(position=(shown_us, event_id | _COPY_BIT), is_copy=True)


def _items(
    fate: Fate, message_id: str, number: str, phone: str, parts: int
) -> Iterator[tuple[str, int, dict[str, Any]]]:
    if fate.receipt is not None:
        receipt = fate.receipt
        yield "receipt", receipt.at_us, {
            "message_id": message_id, "provider_message_id": number, "phone": phone, "status": receipt.status,
            "code": receipt.code, "reported_at": iso(receipt.at_us), "parts": parts,
            **({} if receipt.attempts is None else {"attempts": receipt.attempts}),
        }  # fmt: skip
    for reply in fate.replies:
        yield "reply", reply.at_us, {"phone": phone, "text": reply.text, "received_at": iso(reply.at_us)}
    for click in fate.clicks:
        yield "click", click.at_us, {
            "message_id": message_id, "phone": phone, "link": click.link, "clicked_at": iso(click.at_us),
            "user_agent": click.user_agent,
        }  # fmt: skip
    for order in fate.orders:
        yield "order", order.at_us, {
            "order_id": order.order_id, "phone": phone, "paid_at": iso(order.at_us), "amount": str(order.amount),
            "discount": str(order.discount), "product": order.product,
        }  # fmt: skip


def iso(moment_us: int) -> str:
    """A time as the company writes it: ISO 8601 in Asia/Shanghai, always with microseconds."""
    return from_us(moment_us).isoformat(timespec="microseconds")
