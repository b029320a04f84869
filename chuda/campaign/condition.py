"""Conditions on contact tags: a small part of SQL, read conservatively and written anew.

What reaches the database is never the text a person wrote, only what this parser understood: documented columns,
literals, comparisons, `IN`, `BETWEEN`, `IS NULL`, `AND`, `OR`, `NOT`, `list_contains(tags, '…')`, `coalesce(…, …)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from chuda.campaign.columns import TAG_COLUMNS, ColumnKind, TagColumn
from chuda.campaign.condition_words import ConditionError, Word, split_words
from chuda.files.types import wrong

MAX_NESTING = 30
_COMPARISONS = ("=", "<>", "!=", "<", "<=", ">", ">=")
_KEYWORDS = frozenset({"AND", "OR", "NOT", "IN", "IS", "NULL", "BETWEEN", "TRUE"})
_SUBQUERY = frozenset(
    {"SELECT", "FROM", "JOIN", "UNION", "WITH", "EXISTS", "INSERT", "UPDATE", "DELETE", "DROP", "CASE", "CAST"}
)
_FUNCTIONS = ("list_contains", "coalesce")


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that was understood: `text` in one spelling, `sql` for the database, the columns it names."""

    text: str
    sql: str
    columns: frozenset[str]

    def __str__(self) -> str:
        return self.sql


def parse_condition(text: str, columns: Mapping[str, TagColumn] = TAG_COLUMNS) -> Condition:
    """Read a condition on these columns; raises `ConditionError` with the place of the first mistake."""
    words = list(split_words(text))
    parser = _Parser(words, columns)
    sql = parser.read_all()
    return Condition(_spell(words), sql, frozenset(parser.named))


def _spell(words: Sequence[Word]) -> str:
    """The words with one blank between them, keywords in capitals and names in small letters."""
    return " ".join(
        word.text if word.kind != "name" else word.text.upper() if word.text.upper() in _KEYWORDS else word.text.lower()
        for word in words
        if word.kind != "end"
    )


@dataclass(frozen=True, slots=True)
class _Operand:
    """One side of a comparison: its SQL, its kind, and the column behind it, if any."""

    sql: str
    kind: ColumnKind
    column: TagColumn | None = None


