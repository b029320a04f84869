"""How many billing parts a text costs, exactly as providers count: one text in Python, a column in Polars.

Domestic: UTF-16 code units, signature and brackets included; up to 70 is one part, longer is packed into parts of
67 and a surrogate pair is never split. Hong Kong, Macau, Taiwan: GSM-7 (160 / 153 septets, an extension character
takes two and is never split) when the alphabet suffices, else the same UTF-16 rule. Source: domain.md §3 and
3GPP TS 23.038 (alphabet) / 23.040 (concatenation).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

import polars as pl

Region = Literal["CN", "HK", "MO", "TW"]

DOMESTIC: Region = "CN"
DEFAULT_MAX_UNITS = 67
HARD_MAX_UNITS = 500

GSM_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENSION = "\f^{}\\[~]|€"


@dataclass(frozen=True, slots=True)
class Encoding:
    """One SMS encoding: what fits in a single message and in each part of a longer one, in its units."""

    single: int
    part: int


UCS2 = Encoding(single=70, part=67)
GSM7 = Encoding(single=160, part=153)

_BASIC_SET = frozenset(GSM_BASIC)
_GSM_SET = frozenset(GSM_BASIC + GSM_EXTENSION)
_EXTENSION_SET = frozenset(GSM_EXTENSION)


def _escaped(characters: str) -> str:
    return "".join("\\" + c if c in "\\[]^-&~|{}" else c for c in characters)


_GSM_CLASS = f"[{_escaped(GSM_BASIC + GSM_EXTENSION)}]"
_EXTENSION_CLASS = f"[{_escaped(GSM_EXTENSION)}]"
_ASTRAL_CLASS = r"[\x{10000}-\x{10FFFF}]"


def encoding_of(text: str, region: Region = DOMESTIC) -> Encoding:
    """The encoding a text travels in: always UCS-2 at home, GSM-7 abroad when every character is in its alphabet."""
    return GSM7 if region != DOMESTIC and _GSM_SET.issuperset(text) else UCS2


def count_units(text: str, region: Region = DOMESTIC) -> int:
    """Length of a text in the units it is billed in: UTF-16 code units, or septets under GSM-7."""
    return sum(_widths(text, encoding_of(text, region)))


def count_parts(text: str, region: Region = DOMESTIC) -> int:
    """Billing parts of a rendered text for a number in `region`; at least 1."""
    encoding = encoding_of(text, region)
    widths = _widths(text, encoding)
    return 1 if sum(widths) <= encoding.single else _pack(widths, encoding.part)


def place_of_unit(text: str, units: int, region: Region = DOMESTIC) -> int:
    """The position of the first character that does not fit into `units` units (the text's length if all fit)."""
    used = accumulate(_widths(text, encoding_of(text, region)))
    return next((place for place, total in enumerate(used) if total > units), len(text))


def allowed_units(encoding: Encoding, max_units: int) -> int:
    """The longest text, in the encoding's units, that costs no more parts than `max_units` domestic characters.

    Under UCS-2 that is `max_units` itself; under GSM-7 the capacity of as many parts.
    """
    if encoding is UCS2:
        return max_units
    parts = 1 if max_units <= UCS2.single else -(-max_units // UCS2.part)
    return encoding.single if parts == 1 else parts * encoding.part


def units_expression(text: pl.Expr, region: pl.Expr | None = None) -> pl.Expr:
    """Column twin of `count_units` (UInt32); without `region` all numbers are domestic; NULL text gives NULL."""
    utf16 = _utf16_units(text)
    return utf16 if region is None else pl.when(_is_gsm(text, region)).then(_septets(text)).otherwise(utf16)


def parts_expression(text: pl.Expr, region: pl.Expr | None = None, units: pl.Expr | None = None) -> pl.Expr:
    """Column twin of `count_parts` (UInt32); without `region` all numbers are domestic; NULL text gives NULL.

    `units` is the column of `units_expression`, where it has been counted already.
    """
    counted = units_expression(text, region) if units is None else units
    domestic = _parts(text, counted, UCS2, _ASTRAL_CLASS)
    if region is None:
        return domestic
    foreign = _parts(text, counted, GSM7, _EXTENSION_CLASS)
    return pl.when(_is_gsm(text, region)).then(foreign).otherwise(domestic)


def allowed_units_expression(text: pl.Expr, region: pl.Expr | None, max_units: int) -> pl.Expr:
    """Column twin of `allowed_units` for the encoding each text travels in."""
    domestic = pl.lit(allowed_units(UCS2, max_units), dtype=pl.UInt32)
    if region is None:
        return domestic
    foreign = pl.lit(allowed_units(GSM7, max_units), dtype=pl.UInt32)
    return pl.when(_is_gsm(text, region)).then(foreign).otherwise(domestic)


def _widths(text: str, encoding: Encoding) -> list[int]:
    if encoding is GSM7:
        return [2 if c in _EXTENSION_SET else 1 for c in text]
    return [2 if c > "\uffff" else 1 for c in text]


def _pack(widths: Iterable[int], size: int) -> int:
    parts, room = 1, size
    for width in widths:
        if width > room:
            parts, room = parts + 1, size
        room -= width
    return parts


def _is_gsm(text: pl.Expr, region: pl.Expr) -> pl.Expr:
    return (region != DOMESTIC) & text.str.contains(f"^(?:{_GSM_CLASS})*$")


def _utf16_units(text: pl.Expr) -> pl.Expr:
    return text.str.len_chars() + text.str.count_matches(_ASTRAL_CLASS)


def _septets(text: pl.Expr) -> pl.Expr:
    return text.str.len_chars() + text.str.count_matches(_EXTENSION_CLASS)


def _parts(text: pl.Expr, units: pl.Expr, encoding: Encoding, wide: str) -> pl.Expr:
    """Ceiling division, but texts that hold double-width characters are packed one by one."""
    even = (units + (encoding.part - 1)) // encoding.part
    # A text has more units than characters if, and only if, some of them are wide.
    must_pack = (units > encoding.single) & (units > text.str.len_chars())
    packed = _packed(pl.when(must_pack).then(text), encoding.part, wide)
    long = pl.when(must_pack).then(packed).otherwise(even)
    return pl.when(units <= encoding.single).then(pl.lit(1, dtype=pl.UInt32)).otherwise(long)


def _packed(text: pl.Expr, size: int, wide: str) -> pl.Expr:
    """Parts of texts with double-width characters: written as units (`a`, or `he` for a pair), one match per part.

    A part is `size` units that do not end in the first half of a pair, else `size` - 1 (or the rest).
    """
    outside = "[^" + wide[1:]
    units = text.str.replace_all(outside, "a").str.replace_all("[^a]", "he")
    return units.str.count_matches(f"[ahe]{{{size - 1}}}[ae]|[ahe]{{1,{size - 1}}}")
