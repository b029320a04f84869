"""Transactional messages, one at a time: on their own channel and in their own ledger, ahead of all marketing.

Marketing cannot hold them up: they wait for no lock, no throttle and no connection that marketing uses. The promise is
the same: the intent is on disk before the request leaves, an unknown outcome is asked about and never sent again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

from chuda.clock import Clock, from_us, to_us
from chuda.errors import ProviderTrouble, Refused
from chuda.keys import Keys
from chuda.message_types import rules_of
from chuda.phones import mask
from chuda.providers.protocol import MessageResult, OutgoingMessage, Provider, SendResult
from chuda.records.channel import ChannelRecord
from chuda.sealing import seal_messages, unseal_messages
from chuda.stores.ledger import Connection, Ledger
from chuda.stores.ledger.feedback import reported_notices
from chuda.stores.ledger.notices import (
    Notice,
    NumberLimit,
    add_intent,
    adopt_orphan_notices,
    exceeded_limit,
    settle_notice,
    unknown_notices,
)
from chuda.stores.ledger.suppression import suppressed_among
from chuda.stores.ledger.throttle import RateLimits, Throttle
from chuda.windows import DailyWindow
from tasks.dispatch.outcomes import message_id

# What providers allow a number of a type (Aliyun's documented limits); above them they refuse.
NUMBER_LIMITS: Mapping[str, Sequence[NumberLimit]] = {
    "otp": (NumberLimit(60, 1), NumberLimit(3600, 5), NumberLimit(86_400, 10)),
    "notification": (NumberLimit(86_400, 50),),
}
LONGEST_WAIT = timedelta(seconds=3)
REQUEST_DEADLINE_S = 20.0
UNCONFIRMED_AFTER = timedelta(hours=72)
# Longer than any request takes: an intent of this age belongs to a process that died.
ORPHANED_AFTER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class NoticeText:
    """What is to be said: the text, its billable parts, and the template it came from."""

    text: str = field(repr=False)
    parts: int
    template: str
    message_type: str


@dataclass(frozen=True, slots=True)
class NoticeResult:
    """What became of a message; `state` is accepted, rejected, not_sent or unknown, `to` the masked number."""

    notice_id: str
    to: str
    state: str
    code: str
    channel: str


class Notifier:
    """Sends transactional messages through one channel; keep it open to keep its connections."""

    def __init__(
        self, own: Ledger, marketing: Ledger, keys: Keys, clock: Clock, provider: Provider, record: ChannelRecord,
        new_id: Callable[[], str] = lambda: f"n{uuid4().hex[:20]}", deadline_s: float = REQUEST_DEADLINE_S,
    ) -> None:  # fmt: skip
        self._own = own
        self._marketing = marketing
        self._keys = keys
        self._clock = clock
        self._provider = provider
        self._record = record
        self._new_id = new_id
        self._deadline_s = deadline_s

    async def send(self, phone: str, said: NoticeText) -> NoticeResult:
        """Send one message now; `phone` is canonical. Nothing is repeated by itself.

        Raises:
            Refused: the channel does not carry the type, the hour, the person's opt-out or the number's limit forbids.
            ProviderTrouble: the channel has no room now; nothing was started.
        """
        await asyncio.to_thread(self._check, phone, said)
        notice = await asyncio.to_thread(self._start, phone, said)
        await self._clock.sleep_until(from_us(notice.intent_us))
        answer = await self._ask_to_send(_message(notice.notice_id, phone, said), notice.notice_id)
        result = answer.results.get(message_id(notice.notice_id, 0), answer.default)
        await asyncio.to_thread(self._finish, notice.notice_id, result, answer)
        return NoticeResult(notice.notice_id, mask(phone), result.state, answer.stop or result.code, self._record.name)

    async def settle(self) -> Counter[str]:
        """Settle what a receipt came for, ask about what else is unknown, close what has been for 72 h.

        Returns how many ended in which state.

        Raises:
            ProviderTrouble: the provider did not answer; asking again is safe.
        """
        now = self._clock.now()
        ripe_us = to_us(now - timedelta(seconds=self._record.query_grace_seconds))
        with self._own.write() as connection:
            adopt_orphan_notices(connection, to_us(now - ORPHANED_AFTER), to_us(now))
            unknown = unknown_notices(connection, self._record.name, to_us(now) + 1)
        with self._marketing.read() as connection:
            reported = reported_notices(connection, [notice.notice_id for notice in unknown])
        counts: Counter[str] = Counter()
        for notice in unknown:
            is_reported = (notice.notice_id, notice.token) in reported
            if not is_reported and notice.intent_us >= ripe_us:
                continue
            # Whether it arrived or not: somebody who reports on a message has taken it.
            state, code = ("accepted", "receipt") if is_reported else await self._ask(notice)
            if state == "unknown" and from_us(notice.intent_us) < now - UNCONFIRMED_AFTER:
                state = "unconfirmed"
            with self._own.write() as connection:
                settle_notice(connection, notice.notice_id, state, code, to_us(self._clock.now()))
            counts[state] += 1
        return counts

    async def _ask_to_send(self, message: OutgoingMessage, notice_id: str) -> SendResult:
        # Its moment may have come only after a wait: what was open before may be closed now.
        if not self._window(message.message_type).contains(self._clock.now()):
            return SendResult(MessageResult("not_sent", "window_closed"))
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._provider.send(notice_id, [message])
        except TimeoutError:
            return SendResult(MessageResult("unknown", "deadline"))

    def _window(self, message_type: str) -> DailyWindow:
        return self._record.window.intersect(rules_of(message_type).window)

    def _check(self, phone: str, said: NoticeText) -> None:
        record, now = self._record, self._clock.now()
        if said.message_type not in record.message_types:
            raise Refused(f"channel {record.name} does not carry {said.message_type}; its record names message_types")
        window = self._window(said.message_type)
        if not window.contains(now):
            raise Refused(
                f"{said.message_type} leaves through {record.name} from {window} only; again at "
                f"{window.next_opening(now):%Y-%m-%d %H:%M}"
            )
        if rules_of(said.message_type).stopped_by:
            with self._marketing.read() as connection:
                stopped = suppressed_among(connection, [self._keys.token(phone)], said.message_type)
            if stopped:
                raise Refused(f"{mask(phone)} has opted out of all messages; only codes they ask for may be sent")

    def _start(self, phone: str, said: NoticeText) -> Notice:
        """One transaction: limits of number and account, and the intent with the moment at which it may leave."""
        notice_id = self._new_id()
        sealed = seal_messages(self._keys, notice_id, [phone], [said.text])
        with self._own.write() as connection:
            now = self._clock.now()
            store_us = self._store_us(connection, now)
            # It locks the account's row: of two messages to one number at once the second sees the first.
            throttle = Throttle(connection, self._rates(), store_us, now.date())
            self._check_number(connection, phone, said.message_type, to_us(now))
            wait_us = throttle.next_departure(store_us) - store_us
            if wait_us > LONGEST_WAIT / timedelta(microseconds=1) or not throttle.has_room_today(said.parts):
                raise ProviderTrouble(f"channel {self._record.name} is at its limit; nothing was sent, repeat later")
            throttle.book(store_us, said.parts)
            throttle.save()
            notice = Notice(notice_id, self._keys.token(phone), self._record.name, said.message_type, said.template,
                            said.parts, to_us(now) + wait_us, sealed)  # fmt: skip
            add_intent(connection, notice)
        return notice

    def _check_number(self, connection: Connection, phone: str, message_type: str, now_us: int) -> None:
        limits = NUMBER_LIMITS[message_type]
        broken = exceeded_limit(connection, self._keys.token(phone), message_type, limits, now_us)
        if broken is not None:
            limit, free_us = broken
            raise Refused(
                f"{mask(phone)} got {limit.at_most} of type {message_type} within {limit.within_s} s, which is what "
                f"providers allow a number; again at {from_us(free_us):%Y-%m-%d %H:%M:%S}"
            )

    def _rates(self) -> RateLimits:
        record = self._record
        return RateLimits(
            record.account_key, record.rate_parts_per_second, record.rate_parts_per_minute, record.rate_parts_per_day
        )

    def _finish(self, notice_id: str, result: MessageResult, answer: SendResult) -> None:
        """One transaction: the outcome, and the pause where the provider asked for one."""
        with self._own.write() as connection:
            now = self._clock.now()
            settle_notice(connection, notice_id, result.state, result.code, to_us(now))
            if answer.retry_after_s:
                store_us = self._store_us(connection, now)
                throttle = Throttle(connection, self._rates(), store_us, now.date())
                throttle.slow_down(store_us + round(answer.retry_after_s * 1e6), store_us)
                throttle.save()

    def _store_us(self, connection: Connection, now: datetime) -> int:
        return to_us(now) if self._clock.kind == "simulated" else self._own.store_now_us(connection)

    async def _ask(self, notice: Notice) -> tuple[str, str]:
        phones, texts = unseal_messages(self._keys, notice.notice_id, notice.sealed)
        message = OutgoingMessage(message_id(notice.notice_id, 0), phones[0], texts[0], notice.message_type)
        found = await self._provider.find(notice.notice_id, [message], from_us(notice.intent_us))
        if message.message_id in found:
            return found[message.message_id].state, found[message.message_id].code
        return ("not_sent" if self._record.definitive_query else "unknown"), "absent"


def _message(notice_id: str, phone: str, said: NoticeText) -> OutgoingMessage:
    return OutgoingMessage(message_id(notice_id, 0), phone, said.text, said.message_type)
