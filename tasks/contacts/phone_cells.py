"""The cell of a phone column taken apart into the numbers that stand in it."""

from __future__ import annotations

import polars as pl

from tasks.contacts.text import INVISIBLE, only_where

_BREAK = "\x1f"  # stands between the numbers of a cell; the cell has lost all control characters before
_LEADING_QUOTES = r"""^[='"‘’`´ ]*['"‘’`´=]"""
_TRAILING_QUOTES = r"""['"‘’`´][ '"‘’`´]*$"""
_THOUSANDS = r"^[0-9]{1,3}(?:,[0-9]{3}){3,}(?:\.0+)?$"
_HARD_SEPARATOR = r"(?i)[/\\、,;|&\r\n\t]+|或者?|和|及| (?:or|and) "
# A blank ends a number where that number is complete, or where a new one begins with its country code.
_BLANK_AFTER_RUN = r"([0-9]{7,}) +((?:\+|00|\(\+?)?[0-9]{7})"
_BLANK_AFTER_GROUPS = r"(1[3-9][0-9][ -][0-9]{4}[ -][0-9]{4}) +([+(0-9])"
_BLANK_BEFORE_PLUS = r"([0-9]) +\+"
_WORD_BETWEEN = r"([0-9]{7,})[^0-9+]*\p{Han}[^0-9+]*(\+?[0-9]{7})"
_HYPHEN_BETWEEN = r"(1[3-9][0-9]{9}) *-+ *((?:\+?86-?)?1[3-9][0-9]{9})"


def split_phones(cells: pl.DataFrame) -> pl.DataFrame:
    """One row per number of each cell (row, cell): row, cell as it was, text of the number, and three repairs.

    The repairs of the whole cell are full_width, invisible_characters and apostrophe (see `phone_verdicts`). A cell
    without a digit is one candidate, and so is an empty one; words that stand between numbers are none.
    """
    has_digit = pl.col("unquoted").str.contains("[0-9]")
    return (
        cells.lazy()
        .with_columns(pl.col("cell").fill_null(""))
        .with_columns(folded=pl.col("cell").str.normalize("NFKC"))
        .with_columns(tidy=pl.col("folded").str.replace_all(INVISIBLE, ""))
        .with_columns(unquoted=pl.col("tidy").str.replace(_LEADING_QUOTES, "").str.replace(_TRAILING_QUOTES, ""))
        .with_columns(
            full_width=pl.col("folded") != pl.col("cell"),
            invisible_characters=pl.col("tidy") != pl.col("folded"),
            apostrophe=pl.col("unquoted") != pl.col("tidy"),
            text=pl.coalesce(_break_up(only_where(has_digit, pl.col("unquoted"))), "unquoted").str.split(_BREAK),
        )
        .explode("text")
        .filter(pl.col("text").str.contains("[0-9]") | ~has_digit)
        .select("row", "cell", "text", "full_width", "invisible_characters", "apostrophe")
        .collect()
    )


def _break_up(cell: pl.Expr) -> pl.Expr:
    """Put `_BREAK` between the numbers of a cell."""
    is_grouped = cell.str.contains(_THOUSANDS)
    parts = only_where(~is_grouped, cell).str.replace_all(_HARD_SEPARATOR, _BREAK)
    for pattern in (_BLANK_AFTER_RUN, _BLANK_AFTER_GROUPS, _WORD_BETWEEN, _HYPHEN_BETWEEN):
        # A match ends inside the next number, so that every second gap is found only the second time.
        for _ in range(2):
            parts = parts.str.replace_all(pattern, f"${{1}}{_BREAK}${{2}}")
    return pl.coalesce(only_where(is_grouped, cell), parts.str.replace_all(_BLANK_BEFORE_PLUS, f"${{1}}{_BREAK}+"))
