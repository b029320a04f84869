"""What an unquoted word of a YAML file means: only what every reader of YAML would read the same way.

YAML 1.1 (still what most tools read) takes `22:00` for 1320, `no` for false and `0123` for 83; YAML 1.2 does not.
Whatever the two disagree on is refused by name instead of guessed.
"""

from __future__ import annotations

import re
from decimal import Decimal

Scalar = str | int | Decimal | bool | None

_TIME = re.compile(r"[-+]?\d[\d_]*(:[0-5]?\d)+(\.\d*)?")
_WORD = re.compile(r"(?i:y|yes|n|no|on|off)|True|TRUE|False|FALSE")
_EMPTY = re.compile(r"~|null|Null|NULL|")
_LEADING_ZERO = re.compile(r"[-+]?0[\d_]+(\.\d*)?")
_WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})")
_DECIMAL = re.compile(r"-?(0|[1-9]\d{0,17})\.\d{1,18}")
_ODD_NUMBER = re.compile(
    r"[-+]?(0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|\.(?i:inf)|\.\d[\d_]*([eE][-+]?\d+)?|\d[\d_]*\.?[\d_]*([eE][-+]?\d+)?)"
    r"|\.(?i:nan)"
)
_REFUSED = (
    ("unquoted_time", _TIME),
    ("unquoted_word", _WORD),
    ("leading_zero", _LEADING_ZERO),
)


def read_plain(raw: str) -> Scalar:
    """Return the value of an unquoted scalar that `refuse_plain` has let pass."""
    if _EMPTY.fullmatch(raw):
        return None
    if raw in ("true", "false"):
        return raw == "true"
    if _WHOLE.fullmatch(raw):
        return int(raw)
    if _DECIMAL.fullmatch(raw):
        return Decimal(raw)
    return raw


def refuse_plain(raw: str) -> str | None:
    """Return the code of the message why an unquoted scalar is refused, or None if it reads one way only."""
    for code, pattern in _REFUSED:
        if pattern.fullmatch(raw):
            return code
    if _WHOLE.fullmatch(raw) or _DECIMAL.fullmatch(raw):
        return None
    return "odd_number" if _ODD_NUMBER.fullmatch(raw) else None
