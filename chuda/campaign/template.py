"""The text of a campaign: where it comes from, its variables and languages, and what happens when it gets too long.

Only the shape of a text is looked at here; whether it may be sent is for the content checks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema

from chuda.files import Finding, Loc
from chuda.files.model import FileModel
from chuda.files.types import Constants, Items, Url, VariableName, Whole, wrong

TextLanguage = Literal["zh-Hant", "en"]
OverflowPolicy = Literal["exclude", "shorter_text", "drop_variables", "pay"]

ONE_PART_UNITS = 67
"""Rendered texts up to here cost one part for everybody (domain.md §3)."""

MAX_UNITS = 500
LINK_UNITS = 30
"""A link counts so much at most while only the file is known: a channel with short links makes a long one short."""

_LIBRARY = re.compile(r"[a-z0-9][a-z0-9_]*/[a-z0-9][a-z0-9_-]*")
_VARIABLE = re.compile(r"\{([a-z][a-z0-9_]{0,31})(\|[^{}]*)?\}")
_BRACES = re.compile(r"[{}｛｝]")
_SIGNATURE = re.compile(r"【(?:\{signature\}|[^【】{}]{2,12})】")
_OPT_OUT = re.compile(r"拒收|退订|退訂|opt[ -]?out|unsubscribe|(?:reply|text)\s+\w+\s+to\s+stop", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A `{variable}` or `{variable|fallback}` in a text and where it begins (characters from 0)."""

    name: str
    offset: int
    has_fallback: bool = False


def find_placeholders(text: str) -> tuple[Placeholder, ...]:
    """The variables of a text, in its order, repeated ones repeatedly."""
    return tuple(Placeholder(found[1], found.start(), found[2] is not None) for found in _VARIABLE.finditer(text))


def fill_constants(text: str, constants: Mapping[str, str]) -> str:
    """Put the constants into a text; variables that differ per contact stay as they are."""
    return _VARIABLE.sub(lambda found: constants.get(found[1], found[0]), text)


def count_units(text: str) -> int:
    """Length as providers count it: UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2


def has_opt_out(text: str) -> bool:
    """Whether a text tells how to refuse further messages, in whatever words."""
    return _OPT_OUT.search(text) is not None


def _read_message_text(value: Any) -> str:
    """Refuse what can never be a message: line breaks, braces that are no variable, no signature."""
    if not isinstance(value, str):
        raise wrong("expected_text")
    text = value.rstrip("\n")
    if not text.strip():
        raise wrong("empty_text")
    if "\n" in text:
        raise wrong("line_break", offset=str(text.index("\n")))
    stray = _BRACES.search(_VARIABLE.sub(lambda found: "_" * len(found[0]), text))
    if stray is not None:
        raise wrong("stray_brace", offset=str(stray.start()))
    if not _SIGNATURE.search(text):
        raise wrong("missing_signature")
    if count_units(text) > MAX_UNITS:
        raise wrong("text_over_maximum", units=str(count_units(text)), limit=str(MAX_UNITS))
    return text


def _read_library(value: Any) -> str:
    if not isinstance(value, str):
        raise wrong("expected_text")
    if not _LIBRARY.fullmatch(value):
        raise wrong("bad_library_name")
    return value


def _read_languages(value: Any) -> Any:
    if not isinstance(value, dict):
        raise wrong("expected_mapping")
    if "zh-Hans" in value:
        raise wrong("simplified_is_text")
    return value


MessageText = Annotated[
    str,
    PlainValidator(_read_message_text),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_UNITS, "pattern": "【[^【】]+】"}),
]
LibraryName = Annotated[
    str, PlainValidator(_read_library), WithJsonSchema({"type": "string", "pattern": f"^{_LIBRARY.pattern}$"})
]


class Template(FileModel):
    """What is sent: a text of one's own or one from the library, its constants, and what to do when it is too long."""

    text: MessageText | None = Field(
        None, description="短信正文（简体），含【签名】和退订方式 / the text, simplified Chinese"
    )
    library: LibraryName | None = Field(
        None, description="模板库里的模板：行业/名称 / a template of the library: trade/name"
    )
    languages: Annotated[dict[TextLanguage, MessageText], BeforeValidator(_read_languages)] = Field(
        default_factory=dict, description="其他语言的正文 / the text in other languages"
    )
    variables: Constants = Field(
        default_factory=dict, description="每个人都一样的变量 / variables with the same value for everybody"
    )
    link: Url | None = Field(None, description="{link} 的地址 / the address behind {link}")
    overflow: OverflowPolicy = Field("exclude", description="超长时怎么办 / what happens to a text that is too long")
    short_text: MessageText | None = Field(None, description="overflow: shorter_text 时改用的短文案 / the shorter text")
    drop_variables: Items[VariableName] = Field(
        (), description="overflow: drop_variables 时改用中性写法的变量 / variables to drop"
    )
    max_units: Annotated[int, Whole(1, MAX_UNITS)] = Field(
        ONE_PART_UNITS,
        description="渲染后的最大字数；大于 67 会多收费 / longest rendered text; above 67 costs more parts",
    )

    @classmethod
    def cross_check(cls, parts: Mapping[str, Any]) -> Iterable[Finding]:
        """The source of the text, the overflow policy and its helper, the link."""
        yield from _check_source(parts)
        yield from _check_overflow(parts)
        yield from _check_link(parts)
        yield from _check_length(parts)

    def texts(self) -> Iterator[tuple[Loc, str]]:
        """Yield every text the file spells out, with its path below the template."""
        return _texts(self.model_dump())


