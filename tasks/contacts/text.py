"""What several kinds of field need: folding text, hiding phone numbers, and reading each different text only once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

import polars as pl

# What cannot be seen: control and format characters. Line breaks and tabs stay, since they separate.
INVISIBLE = r"[\p{Cf}\x{00}-\x{08}\x{0b}\x{0c}\x{0e}-\x{1f}\x{7f}-\x{9f}]"
_MOBILE = r"1[3-9][0-9](?:[ -]?[0-9]{4}){2}"
_MARKED_MOBILE = r"\x{1f}([0-9]{3})[0-9 -]*([0-9]{4})\x{1f}"
_OUTSIDE = r"(?:\+|00)?(?:852|853|886)[ -]?[0-9]{4}[ -]?[0-9]{4,5}"
_PHONE_AS_ID = rf"(?:^|[^0-9])(?:(?:\+|00)?86)?{_MOBILE}(?:[^0-9]|$)|^\+?(?:852[4-9]|8536|8869)[0-9]{{7,8}}$"

Reader = Callable[[pl.LazyFrame], pl.LazyFrame]
"""Adds `value` and `problem` (a reason, or NULL) to a frame of different texts (column `text`, no NULLs)."""


def read_once(texts: pl.Series, read: Reader, columns: Sequence[str] = ("value", "problem")) -> pl.DataFrame:
    """Read a column with every different text read once: the reader's `columns` per row, NULL for NULL.

    A contact list has few different days, names and words, so this is many times faster than reading each row.
    """
    if texts.null_count() == len(texts):
        return read(pl.LazyFrame(schema={"text": pl.String})).select(columns).collect().clear(len(texts))
    coded = texts.cast(pl.Categorical(pl.Categories.random()))
    different = cast(pl.Categorical, coded.dtype).categories.to_series().alias("text")
    found = read(different.to_frame().lazy()).select(columns).collect()
    return found.select(pl.all().gather(coded.to_physical()))


def only_where(mask: pl.Expr, value: pl.Expr) -> pl.Expr:
    """`value` where the mask holds, NULL elsewhere: regular expressions cost nothing on NULL."""
    return pl.when(mask).then(value)


def fold(text: pl.Expr) -> pl.Expr:
    """Width folded (NFKC), without invisible characters and without blanks at the ends; may be empty.

    The apostrophe that our own exports put before = + - @ (a spreadsheet would take them for formulas) goes again.
    """
    visible = text.str.normalize("NFKC").str.replace_all(INVISIBLE, "").str.strip_chars()
    return visible.str.replace(r"^'([=+@-])", "${1}")


def filled(text: pl.Expr) -> pl.Expr:
    """Empty text as NULL."""
    return only_where(text != "", text)


def holds_text(text: pl.Expr) -> pl.Expr:
    """Whether a cell has anything in it but blanks; never NULL."""
    return text.str.contains(r"[^\s\p{Cf}]").fill_null(False)


def look_up(words: Mapping[str, str], problem: str) -> Reader:
    """A reader of (folded, small) words by their meaning, an empty one being NULL; `problem` names an unknown word."""

    def read(texts: pl.LazyFrame) -> pl.LazyFrame:
        word = pl.col("word")
        meaning = word.replace_strict(words, default=None, return_dtype=pl.String)
        return texts.with_columns(word=fold(pl.col("text")).str.to_lowercase()).with_columns(
            value=filled(meaning),
            problem=only_where((word != "") & meaning.is_null(), pl.lit(problem)),
        )

    return read


def read_free_text(texts: pl.LazyFrame) -> pl.LazyFrame:
    """Free text folded, with phone numbers in it masked (`138****0001`): it goes where none may be."""
    marked = fold(pl.col("text")).str.replace_all(_MOBILE, "\x1f${0}\x1f")
    masked = marked.str.replace_all(_MARKED_MOBILE, "${1}****${2}").str.replace_all(_OUTSIDE, "****")
    return texts.with_columns(value=filled(masked), problem=pl.lit(None, pl.String))


def read_identifiers(texts: pl.Series) -> pl.DataFrame:
    """Identifiers of the user's own (value), folded; problem `holds_phone` where one is, or contains, a phone number.

    These are mostly different on every row, and mostly plain, so they are read directly.
    """
    is_plain = pl.col("text").str.contains(r"^[!-~]+$")
    return (
        texts.to_frame("text")
        .lazy()
        .with_columns(
            value=pl.coalesce(only_where(is_plain, pl.col("text")), fold(only_where(~is_plain, pl.col("text"))))
        )
        .with_columns(
            value=filled(pl.col("value")),
            has_phone=only_where(pl.col("value").str.contains("[0-9]{8}"), pl.col("value"))
            .str.contains(_PHONE_AS_ID)
            .fill_null(False),
        )
        .select(
            value=only_where(~pl.col("has_phone"), pl.col("value")),
            problem=only_where(pl.col("has_phone"), pl.lit("holds_phone")),
        )
        .collect()
    )
