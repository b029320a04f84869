"""The kinds of value a person may write in a file: text, whole number, decimal, yes-or-no, date, list, web address.

Each takes the value as it was written and nothing else (no text for a number, no 1 for true), and says in a message of
the catalogue what it wanted.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    BeforeValidator,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

Item = TypeVar("Item")

SLUG_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,62}$"
VARIABLE_PATTERN = r"^[a-z][a-z0-9_]{0,31}$"
_SLUG = re.compile(SLUG_PATTERN)
_VARIABLE = re.compile(VARIABLE_PATTERN)
_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_PERCENT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*[%％]\s*")
_URL = re.compile(r"[!-~]+")


def wrong(code: str, **context: str) -> PydanticCustomError:
    """The error a validator raises: a code of the catalogue and what its message names."""
    return PydanticCustomError(code, code, context or None)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise wrong("expected_text")
    if not value.strip():
        raise wrong("empty_text")
    return value.rstrip("\n")


def _slug(value: Any) -> str:
    text = _text(value)
    if not _SLUG.fullmatch(text):
        raise wrong("bad_name", raw=text)
    return text


def _variable_name(value: Any) -> str:
    text = _text(value)
    if not _VARIABLE.fullmatch(text):
        raise wrong("bad_variable_name", raw=text)
    return text


def _constant(value: Any) -> str:
    text = _text(value)
    if "{" in text or "}" in text:
        raise wrong("brace_in_constant")
    if "\n" in text:
        raise wrong("line_break")
    return text


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise wrong("expected_flag")
    return value


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number from `low` to `high`, both allowed; `code` names the message for one outside."""

    low: int
    high: int
    code: str = "out_of_range"

    def read(self, value: Any) -> int:
        """Return the number, or say what is wrong with it."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong("expected_whole_number")
        if not self.low <= value <= self.high:
            raise wrong(self.code, value=str(value), low=str(self.low), high=str(self.high))
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True, slots=True)
class Number:
    """A decimal number from `low` to `high`, both allowed; a percentage is refused with the decimal to write."""

    low: str
    high: str
    code: str = "out_of_range"

    def read(self, value: Any, info: ValidationInfo) -> Decimal:
        """Return the number, or say what is wrong with it; JSON may hold it as a text, as our own does."""
        if info.mode == "json" and isinstance(value, str | float):
            value = _decimal_of_json(str(value))
        if isinstance(value, str) and (percent := _PERCENT.fullmatch(value)):
            raise wrong("percent", raw=value, decimal=plain_decimal(Decimal(percent[1]) / 100))
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise wrong("expected_number")
        number = Decimal(value)
        if not Decimal(self.low) <= number <= Decimal(self.high):
            raise wrong(self.code, value=plain_decimal(number), low=self.low, high=self.high)
        return number

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        written = core_schema.plain_serializer_function_ser_schema(plain_decimal, when_used="json")
        return core_schema.with_info_plain_validator_function(self.read, serialization=written)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "number", "minimum": float(self.low), "maximum": float(self.high)}


def _decimal_of_json(text: str) -> Decimal | str:
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


def plain_decimal(value: Decimal) -> str:
    """Write a decimal without exponent or trailing zeros, so that equal numbers look equal."""
    return format(value.normalize(), "f")


def read_day(value: Any) -> date:
    """Return the date of `2026-11-28`, or say what is wrong with it."""
    if isinstance(value, date):
        return value
    text = _text(value)
    found = _DAY.fullmatch(text)
    if found is None:
        raise wrong("bad_date", raw=text)
    try:
        return date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        raise wrong("no_such_date", raw=text) from None


def _list(value: Any) -> Any:
    if not isinstance(value, list | tuple):
        raise wrong("expected_list")
    return tuple(value)


def _distinct(value: tuple[Any, ...]) -> tuple[Any, ...]:
    for place, item in enumerate(value):
        if item in value[:place]:
            raise wrong("listed_twice", raw=str(item), item=str(place))
    return value


def _mapping(value: Any) -> Any:
    if not isinstance(value, dict):
        raise wrong("expected_mapping")
    return value


def split_url(text: str) -> SplitResult | None:
    """The parts of an http or https address in plain ASCII, or None if `text` is not one."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port >= 0)
    except ValueError:
        return None
    return parts if usable and _URL.fullmatch(text) else None


def _url(value: Any) -> str:
    text = _text(value)
    parts = split_url(text)
    if parts is None:
        raise wrong("bad_url", raw=text)
    if parts.username is not None or parts.password is not None:
        raise wrong("password_in_url")
    return text


def is_loopback(url: str) -> bool:
    """Whether an address names this very machine (localhost, 127.0.0.0/8, ::1)."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


Text = Annotated[str, PlainValidator(_text), WithJsonSchema({"type": "string", "minLength": 1})]
Slug = Annotated[str, PlainValidator(_slug), WithJsonSchema({"type": "string", "pattern": SLUG_PATTERN})]
VariableName = Annotated[
    str, PlainValidator(_variable_name), WithJsonSchema({"type": "string", "pattern": VARIABLE_PATTERN})
]
Flag = Annotated[bool, PlainValidator(_flag), WithJsonSchema({"type": "boolean"})]
Day = Annotated[
    date,
    PlainValidator(read_day),
    PlainSerializer(date.isoformat, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date", "pattern": r"^\d{4}-\d{2}-\d{2}$"}),
]
Url = Annotated[str, PlainValidator(_url), WithJsonSchema({"type": "string", "pattern": "^https?://"})]
Items = Annotated[tuple[Item, ...], BeforeValidator(_list)]
Distinct = Annotated[tuple[Item, ...], BeforeValidator(_distinct), BeforeValidator(_list)]
Names = Annotated[tuple[Slug, ...], BeforeValidator(_distinct), BeforeValidator(_list)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(_distinct), BeforeValidator(_list)]
Constant = Annotated[str, PlainValidator(_constant), WithJsonSchema({"type": "string", "minLength": 1})]
Constants = Annotated[dict[VariableName, Constant], BeforeValidator(_mapping)]
Fraction = Annotated[Decimal, Number("0", "1", "bad_fraction")]
Money = Annotated[Decimal, Number("0", "100000000", "bad_money")]
