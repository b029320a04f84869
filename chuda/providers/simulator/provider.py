"""The company itself, the same behind every protocol: what it accepts, what it knows, what it bills."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Literal, NamedTuple

from chuda.clock import BUSINESS_ZONE, from_us, to_us
from chuda.providers.simulator.carriers import count_parts
from chuda.providers.simulator.faults import FaultInjector
from chuda.providers.simulator.feeds import Feeds
from chuda.providers.simulator.misconduct import Misconduct
from chuda.providers.simulator.profile import Limits, Profile
from chuda.providers.simulator.record import AcceptedMessage, Record, Submission, Totals, provider_message_id
from chuda.providers.simulator.rules import IncomingMessage, Rules
from chuda.providers.simulator.world import SECOND, Message, World


class Answer(NamedTuple):
    """What the company says of one message at once; `code` is OK or why not."""

    message_id: str
    code: str
    provider_message_id: str
    parts: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What the company knows of an accepted message by now."""

    message_id: str
    provider_message_id: str
    status: Literal["accepted", "delivered", "failed"]
    code: str
    parts: int
    accepted_at_us: int


@dataclass(frozen=True, slots=True)
class BillLine:
    """One message as the company charges it."""

    message_id: str
    phone: str = field(repr=False)
    status: str
    parts: int
    accepted_at_us: int


class TooFast(Exception):
    """More than the limits allow; `retry_after_s` whole seconds until there is room again."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"above the limit; again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class BatchTooLarge(Exception):
    """A request names more messages than one may, or none."""


class RateLimiter:
    """Counts requests and parts over the last second of the company's clock."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._recent: deque[tuple[int, int]] = deque()
        self._parts = 0

    def admit(self, now_us: int, parts: int) -> None:
        """Count a request.

        Raises:
            TooFast: it would go over a limit; it is not counted.
        """
        limits = self.limits
        if limits.requests_per_second is None and limits.parts_per_second is None:
            return
        while self._recent and self._recent[0][0] <= now_us - SECOND:
            self._parts -= self._recent.popleft()[1]
        if len(self._recent) + 1 > (limits.requests_per_second or math.inf) or self._parts + parts > (
            limits.parts_per_second or math.inf
        ):
            oldest_us = self._recent[0][0] if self._recent else now_us
            raise TooFast(max(1, math.ceil((oldest_us + SECOND - now_us) / SECOND)))
        self._recent.append((now_us, parts))
        self._parts += parts