def _texts(parts: Mapping[str, Any]) -> Iterator[tuple[Loc, str]]:
    for key in ("text", "short_text"):
        if parts.get(key):
            yield (key,), parts[key]
    for language, text in parts.get("languages", {}).items():
        yield ("languages", language), text


def _check_source(parts: Mapping[str, Any]) -> Iterator[Finding]:
    if parts.get("text") and parts.get("library"):
        yield Finding(("library",), "text_and_library", on_key=True)
    if parts.get("library") and parts.get("languages"):
        yield Finding(("languages",), "library_has_languages", on_key=True)


def _check_overflow(parts: Mapping[str, Any]) -> Iterator[Finding]:
    """Each policy needs its helper, and a helper without its policy would be silently ignored."""
    for policy, key in (("shorter_text", "short_text"), ("drop_variables", "drop_variables")):
        chosen = parts.get("overflow") == policy
        if "overflow" not in parts or key not in parts:
            continue
        if chosen and not parts[key]:
            yield Finding(("overflow",), "overflow_needs", {"policy": policy, "key": key})
        elif parts[key] and not chosen:
            yield Finding((key,), "overflow_unused", {"policy": policy, "key": key}, on_key=True)
    text, short = parts.get("text"), parts.get("short_text")
    if text and short and count_units(short) >= count_units(text):
        yield Finding(("short_text",), "short_text_not_shorter")
    if text:
        yield from _check_dropped(text, parts.get("drop_variables", ()))


def _check_dropped(text: str, names: Sequence[str]) -> Iterator[Finding]:
    """What is dropped leaves its fallback behind; the salutation has one of its own."""
    places = find_placeholders(text)
    for position, name in enumerate(names):
        found = [each for each in places if each.name == name]
        if not found:
            yield Finding(("drop_variables", position), "dropped_variable_not_used", {"name": name})
        elif name != "salutation" and not all(each.has_fallback for each in found):
            yield Finding(("drop_variables", position), "dropped_without_fallback", {"name": name})


def _check_link(parts: Mapping[str, Any]) -> Iterator[Finding]:
    if "link" in parts.get("variables", {}):
        yield Finding(("variables", "link"), "link_is_a_key", on_key=True)
    if "link" not in parts:
        return
    linked = False
    for loc, text in _texts(parts):
        for each in find_placeholders(text):
            if each.name == "link":
                linked = True
                if parts["link"] is None:
                    yield Finding(loc, "link_missing", offset=each.offset)
    if parts["link"] and parts.get("text") and not linked:
        yield Finding(("link",), "link_unused")


def _check_length(parts: Mapping[str, Any]) -> Iterator[Finding]:
    if not {"overflow", "max_units", "variables", "link"} <= parts.keys():
        return
    for loc, text in _texts(parts):
        yield from find_overlong(loc, text, _constants(parts), parts["overflow"], parts["max_units"])


def find_overlong(
    loc: Loc, text: str, constants: Mapping[str, str], overflow: OverflowPolicy, max_units: int
) -> Iterator[Finding]:
    """A text that is too long even with every other variable empty would, under `exclude`, be sent to nobody."""
    units = count_units(_VARIABLE.sub("", fill_constants(text, constants)))
    if overflow == "exclude" and units > max_units:
        yield Finding(loc, "text_too_long", {"units": str(units), "limit": str(max_units)})


def _constants(parts: Mapping[str, Any]) -> dict[str, str]:
    return {**({"link": parts["link"][:LINK_UNITS]} if parts["link"] else {}), **parts["variables"]}
