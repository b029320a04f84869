"""What a provider is to the rest of Chuda: send a request, ask about it, hand over its events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Generic, Literal, Protocol, TypeVar, runtime_checkable

Event = TypeVar("Event")
RequestState = Literal["accepted", "rejected", "not_sent", "unknown"]


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """One message of a request; `message_id` is ours: `<batch_id>.<position>`."""

    message_id: str
    phone: str = field(repr=False)
    text: str = field(repr=False)
    message_type: str = "marketing"


@dataclass(frozen=True, slots=True)
class MessageResult:
    """What the provider said of one message.

    `defer_s` belongs to "not_sent": the person may be tried again after so many seconds, others at once.
    """

    state: RequestState
    code: str = ""
    defer_s: float = 0.0


@dataclass(frozen=True, slots=True)
class SendResult:
    """What came of a request: `default` for members not named in `results`.

    `retry_after_s` is the pause the provider asked for; `stop` names why the channel cannot be used at all now
    (wrong credentials, no credit), None otherwise.
    """

    default: MessageResult
    results: Mapping[str, MessageResult] = field(default_factory=dict)
    retry_after_s: float = 0.0
    stop: str | None = None

    @property
    def is_limited(self) -> bool:
        """Whether a limit, of the channel or of a person, kept messages back: the provider is well."""
        return bool(self.retry_after_s or self.default.defer_s or any(r.defer_s for r in self.results.values()))


@dataclass(frozen=True, slots=True)
class ReceiptEvent:
    """The fate of one message as the network reported it.

    Providers that echo only the request leave `message_id` empty: it is the message to `phone` in `batch_id`. Where
    both are empty the provider echoed nothing, and only phone and time are left to go by. `reported_at` is None where
    the provider told no readable time, `parts` 0 where it told none.
    """

    message_id: str
    phone: str = field(repr=False)
    status: Literal["delivered", "failed"]
    code: str
    parts: int
    reported_at: datetime | None
    batch_id: str = ""
    attempts: int | None = None  # how often the provider tried, where it tells; more than one is a resend


@dataclass(frozen=True, slots=True)
class ReplyEvent:
    """A text somebody sent back; `received_at` is None where the provider told no readable time."""

    phone: str = field(repr=False)
    text: str = field(repr=False)
    received_at: datetime | None


@dataclass(frozen=True, slots=True)
class ClickEvent:
    """Somebody, or a program that looks at links (see its `user_agent`), followed the link of a message."""

    message_id: str
    phone: str = field(repr=False)
    link: str = field(repr=False)
    clicked_at: datetime | None
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class UnreadableItem:
    """An item of a feed that is no event: why, and what stood there with numbers masked."""

    reason: str
    item: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Page(Generic[Event]):
    """Events after a cursor; `cursor` is where to go on, `more` whether to ask again at once.

    One bad item never costs its page: it is among `unreadable`. A queue that forgets what it handed over (Tencent's)
    has no place to go on from: its `cursor` is empty, and whoever asked keeps the page before asking again.
    """

    items: Sequence[Event]
    cursor: str
    more: bool
    unreadable: Sequence[UnreadableItem] = ()


@dataclass(frozen=True, slots=True)
class DailyTotals:
    """The provider's own figures of one day (Asia/Shanghai); None is what it does not tell."""

    day: date
    parts: int
    delivered: int
    failed: int
    messages: int | None = None
    delivered_parts: int | None = None


@runtime_checkable
class TellsBalance(Protocol):
    """A provider that tells how much credit is left."""

    async def balance(self) -> Decimal:
        """Credit left in CNY."""


@dataclass(frozen=True, slots=True)
class SilentMessage:
    """A message that was accepted and of which nothing has been heard since `sent_at`."""

    message_id: str
    batch_id: str
    phone: str = field(repr=False)
    sent_at: datetime


@runtime_checkable
class TellsByNumber(Protocol):
    """A provider without a feed of receipts, that tells what became of a message when asked by its number."""

    async def ask_receipts(self, messages: Sequence[SilentMessage]) -> Sequence[ReceiptEvent]:
        """The receipts of those of the messages that have one by now.

        Raises:
            ProviderTrouble: it did not answer; asking again is safe.
        """


class Provider(Protocol):
    """One account at one provider, spoken to over the network; every request ends within a deadline."""

    async def send(self, batch_id: str, messages: Sequence[OutgoingMessage]) -> SendResult:
        """Make one request; never raises for trouble on the way, never repeats by itself."""

    async def find(
        self, batch_id: str, messages: Sequence[OutgoingMessage], since: datetime
    ) -> Mapping[str, MessageResult]:
        """What the provider has of a batch, by message id; what it does not name it does not have (yet).

        Args:
            batch_id: the batch.
            messages: its members that are in question.
            since: when the request left.

        Raises:
            ProviderTrouble: it did not answer; asking again is safe.
        """

    async def receipts(self, cursor: str) -> Page[ReceiptEvent]:
        """Receipts after `cursor` (empty at first)."""

    async def replies(self, cursor: str) -> Page[ReplyEvent]:
        """Replies after `cursor`."""

    async def clicks(self, cursor: str) -> Page[ClickEvent]:
        """Clicks after `cursor`, where the channel tracks them."""

    async def statistics(self, day: date) -> DailyTotals:
        """What the provider counted on a day, as known by now."""

    async def close(self) -> None:
        """Give back the connections."""
