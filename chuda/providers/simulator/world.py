"""The fate of a message: a pure function of the seed, the phone and the message id (and of what was sent when).

Times are microseconds since 1970 UTC. The same question always has the same answer, in any process and any order.
The values are named tuples: one of each is made per message, and a frozen dataclass takes four times as long.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from hashlib import blake2b
from math import exp
from statistics import NormalDist
from struct import unpack
from typing import Literal, NamedTuple

from chuda.providers.simulator import people
from chuda.providers.simulator.carriers import carrier_of
from chuda.providers.simulator.misconduct import Misconduct
from chuda.providers.simulator.profile import WorldProfile

SECOND = 1_000_000
_HOUR = 3600 * SECOND
_ZONE_OFFSET = timedelta(hours=8) // timedelta.resolution  # Asia/Shanghai knows no summer time
_LINK = re.compile(r"(?:https?://)?(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}/(?:[\w/?=&%#~-]|\.(?=\w))*", re.ASCII)
_DISCOUNTED = re.compile("折|减|优惠|券")
_NORMAL = NormalDist()


class Message(NamedTuple):
    """An accepted message, as far as its fate depends on it."""

    message_id: str
    phone: str
    text: str
    message_type: str
    accepted_at_us: int


class Receipt(NamedTuple):
    """What the network reports: DELIVRD or a failure code."""

    status: Literal["delivered", "failed"]
    code: str
    at_us: int
    attempts: int | None = None  # where the company tells how often it tried


class Reply(NamedTuple):
    """A text sent back."""

    text: str
    at_us: int


class Click(NamedTuple):
    """One visit through the link of the message."""

    link: str
    user_agent: str
    at_us: int


class Order(NamedTuple):
    """A purchase after a click; `amount` is what was paid, in CNY."""

    order_id: str
    amount: Decimal
    discount: Decimal
    product: str
    at_us: int


class Fate(NamedTuple):
    """All that comes of a message; `receipt` is None where the network never reports."""

    receipt: Receipt | None
    replies: tuple[Reply, ...] = ()
    clicks: tuple[Click, ...] = ()
    orders: tuple[Order, ...] = ()


class World:
    """Networks and people, fixed by a seed and a profile."""

    def __init__(self, seed: int, profile: WorldProfile) -> None:
        self._key = str(seed).encode()[:64]
        self._profile = profile
        self._misconduct = Misconduct(profile.conduct)

    def draws(self, *names: str) -> tuple[float, ...]:
        """Sixteen independent uniform numbers in (0, 1) that belong to these names."""
        digest = blake2b("\x1f".join(names).encode(), digest_size=64, key=self._key).digest()
        return tuple([(value + 0.5) * 2.0**-32 for value in unpack("<16I", digest)])

    def chance(self, *names: str) -> float:
        """One uniform number in [0, 1) that belongs to these names; cheaper than sixteen."""
        digest = blake2b("\x1f".join(names).encode(), digest_size=6, key=self._key).digest()
        return int.from_bytes(digest) * 2.0**-48

    def fate(self, message: Message) -> Fate:
        """What becomes of an accepted message."""
        draw = self.draws(message.phone, message.message_id)
        latent = self.draws("phone", message.phone)
        cause = self._failure(message, draw[0], latent[0], latent[1], draw[1])
        if cause in people.OWN_CAUSES and message.phone in self._profile.always_on:
            cause = None
        receipt = self._receipt(message, cause, draw)
        if receipt is not None:
            receipt = self._misconduct.bend(message, receipt, draw[13:])
        if cause is not None or (receipt is not None and receipt.status == "failed"):
            return Fate(receipt)
        arrived_us = receipt.at_us if receipt else message.accepted_at_us + 5 * SECOND
        wants = self._wants(message)
        clicks = tuple(self._clicks(message, arrived_us, draw, latent[2], wants.clicks))
        orders = self._orders(message, clicks, wants.orders) if clicks else ()
        return Fate(receipt, tuple(self._replies(arrived_us, draw, wants)), clicks, orders)

    def _failure(
        self, message: Message, draw: float, latent: float, latent_cause: float, draw_cause: float
    ) -> str | None:
        failing = 1.0 - self._profile.delivery.get(carrier_of(message.phone), 0.985)
        lasting = failing * people.LASTING_SHARE
        if latent < lasting:
            cause = people.LASTING_CAUSES.pick(latent_cause)
            # The carriers' blacklists are against marketing; what a person asked for gets through.
            return None if cause == "blacklist" and message.message_type != "marketing" else cause
        passing = (failing - lasting) / (1.0 - lasting) if lasting < 1.0 else 0.0
        return people.PASSING_CAUSES.pick(draw_cause) if draw < passing else None

    def _receipt(self, message: Message, cause: str | None, draw: tuple[float, ...]) -> Receipt | None:
        if draw[2] < self._profile.never_reported:
            return None
        code = people.failure_code(cause, carrier_of(message.phone), draw[3]) if cause else "DELIVRD"
        if code == "EXPIRED":
            wait = _log_normal(draw[5], 6 * 3600, 0.8)
        elif draw[4] < 0.01 and message.phone not in self._profile.always_on:
            wait = _log_normal(draw[5], 5400, 1.0)
        else:
            wait = _log_normal(draw[5], 4, 0.8)
        at_us = message.accepted_at_us + int(min(max(wait, 0.5), 48 * 3600) * SECOND)
        return Receipt("failed" if cause else "delivered", code, at_us)

    def _wants(self, message: Message) -> _Wants:
        profile = self._profile
        clicks = orders = opt_outs = 1.0
        for effect in profile.effects:
            if effect.contains in message.text:
                clicks, orders, opt_outs = clicks * effect.clicks, orders * effect.orders, opt_outs * effect.opt_outs
        is_marketing = message.message_type == "marketing"
        if message.message_type in ("otp", "test"):
            return _Wants(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        return _Wants(
            clicks=profile.click_rate * clicks * profile.hours.get(_hour_of_day(message.accepted_at_us), 1.0),
            orders=profile.order_rate * orders,
            opt_outs=profile.opt_out_rate * opt_outs if is_marketing else 0.0,
            complaints=profile.complaint_rate if is_marketing else 0.0,
            chatter=profile.chatter_rate,
            answers=profile.answer_rate if "回复Y" in message.text else 0.0,
        )

    def _clicks(
        self, message: Message, arrived_us: int, draw: tuple[float, ...], liking: float, rate: float
    ) -> Iterator[Click]:
        # People differ: the chance is spread evenly from 0.4 to 1.6 of the rate.
        if draw[6] >= min(rate * (0.4 + 1.2 * liking), 0.95):
            return
        link = _LINK.search(message.text)
        if link is None:
            return
        agent = people.USER_AGENTS.pick(draw[7])
        first_us = arrived_us + _delay_us(draw[8], median_minutes=25)
        yield Click(link.group(), agent, first_us)
        if draw[9] < 0.15:
            yield Click(link.group(), agent, first_us + _delay_us(draw[9] / 0.15, median_minutes=90))

    def _orders(self, message: Message, clicks: tuple[Click, ...], rate: float) -> tuple[Order, ...]:
        draw = self.draws("order", message.phone, message.message_id)
        if draw[0] >= rate:
            return ()
        list_price = max(9.0, _log_normal(draw[1], self._profile.order_amount, 0.6))
        amount = Decimal(int(list_price)) + Decimal("0.90")
        off = Decimal(int(list_price * (0.1 + 0.2 * draw[2]))) if _DISCOUNTED.search(message.text) else Decimal(0)
        name = blake2b(f"{message.phone} {message.message_id}".encode(), digest_size=8, key=self._key).hexdigest()
        product = people.PRODUCTS.pick(draw[3])
        at_us = clicks[0].at_us + _delay_us(draw[4], median_minutes=45)
        return (Order(f"SO{name}", amount - off, off.quantize(Decimal("0.01")), product, at_us),)

    @staticmethod
    def _replies(arrived_us: int, draw: tuple[float, ...], wants: _Wants) -> Iterator[Reply]:
        remaining = draw[10]
        for rate, words in (
            (wants.opt_outs, people.OPT_OUTS),
            (wants.complaints, people.COMPLAINTS),
            (wants.answers, people.ANSWERS),
            (wants.chatter, people.CHATTER),
        ):
            if remaining < rate:
                yield Reply(words.pick(draw[11]), arrived_us + _delay_us(draw[12], median_minutes=6))
                return
            remaining -= rate


class _Wants(NamedTuple):
    """Chances of what one person may do with one delivered message."""

    clicks: float
    orders: float
    opt_outs: float
    complaints: float
    chatter: float
    answers: float


def _log_normal(draw: float, median: float, sigma: float) -> float:
    return median * exp(sigma * _NORMAL.inv_cdf(draw))


def _delay_us(draw: float, median_minutes: float) -> int:
    seconds = _log_normal(draw, median_minutes * 60, 1.2)
    return int(min(max(seconds, 3.0), 7 * 86400) * SECOND)


def _hour_of_day(moment_us: int) -> int:
    return (moment_us + _ZONE_OFFSET) // _HOUR % 24
