"""Message templates: text with `{variable}` and `{variable|fallback}`, nothing else.

Parsing is strict (an allow-list, a place for every error); rendering is one Polars expression for a whole audience and
one function for a preview, with the same result. A missing value without fallback renders NULL.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

import polars as pl

from chuda.errors import UsageError
from tasks.content.salutation import salutation_expression, salute
from tasks.content.variables import VARIABLES, Language, is_missing_expression, kind_of, value_expression, write_value

MISSING_REASON = "missing_variable"
SALUTATION = "salutation"
SALUTATION_COLUMNS = ("surname", "gender")

_TOKEN = re.compile(r"\{([^{}]*)\}|[{}]")


class TemplateError(UsageError):
    """A template cannot be read; `offset` is the place in its text, in characters from 0."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Literal:
    """Text that is the same for everybody."""

    text: str


@dataclass(frozen=True, slots=True)
class Slot:
    """A variable's place; `fallback` (may be empty) stands in for a missing value."""

    name: str
    fallback: str | None = None

    @property
    def source(self) -> str:
        """The slot as it is written in a template."""
        return "{" + self.name + ("" if self.fallback is None else f"|{self.fallback}") + "}"


Part = Literal | Slot


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template in one language."""

    parts: tuple[Part, ...]
    language: Language = "zh-Hans"

    @property
    def source(self) -> str:
        """The template as text; positions of findings refer to it."""
        return "".join(part.text if isinstance(part, Literal) else part.source for part in self.parts)

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the variables in order, each once."""
        return tuple(dict.fromkeys(part.name for part in self.parts if isinstance(part, Slot)))

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the values it needs: the variables, with surname and gender for the salutation."""
        slots = (part for part in self.parts if isinstance(part, Slot))
        return tuple(dict.fromkeys(column for slot in slots for column in slot_columns(slot)))

    def bind(self, values: Mapping[str, object]) -> Template:
        """The template with the given variables written in for everybody; the others stay."""
        bound = (self._bind_part(part, values) for part in self.parts)
        return replace(self, parts=_merge(bound))

    def drop(self, name: str) -> Template:
        """The template with a variable's fallback in its place for everybody, the salutation as the neutral greeting.

        Raises `UsageError` if the template has no such variable or the variable no fallback.
        """
        if name not in self.variables:
            raise UsageError(
                f"the variable to drop “{name}” is not in the template; it has {', '.join(self.variables)}"
            )
        return replace(self, parts=_merge(self._drop_part(part, name) for part in self.parts))

    def _drop_part(self, part: Part, name: str) -> Part:
        if isinstance(part, Literal) or part.name != name:
            return part
        neutral = salute(None, None, self.language) if name == SALUTATION else None
        fallback = neutral if part.fallback is None else part.fallback
        if fallback is None:
            raise UsageError(f"“{name}” cannot be dropped without a fallback; write {{{name}|…}} (it may be empty)")
        return Literal(fallback)

    def _bind_part(self, part: Part, values: Mapping[str, object]) -> Part:
        if isinstance(part, Literal) or part.name not in values:
            return part
        written = write_value(values[part.name], kind_of(part.name), self.language)
        return part if written is None else Literal(written)


def parse_template(text: str, language: Language = "zh-Hans", constants: Collection[str] = ()) -> Template:
    """Parse a template; raises `TemplateError` with the place of an unknown variable or a stray brace.

    `constants` are the names a campaign gives values of its own; they are known beside the allow-list.
    """
    known = (*VARIABLES, *(name for name in constants if name not in VARIABLES))
    parts: list[Part] = []
    end = 0
    for token in _TOKEN.finditer(text):
        if token[1] is None:
            raise TemplateError(
                f"template, character {token.start() + 1}: a stray “{token[0]}”; write variables as {{name}}",
                token.start(),
            )
        parts.append(Literal(text[end : token.start()]))
        parts.append(_parse_slot(token[1], token.start(), known))
        end = token.end()
    parts.append(Literal(text[end:]))
    return Template(_merge(parts), language)


def fixed_text(template: Template, values: Mapping[str, object]) -> Template:
    """The template without variables, for channels that allow none: values, fallbacks or the neutral salutation.

    Raises `UsageError` naming the variables that have neither.
    """
    bound = template.bind(values)
    fallbacks = {
        part.name: part.fallback for part in bound.parts if isinstance(part, Slot) and part.fallback is not None
    }
    fallbacks.setdefault(SALUTATION, salute(None, None, template.language))
    open_names = [name for name in bound.variables if name not in fallbacks]
    if open_names:
        raise UsageError(
            f"fixed text: no value for {', '.join(open_names)}; give each a value for all or a fallback in the template"
        )
    parts = (part if isinstance(part, Literal) else Literal(fallbacks[part.name] or "") for part in bound.parts)
    return replace(template, parts=_merge(parts))


def render_one(template: Template, values: Mapping[str, object]) -> str | None:
    """The text for one person, or None if a value is missing that has no fallback."""
    pieces = [_write_part(part, values, template.language) for part in template.parts]
    return None if None in pieces else "".join(piece for piece in pieces if piece is not None)


def render_expression(template: Template, columns: Mapping[str, str] | None = None) -> pl.Expr:
    """The text for every row (String), NULL where a value is missing that has no fallback.

    A variable is read from the column of its name, or from `columns[variable]`; the salutation from surname and gender.
    """
    pieces = [
        pl.lit(part.text) if isinstance(part, Literal) else slot_expression(part, template.language, columns)
        for part in template.parts
    ]
    return pl.concat_str(pieces) if pieces else pl.lit("")


def missing_expression(template: Template, columns: Mapping[str, str] | None = None) -> pl.Expr:
    """The first variable (by place) whose value is missing and has no fallback (String), NULL where none is."""
    missing = [
        pl.when(is_missing_expression(pl.col(slot_columns(part, columns)[0]))).then(pl.lit(part.name))
        for part in template.parts
        if isinstance(part, Slot) and part.name != SALUTATION and part.fallback is None
    ]
    return pl.coalesce(*missing, pl.lit(None, dtype=pl.String))


def slot_columns(slot: Slot, columns: Mapping[str, str] | None = None) -> list[str]:
    """The columns a slot is filled from."""
    names = SALUTATION_COLUMNS if slot.name == SALUTATION else (slot.name,)
    return [(columns or {}).get(name, name) for name in names]


def slot_expression(slot: Slot, language: Language, columns: Mapping[str, str] | None = None) -> pl.Expr:
    """What stands in a slot in every row: the written value or the fallback (String, NULL where there is neither)."""
    read = [pl.col(name) for name in slot_columns(slot, columns)]
    if slot.name == SALUTATION:
        return salutation_expression(read[0], read[1], language, slot.fallback)
    value = value_expression(read[0], kind_of(slot.name), language)
    return value if slot.fallback is None else value.fill_null(slot.fallback)


def choose_language(
    available: Sequence[Language], language: pl.Expr | None = None, region: pl.Expr | None = None
) -> pl.Expr:
    """Which of a template's languages each contact gets (String): the contact's own, else the region's, else the first.

    Numbers of Hong Kong, Macau and Taiwan prefer traditional Chinese.
    """
    own = pl.lit(None, dtype=pl.String) if language is None else pl.when(language.is_in(available)).then(language)
    is_traditional = pl.lit(False) if region is None or "zh-Hant" not in available else region != "CN"
    return pl.coalesce(own, pl.when(is_traditional).then(pl.lit("zh-Hant")), pl.lit(available[0]))


def render_languages(
    templates: Mapping[Language, Template], chosen: pl.Expr, columns: Mapping[str, str] | None = None
) -> pl.Expr:
    """The text for every row in the language that `choose_language` gave it."""
    texts = [
        pl.when(chosen == language).then(render_expression(template, columns))
        for language, template in templates.items()
    ]
    return pl.coalesce(*texts)


def _parse_slot(inside: str, offset: int, known: Sequence[str]) -> Slot:
    name, bar, fallback = inside.partition("|")
    if name not in known:
        close = get_close_matches(name.strip().lower(), known, n=1, cutoff=0.5)
        advice = f"did you mean {{{close[0]}}}?" if close else f"allowed are {', '.join(known)}"
        raise TemplateError(f"template, character {offset + 1}: unknown variable “{name}”; {advice}", offset)
    if "|" in fallback:
        raise TemplateError(f"template, character {offset + 1}: “{name}” has two fallbacks; keep one", offset)
    return Slot(name, fallback if bar else None)


def _write_part(part: Part, values: Mapping[str, object], language: Language) -> str | None:
    if isinstance(part, Literal):
        return part.text
    if part.name == SALUTATION:
        return salute(values.get("surname"), values.get("gender"), language, part.fallback)
    written = write_value(values.get(part.name), kind_of(part.name), language)
    return part.fallback if written is None else written


def _merge(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Join neighbouring literals and drop empty ones."""
    merged: list[Part] = []
    for part in parts:
        if isinstance(part, Literal) and merged and isinstance(merged[-1], Literal):
            merged[-1] = Literal(merged[-1].text + part.text)
        elif part != Literal(""):
            merged.append(part)
    return tuple(merged)
