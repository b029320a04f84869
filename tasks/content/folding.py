"""Texts folded so that the usual evasions do not hide a word, each folded character tied to where it stood.

Folding (one text or a column, the same result): compatibility forms and full width are decomposed (`Ｒ`, `①`, `㊣`),
ASCII case and traditional forms are folded, and everything but letters, digits, `%` and Chinese characters is
dropped: spaces, symbols, zero-width and combining characters. A clause mark (，。！？；：, a line break, 】) leaves one
`\n`, because words on its two sides rarely belong together.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

CLAUSE_BREAK = "\n"
GAP = " "
WALL = "\ufffc"
"""Stands where a variable will be, or a phrase that is exempt: nothing matches across it."""

_KEPT = f"0-9a-z%\u3007\u3400-\u4dbf\u4e00-\u9fff{WALL}"
_BREAKS = ",，。!！?？;；:：\n\r】"
_HARMLESS = " ./*#()<>\"'+_=~@$^&|\\[\\]{}`\u3000、（）《》「」“”‘’…—·～【-"
_KEPT_PATTERN = re.compile(f"[{_KEPT}]")


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text; `origins[i]` is the index in the original of what became character i.

    In `spaced` every dropped run left one space, in `tight` none did: Latin words are sought in the first, so that
    word boundaries count, Chinese ones in the second.
    """

    spaced: str
    spaced_origins: tuple[int, ...]
    tight: str
    tight_origins: tuple[int, ...]


def fold(text: str, forms: Mapping[str, str]) -> Folded:
    """Fold one text; `forms` maps traditional characters to simplified ones."""
    characters: list[str] = []
    origins: list[int] = []
    gap = ""
    for place, original in enumerate(text):
        for character in _decompose(original, forms):
            if _KEPT_PATTERN.match(character):
                if gap:
                    characters.append(gap)
                    origins.append(place - 1)
                    gap = ""
                characters.append(character)
                origins.append(place)
            elif character in _BREAKS:
                gap = CLAUSE_BREAK
            else:
                gap = gap or GAP
    if gap:
        characters.append(gap)
        origins.append(len(text) - 1)
    tight = [(c, o) for c, o in zip(characters, origins, strict=True) if c != GAP]
    return Folded("".join(characters), tuple(origins), "".join(c for c, _ in tight), tuple(o for _, o in tight))


def fold_word(word: str, forms: Mapping[str, str]) -> str:
    """The tight folded form of a word of a lexicon."""
    return fold(word, forms).tight


def spaced_expression(text: pl.Expr, forms: Mapping[str, str]) -> pl.Expr:
    """Column twin of `fold(...).spaced`."""
    # Decomposing is by far the dearest step, so only texts with something to decompose go through it.
    odd = text.str.contains(f"[^{_KEPT}A-Z{_BREAKS}{_HARMLESS}]")
    plain = pl.when(odd).then(pl.when(odd).then(text).str.normalize("NFKD")).otherwise(text)
    table = {**{chr(c): chr(c + 32) for c in range(ord("A"), ord("Z") + 1)}, **forms}
    folded = plain.str.replace_many(list(table), list(table.values()))
    broken = folded.str.replace_all(f"[^{_KEPT}]*[{_BREAKS}][^{_KEPT}]*", CLAUSE_BREAK)
    return broken.str.replace_all(f"[^{_KEPT}\n]+", GAP)


def tight_expression(spaced: pl.Expr) -> pl.Expr:
    """Column twin of `fold(...).tight`, from the column of `spaced_expression`."""
    return spaced.str.replace_all(GAP, "", literal=True)


def _decompose(character: str, forms: Mapping[str, str]) -> str:
    return "".join(forms.get(c, c.lower() if c.isascii() else c) for c in unicodedata.normalize("NFKD", character))
