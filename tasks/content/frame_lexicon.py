"""The lexicons on whole columns: which entries match which texts, found without a loop over texts."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from tasks.content.context import ContentContext
from tasks.content.folding import WALL, spaced_expression, tight_expression
from tasks.content.lexicon import Entry, Pattern


def match_entries(texts: pl.LazyFrame, context: ContentContext) -> pl.DataFrame:
    """The lexicon findings of a column.

    `texts` has `key` (any type) and `text`. Returns one row per key and finding: `key`, `message_key`, `severity`; the
    same findings as the word checks of `checks` on each text, without places.
    """
    suspects = texts.select("key", spaced=spaced_expression(pl.col("text"), context.reference.lexicon.forms))
    suspects = suspects.with_columns(tight=tight_expression(pl.col("spaced"))).filter(_is_suspect(context.entries))
    found = _wall_off_names(suspects, context.names).collect()
    if found.is_empty():
        return found.select("key", message_key=pl.lit(""), severity=pl.lit(""))
    # Exemptions are dear, so each entry looks only at the texts that hold one of its words at all.
    return pl.concat([_hits(found.filter(_is_suspect([entry])), entry) for entry in context.entries])


def _is_suspect(entries: Iterable[Entry]) -> pl.Expr:
    """Whether any entry may match: one pass with all patterns, exemptions not considered yet."""
    matchers = [entry.matcher for entry in entries]
    tight = [pattern for each in matchers for pattern in (each.tight, each.crossing) if pattern]
    spaced = [each.spaced for each in matchers if each.spaced]
    return _contains("tight", tight) | _contains("spaced", spaced)


def _contains(column: str, patterns: Iterable[Pattern]) -> pl.Expr:
    sources = [pattern.polars for pattern in patterns]
    return pl.col(column).str.contains("|".join(sources)) if sources else pl.lit(False)


def _wall_off_names(folded: pl.LazyFrame, names: Pattern | None) -> pl.LazyFrame:
    if names is None:
        return folded
    return folded.with_columns(pl.col("tight", "spaced").str.replace_all(names.polars, WALL))


def _hits(folded: pl.DataFrame, entry: Entry) -> pl.DataFrame:
    """The texts one entry matches; those cut by a clause mark only where it does not match whole."""
    matcher = entry.matcher
    whole = _matches("tight", matcher.tight, matcher.exempt) | _matches("spaced", matcher.spaced, matcher.exempt)
    cut = _matches("tight", matcher.crossing, matcher.exempt)
    notice = (
        pl.when(whole).then(pl.lit(entry.notice.key)).when(cut).then(pl.lit(entry.crossing_notice.key)).otherwise(None)
    )
    severity = pl.when(whole).then(pl.lit(entry.notice.severity)).otherwise(pl.lit(entry.crossing_notice.severity))
    return folded.select("key", message_key=notice, severity=severity).filter(pl.col("message_key").is_not_null())


def _matches(column: str, pattern: Pattern | None, exempt: Pattern | None) -> pl.Expr:
    if pattern is None:
        return pl.lit(False)
    text = pl.col(column) if exempt is None else pl.col(column).str.replace_all(exempt.polars, WALL)
    return text.str.contains(pattern.polars)
