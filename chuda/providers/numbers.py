"""Phone numbers as the providers write them. Ours: 11 digits in the mainland, E.164 with its plus elsewhere."""

from __future__ import annotations


def to_aliyun(phone: str) -> str:
    """11 digits as they are; overseas the country code without plus."""
    return phone.removeprefix("+")


def from_aliyun(number: str) -> str:
    """Back to ours; a mainland number may come with 86 in front."""
    return from_e164(number if number.startswith("+") or is_mainland(number) else f"+{number}")


def to_e164(phone: str) -> str:
    """`13800138000` -> `+8613800138000`."""
    return phone if phone.startswith("+") else f"+86{phone}"


def from_e164(number: str) -> str:
    """`+8613800138000` -> `13800138000`; others keep their plus."""
    own = number.removeprefix("+86")
    return own if is_mainland(own) else number


def is_mainland(number: str) -> bool:
    """Whether it is 11 digits that begin with 1."""
    return len(number) == 11 and number.isdigit() and number.startswith("1")
