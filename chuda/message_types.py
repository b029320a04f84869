"""What binds each type of message: consent, opt-out text, suppression, window, weekly cap, channel – one table.

Whoever decides by a message's type asks here; nothing else compares type names. Source: the product's matrix "Message
types", after MIIT Order 31 (2015) arts 18–21 and the providers' rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from chuda.windows import DailyWindow

Consent = Literal["marketing", "service", "request", "test_phone"]
Scope = Literal["marketing", "all"]
ChannelType = Literal["marketing", "notification", "otp"]


@dataclass(frozen=True, slots=True)
class MessageRules:
    """The rules of one type of message.

    `consent`: on record for marketing; a service relation; the request of the moment; or a test phone on record.
    `needs_opt_out` and `channel` are None where they are those of the type that is tested. `stopped_by` are the scopes
    of suppression that stop it. `window` is the law's; the provider's and the account's are intersected with it. A
    message that `counts` uses up one of a person's weekly messages, one that is `capped` is refused above them.
    """

    consent: Consent
    needs_opt_out: bool | None
    stopped_by: tuple[Scope, ...]
    window: DailyWindow
    counts: bool
    capped: bool
    channel: ChannelType | None


_MARKETING_HOURS = DailyWindow(8 * 60, 21 * 60)
_SERVICE_HOURS = DailyWindow(8 * 60, 22 * 60)
_ANY_HOUR = DailyWindow(0, 24 * 60)  # the provider's window still applies

MESSAGE_TYPES: Mapping[str, MessageRules] = {
    "marketing": MessageRules("marketing", True, ("marketing", "all"), _MARKETING_HOURS, True, True, "marketing"),
    # A coupon that somebody asked for by replying: no cap, everything else as marketing.
    "coupon_reply": MessageRules("marketing", True, ("marketing", "all"), _MARKETING_HOURS, False, False, "marketing"),
    "notification": MessageRules("service", False, ("all",), _SERVICE_HOURS, False, False, "notification"),
    "otp": MessageRules("request", False, (), _ANY_HOUR, False, False, "otp"),
    "test": MessageRules("test_phone", None, (), _ANY_HOUR, False, False, None),
}


def rules_of(message_type: str) -> MessageRules:
    """The rules of a type of message (KeyError for one that does not exist)."""
    return MESSAGE_TYPES[message_type]


def types_where(holds: Callable[[MessageRules], bool]) -> frozenset[str]:
    """The types of message of which something holds."""
    return frozenset(name for name, rules in MESSAGE_TYPES.items() if holds(rules))


COUNTING_TYPES = types_where(lambda rules: rules.counts)
"""The types whose messages count towards the weekly cap."""
