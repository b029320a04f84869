"""The words of a condition: names, numbers, texts and operators, each with its place.

Whatever is not on the list – comments, semicolons, double quotes, backslashes – is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

WordKind = Literal["name", "number", "text", "operator", "end"]

MAX_LENGTH = 2000

_PATTERN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<number>\d+(?:\.\d+)?(?![\w.]))"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<text>'(?:[^'\n]|'')*')"
    r"|(?P<refused>--|/\*|==|&&|\|\||;)"
    r"|(?P<operator><=|>=|<>|!=|=|<|>|\(|\)|,|-)"
)
_LETTERS = re.compile(r"\w+")
_REFUSED = {
    "--": "condition_comment",
    "/*": "condition_comment",
    ";": "condition_semicolon",
    "==": "condition_double_equals",
    "&&": "condition_symbol_and_or",
    "||": "condition_symbol_and_or",
}
_FULL_WIDTH = "＝＜＞（），‘’“”；　－"


class ConditionError(ValueError):
    """A condition cannot be used: `code` names the message, `offset` the character (from 0), `context` its words."""

    def __init__(self, code: str, offset: int, **context: str) -> None:
        super().__init__(code)
        self.code = code
        self.offset = offset
        self.context = context


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a condition and where it begins (characters from 0)."""

    kind: WordKind
    text: str
    offset: int

    def is_word(self, *words: str) -> bool:
        """Whether it is one of these keywords or operators, whatever its case."""
        return self.kind in ("name", "operator") and self.text.upper() in words


def split_words(condition: str) -> Iterator[Word]:
    """Yield the words of a condition and an `end`; raises `ConditionError` at the first odd character."""
    if len(condition) > MAX_LENGTH:
        raise ConditionError("condition_too_long", 0, limit=str(MAX_LENGTH))
    place = 0
    while place < len(condition):
        found = _PATTERN.match(condition, place)
        if found is None:
            raise _odd_character(condition, place)
        kind, text = str(found.lastgroup), found.group()
        if kind == "refused":
            raise ConditionError(_REFUSED[text], place, raw=text)
        if kind != "space":
            yield Word(kind, text, place)  # type: ignore[arg-type]
        place = found.end()
    yield Word("end", "", place)


def _odd_character(condition: str, place: int) -> ConditionError:
    character = condition[place]
    if character == "'":
        return ConditionError("condition_open_quote", place)
    if character in '"`':
        return ConditionError("condition_double_quote", place)
    if character in _FULL_WIDTH:
        return ConditionError("condition_full_width", place, raw=character)
    if character.isalpha():
        return ConditionError("condition_unquoted_text", place, raw=_LETTERS.match(condition, place).group())  # type: ignore[union-attr]
    return ConditionError("condition_character", place, raw=character)
