"""Numbers and billable parts as this company sees them: its own rules, not Chuda's."""

from __future__ import annotations

import re

# What can receive a message: 11 digits, or E.164 of Hong Kong, Macau, Taiwan; not the ranges of things (140–144, 146,
# 148, 1749).
NUMBER = re.compile(r"1(?!4[0-468]|749)[3-9]\d{9}|\+85[23]\d{8}|\+886\d{9,10}", re.ASCII)
_MVNO = ("162", "165", "167", "170", "171")
_BY_PREFIX = {
    "unicom": "130 131 132 145 155 156 166 175 176 185 186 196",
    "telecom": "133 1349 149 153 173 174 177 180 181 189 190 191 193 199",
    "broadnet": "192",
}
_CARRIER = {prefix: carrier for carrier, prefixes in _BY_PREFIX.items() for prefix in prefixes.split()}
_GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM7_EXTENDED = frozenset("^{}\\[~]|€\f")


def carrier_of(phone: str) -> str:
    """mobile | unicom | telecom | broadnet | mvno | overseas, by prefix; ported numbers are not known here."""
    if phone.startswith("+"):
        return "overseas"
    if phone.startswith(_MVNO):
        return "mvno"
    return _CARRIER.get(phone[:4]) or _CARRIER.get(phone[:3]) or "mobile"


def count_parts(text: str, phone: str) -> int:
    """Billable parts: 70 UTF-16 units in one, else 67 each; outside the mainland 160/153 where GSM-7 can say it."""
    if phone.startswith("+") and all(c in _GSM7 or c in _GSM7_EXTENDED for c in text):
        length = len(text) + sum(c in _GSM7_EXTENDED for c in text)
        return 1 if length <= 160 else -(-length // 153)
    if len(text.encode("utf-16-le")) == 2 * len(text):  # nothing outside the basic plane
        return 1 if len(text) <= 70 else -(-len(text) // 67)
    return _count_parts_with_pairs(text)


def _count_parts_with_pairs(text: str) -> int:
    # A surrogate pair is never split: it moves to the next part whole.
    widths = [2 if c > "\uffff" else 1 for c in text]
    if sum(widths) <= 70:
        return 1
    parts, used = 1, 0
    for width in widths:
        if used + width > 67:
            parts, used = parts + 1, 0
        used += width
    return parts