class SimulatedProvider:
    """One company with one customer."""

    def __init__(self, record: Record, world: World, rules: Rules, profile: Profile, injector: FaultInjector) -> None:
        self.profile = profile
        self.injector = injector
        self.feeds = Feeds(record, world, injector)
        self.limiter = RateLimiter(profile.limits)
        self.record = record
        self._world = world
        self._misconduct = Misconduct(profile.world.conduct)
        self._rules = rules

    async def accept(
        self, batch_id: str, messages: Sequence[IncomingMessage], most: int | None = None, all_or_none: bool = False
    ) -> list[Answer]:
        """Judge every message, record the good ones, answer for all in their order.

        Args:
            batch_id: what the client calls the request.
            messages: the request.
            most: the largest request, where it is not the profile's.
            all_or_none: one bad message refuses all; whoever is on the blacklist is told by a receipt.

        Raises:
            BatchTooLarge: nothing was looked at.
            TooFast: nothing was recorded.
            sqlite3.Error: nothing was recorded.
        """
        if not 0 < len(messages) <= (most or self.profile.max_batch):
            raise BatchTooLarge
        now_us = self.record.now_us()
        codes, accepted = self._judge(messages, now_us, tolerated="MOBILE_IN_BLACK" if all_or_none else "OK")
        if all_or_none and len(accepted) < len(messages):
            return [Answer(message.message_id, code, "", 0) for message, code in zip(messages, codes, strict=True)]
        self.limiter.admit(now_us, sum(message[4] for message in accepted))
        if not accepted:
            return _answers(messages, codes, accepted, 0)
        # Nothing is awaited before this: what a definitive query did not see cannot slip in behind it.
        submission_id, committed = self.record.submit(batch_id, accepted)
        answers = _answers(messages, codes, accepted, submission_id)
        await committed
        return answers

    def _judge(
        self, messages: Sequence[IncomingMessage], now_us: int, tolerated: str
    ) -> tuple[list[str], list[AcceptedMessage]]:
        from_hour, to_hour = self.profile.marketing_hours
        is_open = from_hour <= from_us(now_us).hour < to_hour
        credit = int(self.profile.balance / self.profile.price_per_part) - self.record.parts_accepted
        codes, accepted = [], []
        for message in messages:
            code = self._rules.refusal(message, is_open)
            if code in ("OK", tolerated):
                code = "OK"
                parts = count_parts(message.text, message.phone)
                if credit >= parts:
                    credit -= parts
                    accepted.append((message.message_id, message.phone, message.text, message.type, parts))
                else:
                    code = "AMOUNT_NOT_ENOUGH"
            codes.append(code)
        return codes, accepted

    def find(self, batch_id: str) -> list[Standing]:
        """What the company has of a batch: every acceptance, in order.

        With a definitive query, requests for the batch that still wait inside are thrown away first, so that what is
        absent from the answer stays absent until it is sent again.
        """
        query = self.profile.query
        if query.definitive:
            self.injector.void(batch_id)
        latest_us = self.record.now_us() - int(query.lag_seconds * SECOND)
        submissions = [found for found in self.record.find_batch(batch_id) if found.accepted_at_us <= latest_us]
        return [standing for submission in submissions for standing in self._stand(submission)]

    def _stand(self, submission: Submission) -> list[Standing]:
        now_us, standings = self.record.now_us(), []
        for place, (message_id, phone, text, message_type, parts) in enumerate(submission.messages):
            receipt = self._world.fate(
                Message(message_id, phone, text, message_type, submission.accepted_at_us)
            ).receipt
            if receipt is not None and receipt.at_us > now_us:
                receipt = None
            number = provider_message_id(submission.submission_id, place)
            status = receipt.status if receipt else "accepted"
            code = receipt.code if receipt else "OK"
            standings.append(Standing(message_id, number, status, code, parts, submission.accepted_at_us))
        return standings

    def find_phone(self, phone: str, from_us: int, to_us: int) -> list[tuple[str, str, Standing]]:
        """What a phone was sent in [from_us, to_us): batch, text and standing, as far as the query sees it by now."""
        latest_us = self.record.now_us() - int(self.profile.query.lag_seconds * SECOND)
        found = self.record.find_phone(phone, from_us, min(to_us, latest_us + 1))
        return [
            (submission.batch_id, message[2], standing)
            for submission in found
            for message, standing in zip(submission.messages, self._stand(submission), strict=True)
            if message[1] == phone
        ]

    def balance(self) -> Decimal:
        """Credit left in CNY; every accepted part is charged."""
        return self.profile.balance - self.profile.price_per_part * self.record.parts_accepted

    async def totals(self, day: date) -> Totals:
        """Figures of what was accepted on a day (Asia/Shanghai), as known by now."""
        await self.feeds.bring_up_to_date()
        start = datetime.combine(day, time(), tzinfo=BUSINESS_ZONE)
        totals = self.record.total(to_us(start), to_us(start + timedelta(days=1)))
        if self._misconduct.is_good and self.profile.billing == "submitted":
            return totals
        lines = self.bill(day)
        billed = sum(line.parts for line in lines)
        return replace(totals, parts=billed, delivered_parts=sum(x.parts for x in lines if x.status == "delivered"))

    def bill(self, day: date) -> list[BillLine]:
        """Every message of a day (Asia/Shanghai) with the parts it is charged for, as this company writes its bill."""
        start = datetime.combine(day, time(), tzinfo=BUSINESS_ZONE)
        is_by_delivery = self.profile.billing == "delivered"
        lines = []
        for submission in self.record.find_between(to_us(start), to_us(start + timedelta(days=1))):
            standings = self._stand(submission)
            for (message_id, phone, *_), standing in zip(submission.messages, standings, strict=True):
                draw = self._world.draws("bill", message_id)[:2]
                parts = self._misconduct.billed_parts(
                    standing.parts, standing.status == "delivered", is_by_delivery, (draw[0], draw[1])
                )
                if parts:
                    lines.append(BillLine(message_id, phone, standing.status, parts, submission.accepted_at_us))
        return lines


def _answers(
    messages: Sequence[IncomingMessage], codes: Sequence[str], accepted: Sequence[AcceptedMessage], submission_id: int
) -> list[Answer]:
    good = [
        Answer(message[0], "OK", provider_message_id(submission_id, place), message[4])
        for place, message in enumerate(accepted)
    ]
    if len(good) == len(messages):
        return good
    taken = iter(good)
    return [
        next(taken) if code == "OK" else Answer(message.message_id, code, "", 0)
        for message, code in zip(messages, codes, strict=True)
    ]