@dataclass(slots=True)
class _Parser:
    """A recursive descent over the words of one condition."""

    words: list[Word]
    columns: Mapping[str, TagColumn]
    place: int = 0
    depth: int = 0
    named: set[str] = field(default_factory=set)

    @property
    def word(self) -> Word:
        return self.words[self.place]

    def take(self) -> Word:
        word = self.word
        self.place += word.kind != "end"
        return word

    def accept(self, *words: str) -> bool:
        """Step over the next word if it is one of these."""
        if self.word.is_word(*words):
            self.take()
            return True
        return False

    def expect(self, wanted: str) -> None:
        if not self.accept(wanted):
            raise self.unexpected(wanted)

    def unexpected(self, wanted: str) -> ConditionError:
        word = self.word
        if word.kind == "end":
            return ConditionError("condition_ends_early", word.offset, wanted=wanted)
        for near in self.words[self.place : self.place + 2]:
            if near.text.upper() in _SUBQUERY:
                return ConditionError("condition_subquery", near.offset, raw=near.text)
        return ConditionError("condition_unexpected", word.offset, raw=word.text, wanted=wanted)

    def read_all(self) -> str:
        sql = self.read_or()
        if self.word.kind != "end":
            raise self.unexpected("AND, OR")
        return sql

    def read_or(self) -> str:
        parts = [self.read_and()]
        while self.accept("OR"):
            parts.append(self.read_and())
        return parts[0] if len(parts) == 1 else "(" + " OR ".join(parts) + ")"

    def read_and(self) -> str:
        parts = [self.read_not()]
        while self.accept("AND"):
            parts.append(self.read_not())
        return parts[0] if len(parts) == 1 else "(" + " AND ".join(parts) + ")"

    def read_not(self) -> str:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise ConditionError("condition_nested", self.word.offset, limit=str(MAX_NESTING))
        sql = f"(NOT {self.read_not()})" if self.accept("NOT") else self.read_predicate()
        self.depth -= 1
        return sql

    def read_predicate(self) -> str:
        if self.accept("("):
            sql = self.read_or()
            self.expect(")")
            return sql
        if self.accept("TRUE"):
            return "TRUE"
        if self.word.is_word("LIST_CONTAINS"):
            return self.read_list_contains()
        return self.read_comparison(self.read_operand())

    def read_list_contains(self) -> str:
        self.take()
        self.expect("(")
        column = self.read_column()
        if column.kind != "list":
            raise ConditionError("condition_not_a_list", self.words[self.place - 1].offset, column=column.name)
        self.expect(",")
        tag = self.read_literal(_Operand("", "text"))
        self.expect(")")
        # A contact without tags has none of them: false, so that NOT finds that contact.
        return f'coalesce(list_contains("{column.name}", {tag}), FALSE)'

    def read_operand(self) -> _Operand:
        if self.word.is_word("COALESCE"):
            return self.read_coalesce()
        column = self.read_column()
        if column.kind == "list":
            raise ConditionError("condition_list_compared", self.words[self.place - 1].offset, column=column.name)
        return _Operand(f'"{column.name}"', column.kind, column)

    def read_coalesce(self) -> _Operand:
        self.take()
        self.expect("(")
        column = self.read_column()
        if column.kind == "list":
            raise ConditionError("condition_list_compared", self.words[self.place - 1].offset, column=column.name)
        self.expect(",")
        default = self.read_literal(_Operand("", column.kind))
        self.expect(")")
        return _Operand(f'coalesce("{column.name}", {default})', column.kind, column)

    def read_column(self) -> TagColumn:
        word = self.word
        if word.kind != "name" or word.text.upper() in _KEYWORDS or word.text.upper() in _SUBQUERY:
            raise self.unexpected("@column")
        self.take()
        if self.word.is_word("("):
            raise ConditionError("condition_function", word.offset, raw=word.text, allowed=", ".join(_FUNCTIONS))
        column = self.columns.get(word.text.lower())
        if column is None:
            raise self.unknown_column(word)
        self.named.add(column.name)
        return column

    def unknown_column(self, word: Word) -> ConditionError:
        close = get_close_matches(word.text.lower(), self.columns, n=1, cutoff=0.6)
        if close:
            return ConditionError("condition_column_near", word.offset, raw=word.text, near=close[0])
        return ConditionError("condition_column", word.offset, raw=word.text, known=", ".join(self.columns))

    def read_comparison(self, left: _Operand) -> str:
        if self.accept("IS"):
            negated = "NOT " if self.accept("NOT") else ""
            self.expect("NULL")
            return f"{left.sql} IS {negated}NULL"
        negated = "NOT " if self.accept("NOT") else ""
        if self.accept("IN"):
            return f"{left.sql} {negated}IN ({self.read_list(left)})"
        if self.accept("BETWEEN"):
            low = self.read_literal(left)
            self.expect("AND")
            return f"{left.sql} {negated}BETWEEN {low} AND {self.read_literal(left)}"
        if negated or not self.word.is_word(*_COMPARISONS):
            raise self.unexpected("IN, BETWEEN" if negated else "=, <>, <, <=, >, >=, IN, BETWEEN, IS NULL")
        operator = self.take().text.replace("!=", "<>")
        return f"{left.sql} {operator} {self.read_literal(left)}"

    def read_list(self, left: _Operand) -> str:
        self.expect("(")
        items = [self.read_literal(left)]
        while self.accept(","):
            items.append(self.read_literal(left))
        self.expect(")")
        return ", ".join(items)

    def read_literal(self, beside: _Operand) -> str:
        """Read a number or text fit to stand beside `beside`, and write it as SQL."""
        start = self.word
        if start.is_word("NULL"):
            raise ConditionError("condition_equals_null", start.offset)
        sign = "-" if self.accept("-") else ""
        word = self.word
        if word.kind not in ("number", "text") or (sign and word.kind == "text"):
            raise self.not_a_literal(word, beside)
        self.take()
        if word.kind != beside.kind:
            code = "condition_text_for_number" if beside.kind == "number" else "condition_number_for_text"
            raise ConditionError(code, start.offset, raw=word.text, column=beside.column.name if beside.column else "")
        if word.kind == "text":
            self.check_value(word, beside.column)
        return sign + word.text

    def not_a_literal(self, word: Word, beside: _Operand) -> ConditionError:
        if word.kind == "name" and word.text.upper() not in _KEYWORDS | _SUBQUERY:
            return ConditionError("condition_unquoted_text", word.offset, raw=word.text)
        return self.unexpected("@number" if beside.kind == "number" else "@quoted")

    def check_value(self, word: Word, column: TagColumn | None) -> None:
        """Refuse a value that the column never takes: the condition would silently choose nobody."""
        value = word.text[1:-1].replace("''", "'")
        if column is None or not column.values or value in column.values:
            return
        close = get_close_matches(value.lower(), column.values, n=1, cutoff=0.6)
        context = {"raw": value, "column": column.name, "choices": ", ".join(column.values)}
        if close:
            raise ConditionError("condition_value_near", word.offset, near=close[0], **context)
        raise ConditionError("condition_value", word.offset, **context)


def _read_condition(value: Any) -> Condition:
    if isinstance(value, Condition):
        return value
    if not isinstance(value, str):
        raise wrong("expected_text")
    if not value.strip():
        raise wrong("empty_text")
    try:
        return parse_condition(value)
    except ConditionError as error:
        raise wrong(error.code, offset=str(error.offset), **error.context) from None


ConditionText = Annotated[
    Condition,
    PlainValidator(_read_condition),
    PlainSerializer(lambda condition: condition.text, return_type=str),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 2000}),
]
