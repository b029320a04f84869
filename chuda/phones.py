"""What a phone number looks like: its one canonical form, how it may be seen, and how to find one in a text.

The canonical form is the importer's (`13800138000`, `+85291234567`): a token is made of nothing else, so whoever names
a person must come by it the same way.
"""

from __future__ import annotations

import re
import unicodedata

_INVISIBLE = ("Cc", "Cf", "Cs")
_SEPARATORS = re.compile(r"[\s,\-\u2010-\u2015\u2212_.()\[\]·•~:]+")
_DECIMAL_TAIL = re.compile(r"\.0*$")
_PLAIN = re.compile(r"1[3-9][0-9]{9}")
_MAINLAND = re.compile(r"(?:(?:\+|00)?(?:86){1,2})?0?(1[3-9][0-9]{9})")
# Hong Kong, Macau, Taiwan: country code and what a mobile number there looks like (data/reference/number_rules.yaml).
_REGIONS = re.compile(
    r"(?:\+|00)?(?:(852)0?([4-79][0-9]{7}|8[4-9][0-9]{6})|(853)0?(6[0-9]{7})|(886)0?(9[0-9]{8}))", re.ASCII
)

_GAP = r"[\s\-－()（）.·•_‐-―]*"
_SPELLED = "[零〇一二三四五六七八九幺]"
_PLUS = r"(?:[+＋]|(?<!\d)00)"
_PHONE = re.compile(
    rf"(?:{_PLUS}?{_GAP}(?<!\d)86{_GAP})?(?<!\d)[1１]{_GAP}[3-9３-９](?:{_GAP}\d){{9}}(?!\d)"  # mainland
    rf"|{_PLUS}{_GAP}8(?:5[23]|86)(?:{_GAP}\d){{8,10}}(?!\d)"  # Hong Kong, Macau, Taiwan
    r"|\d{11,}"  # a phone with something stuck to it, an identity number
    rf"|{_SPELLED}(?:{_GAP}{_SPELLED}){{10,}}"
)


def canonical_phone(text: str) -> str | None:
    """The number a text is, in the importer's canonical form; None if it is not exactly one mobile number.

    Width, invisible characters, separators, a country or trunk prefix and a spreadsheet's `.0` do not matter. Whether
    a prefix is assigned is not looked at: a provider delivered to it or got a reply from it.
    """
    if _PLAIN.fullmatch(text):
        return text
    folded = "".join(c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) not in _INVISIBLE)
    compact = _SEPARATORS.sub("", _DECIMAL_TAIL.sub("", folded.strip().lstrip("'")))
    if not compact.isascii():
        return None
    if mainland := _MAINLAND.fullmatch(compact):
        return mainland.group(1)
    if region := _REGIONS.fullmatch(compact):
        return "+" + "".join(group for group in region.groups() if group)
    return None


def mask(phone: str) -> str:
    """`13800130001` -> `138****0001`; anything shorter or longer keeps its first three and last four characters."""
    return f"{phone[:3]}****{phone[-4:]}" if len(phone) >= 9 else "****"


def mask_phones(text: str) -> str:
    """Return `text` with everything that looks like a phone number shortened to `138****0001`."""
    return _PHONE.sub(_mask_found, text)


def _mask_found(found: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", found.group())
    with_country = len(digits) in (13, 15) and digits.removeprefix("00").startswith("86")
    return mask(digits[-11:] if with_country else digits)
