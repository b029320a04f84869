"""Own short links: what a code is, where it stands in a text, and which addresses it may lead to.

A code is 10 characters of base62, 59.5 bits, taken from an HMAC of who gets what: nobody can guess one, and a plan made
again has the same. Ten and not eleven (65.5 bits): a character is one of 67, and eleven digits could be read as a phone
number. With ten million live codes one guess in 84 thousand million hits, and a hit is no more than one false click.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import string
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from chuda.keys import Keys

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
CODE_LENGTH = 10
CODES = len(ALPHABET) ** CODE_LENGTH
PLACEHOLDER = "0" * CODE_LENGTH
"""Stands in a text until each message has its own code; as long as one, so that units and parts are right already."""

CODE = re.compile(rf"[0-9A-Za-z]{{{CODE_LENGTH}}}", re.ASCII)


def link_identity(campaign_id: str, occurrence: str, variant: str | None) -> str:
    """What codes are derived from beside the person: the same for everybody who gets a variant of an occurrence."""
    return f"{campaign_id}\n{occurrence}\n{variant or ''}\n"


def link_key(keys: Keys) -> bytes:
    """The key of the codes, 32 bytes, derived so that no code says anything about a token."""
    return hmac.new(keys.token_key, b"short links", hashlib.sha256).digest()


def link_code(keys: Keys, identity: str, token: str, round_: int = 0, codes: int = CODES) -> str:
    """The code of one message; `round_` counts how often its code was another message's already."""
    said = f"{identity}{token}\n{round_}".encode()
    number = int.from_bytes(hmac.new(link_key(keys), said, hashlib.sha256).digest()[:8], "big") % codes
    return "".join(ALPHABET[number // len(ALPHABET) ** place % len(ALPHABET)] for place in reversed(range(CODE_LENGTH)))


def make_link(base: str, code: str) -> str:
    """The link with a code."""
    return f"{base.rstrip('/')}/{code}"


def link_pattern(base: str) -> str:
    """A regular expression for the links of a base in a text, the code as its group; for Python, RE2 and Rust."""
    return rf"{re.escape(base.rstrip('/'))}/([0-9A-Za-z]{{{CODE_LENGTH}}})"


def is_allowed_target(target: str, allowed: Iterable[str]) -> bool:
    """Whether an address is one of the allowed ones or lies below one: same scheme, host and port, no way around."""
    parts = _parts(target)
    return parts is not None and any(_is_below(parts, _parts(each)) for each in allowed)


def _parts(address: str) -> SplitResult | None:
    if not address.isascii() or not address.isprintable() or any(c in address for c in ' \\"<>'):
        return None
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return None
    is_plain = parts.scheme in ("https", "http") and parts.hostname and "@" not in parts.netloc
    climbs = any(step.replace("%2e", ".").replace("%2E", ".") in (".", "..") for step in parts.path.split("/"))
    return parts if is_plain and not climbs else None


def _is_below(parts: SplitResult, allowed: SplitResult | None) -> bool:
    if allowed is None or (parts.scheme, parts.hostname, parts.port) != (
        allowed.scheme, allowed.hostname, allowed.port,
    ):  # fmt: skip
        return False
    root = allowed.path.rstrip("/")
    return parts.path.rstrip("/") == root or parts.path.startswith(f"{root}/")
