"""Which messages the company refuses at once, and by what code."""

from __future__ import annotations

from dataclasses import dataclass, field
from zlib import crc32

from chuda.providers.simulator.carriers import NUMBER
from chuda.providers.simulator.profile import Profile

MESSAGE_TYPES = frozenset(("marketing", "notification", "otp", "test"))
_LONGEST_TEXT = 500


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """One message of a request, as every protocol is translated to."""

    message_id: str
    phone: str = field(repr=False)
    text: str = field(repr=False)
    type: str


class Rules:
    """The company's rules about single messages; called for every message, so kept lean."""

    def __init__(self, profile: Profile, seed: int) -> None:
        self._is_number = NUMBER.fullmatch
        self._requires_signature = profile.requires_signature
        self._blocked_words = profile.blocked_words
        self._blacklist = frozenset(profile.blacklist)
        # A checksum instead of the world's hash: ten times faster, and all it has to do is to pick a few numbers.
        self._blacklist_below = int(profile.blacklisted_share * 2**32)
        self._salt = crc32(str(seed).encode())

    def refusal(self, message: IncomingMessage, is_marketing_time: bool) -> str:
        """OK, or the code by which the message is refused."""
        phone, text = message.phone, message.text
        if not self._is_number(phone):
            return "INVALID_NUMBER"
        if message.type not in MESSAGE_TYPES:
            return "INVALID_TYPE"
        if len(text) > _LONGEST_TEXT or not text.strip():
            return "CONTENT_ERROR"
        if self._requires_signature and not (text[0] == "【" or text[-1] == "】"):
            return "SIGNBLOCKED"
        for word in self._blocked_words:
            if word in text:
                return "CONTENT_KEYWORD"
        if not is_marketing_time and message.type == "marketing":
            return "1029"
        return "MOBILE_IN_BLACK" if self._is_blacklisted(phone) else "OK"

    def _is_blacklisted(self, phone: str) -> bool:
        return crc32(phone.encode(), self._salt) < self._blacklist_below or phone in self._blacklist
