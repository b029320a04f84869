"""From a template's name to a message that leaves: what the command and other programs call.

    async with open_notifier("otp") as notifier:
        result = await notifier.notify("13800138000", "account/login_code", {"code": "402817", "minutes": "5"})

A web server keeps one open; `notify` is the same for a single message.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from chuda.clock import Clock
from chuda.errors import ChudaError, Refused, UsageError
from chuda.keys import load_keys
from chuda.phones import canonical_phone
from chuda.providers.opening import open_provider
from chuda.records.business import BusinessRecord, load_business
from chuda.records.channel import ChannelRecord, load_channel
from chuda.settings import Settings, environment, read_settings
from chuda.stores.ledger import open_clock, open_ledger, open_ledger_to_read
from tasks.content.checks import check_text
from tasks.content.context import ContentContext, ContentReference, load_content_reference
from tasks.content.lexicon import MessageType
from tasks.content.parts import HARD_MAX_UNITS, count_parts
from tasks.content.scenarios import LIBRARY_FOLDER, Scenario, load_trade
from tasks.content.templates import render_one
from tasks.dispatch.notify import NoticeResult, NoticeText, Notifier
from tasks.dispatch.worker import check_sendable


@dataclass(frozen=True, slots=True)
class Wording:
    """What texts are made of and checked against, read once."""

    settings: Settings
    business: BusinessRecord
    reference: ContentReference
    library: dict[str, Scenario]

    def compose(
        self, record: ChannelRecord, message_type: MessageType, template: str, values: Mapping[str, str], now: datetime
    ) -> NoticeText:
        """The checked text of a template with these values.

        Raises:
            UsageError: no such template, one of another type, or a value is missing.
            Refused: the text fails a content check.
        """
        scenario = self._find(template)
        if scenario.message_type != message_type:
            raise UsageError(f"template {template} is of type {scenario.message_type}, not {message_type}")
        context = self._context(record, scenario, now)
        signature = next((name for name in self.business.signatures if name in context.signatures), None)
        if signature is None:
            raise Refused(f"none of the business's signatures is filed with channel {record.name}; see its record")
        filled = scenario.texts["zh-Hans"].bind({"signature": signature})
        text = render_one(filled, values)
        if text is None:
            missing = ", ".join(name for name in filled.variables if name not in values and name != "salutation")
            raise UsageError(f"template {template} needs values for {missing}: --set name=value")
        blocking = [finding for finding in check_text(text, context) if finding.severity == "block"]
        if blocking:
            raise Refused("\n".join(f"{f.rule}: {f.message(self.settings.lang)}" for f in blocking))
        return NoticeText(text, count_parts(text), template, message_type)

    def _find(self, template: str) -> Scenario:
        trade = template.partition("/")[0]
        path = self.settings.reference / LIBRARY_FOLDER / f"{trade}.yaml"
        if template not in self.library and trade.isidentifier() and path.is_file():
            self.library.update({scenario.id: scenario for scenario in load_trade(path)})
        if template not in self.library:
            raise UsageError(f"there is no template {template}; the library in {path.parent} names them trade/name")
        return self.library[template]

    def _context(self, record: ChannelRecord, scenario: Scenario, now: datetime) -> ContentContext:
        business = self.business
        names = business.allowed_signatures & frozenset(record.signatures or business.allowed_signatures)
        authorised = frozenset(a.trade for a in business.authorisations if business.is_authorised(a.trade, now.date()))
        return ContentContext(
            reference=self.reference, signatures=tuple(sorted(names)), message_type=scenario.message_type,
            trade=scenario.trade, authorisations=authorised, variables_allowed=True, links=record.links,
            filed_links=tuple(record.filed_links), max_units=HARD_MAX_UNITS,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class OpenNotifier:
    """An open channel for one type of transactional message."""

    notifier: Notifier
    wording: Wording
    record: ChannelRecord
    message_type: MessageType
    clock: Clock

    async def notify(self, phone: str, template: str, values: Mapping[str, str] | None = None) -> NoticeResult:
        """Send one message; safe to call many at once.

        Raises:
            UsageError: no number, no such template, a missing value.
            Refused: a rule, a limit or a check says no.
            ProviderTrouble: the channel has no room now; nothing was started.
        """
        number = canonical_phone(phone)
        if number is None:
            raise UsageError("that is not one mobile number; write 11 digits, or +852, +853, +886 and the number")
        said = self.wording.compose(self.record, self.message_type, template, values or {}, self.clock.now())
        return await self.notifier.send(number, said)

    async def settle(self) -> Counter[str]:
        """Ask about what is unknown; see `Notifier.settle`."""
        return await self.notifier.settle()


@asynccontextmanager
async def open_notifier(
    message_type: MessageType, channel: str | None = None, settings: Settings | None = None
) -> AsyncIterator[OpenNotifier]:
    """Open the workspace's channel for a type of transactional message.

    Raises:
        UsageError: no such channel, several and none named, or no credentials.
        Refused: the channel may not be used.
    """
    settings = settings or read_settings()
    keys = load_keys(settings.keys_file, environment())
    marketing = open_ledger_to_read(settings.ledger_target, keys)
    own = open_ledger(settings.notice_ledger_target, keys, "notices")
    clock = open_clock(marketing, settings.now)
    record = _choose_channel(settings, message_type, channel)
    check_sendable(record, clock)
    provider = open_provider(record, environment(), clock=clock)
    wording = Wording(settings, _read_business(settings), load_content_reference(settings.reference), {})
    try:
        notifier = Notifier(own, marketing, keys, clock, provider, record)
        yield OpenNotifier(notifier, wording, record, message_type, clock)
    finally:
        await provider.close()
        own.close()
        marketing.close()


def notify(
    phone: str, template: str, message_type: MessageType, values: Mapping[str, str] | None = None,
    channel: str | None = None,
) -> NoticeResult:  # fmt: skip
    """Send one transactional message and wait for its outcome; raises what `OpenNotifier.notify` raises."""

    async def send() -> NoticeResult:
        async with open_notifier(message_type, channel) as opened:
            return await opened.notify(phone, template, values)

    return asyncio.run(send())


async def settle_all(settings: Settings) -> list[str]:
    """Ask every transactional channel about its unknown messages; returns what went wrong, which stops no other."""
    target = settings.notice_ledger_target
    if isinstance(target, Path) and not target.exists():
        return []
    trouble: list[str] = []
    try:
        records = _channels(settings)
    except ChudaError as error:
        return [str(error)]
    for record in records:
        kinds: list[MessageType] = [kind for kind in record.message_types if kind in ("otp", "notification")]
        try:
            if kinds:
                async with open_notifier(kinds[0], record.name, settings) as opened:
                    await opened.settle()
        except ChudaError as error:
            trouble.append(f"{record.name}: {error}")
        except Exception as error:  # an answer nobody foresaw: that channel's trouble only, and told without its data
            trouble.append(f"{record.name}: unforeseen {type(error).__name__}")
    return trouble


def _channels(settings: Settings) -> list[ChannelRecord]:
    files = sorted((settings.campaigns / "channels").glob("*.yaml"))
    return [load_channel(path, lang=settings.lang).value for path in files]


def _choose_channel(settings: Settings, message_type: MessageType, name: str | None) -> ChannelRecord:
    records = _channels(settings)
    fitting = [r for r in records if message_type in r.message_types and name in (None, r.name)]
    if len(fitting) == 1:
        return fitting[0]
    known = ", ".join(r.name for r in records if message_type in r.message_types) or "none"
    raise UsageError(f"which channel? --channel names one that carries {message_type}; there are: {known}")


def _read_business(settings: Settings) -> BusinessRecord:
    path = settings.campaigns / "business.yaml"
    if not path.exists():
        raise UsageError(f"{path} is missing: the business record says how messages are signed")
    return load_business(path, lang=settings.lang).value
