"""What a phone number looks like when it may be seen, and how to find one that should not be there."""

from __future__ import annotations

import re

_MAINLAND = re.compile(r"(?<![0-9A-Za-z])(?:\+?86[- ]?)?(1[3-9]\d)[- ]?(\d{4})[- ]?(\d{4})(?![0-9A-Za-z])")


def mask(phone: str) -> str:
    """`13800130001` -> `138****0001`; anything shorter or longer keeps its first three and last four characters."""
    return f"{phone[:3]}****{phone[-4:]}" if len(phone) >= 9 else "****"


def mask_in_text(text: str) -> str:
    """The text with every mainland mobile number in it masked."""
    return _MAINLAND.sub(r"\1****\3", text)
