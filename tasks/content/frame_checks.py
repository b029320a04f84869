"""The content checks on whole frames of messages: the column twins of `checks`.

`check_texts` takes any texts. `check_messages` takes what one template rendered and is faster: words, symbols and
links are sought in the *distinct values* of each variable, together with the words around its place, because the
template itself has been checked once. Both return findings by row, and only where there are some.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from tasks.content import notices
from tasks.content.checks import SIGNATURE_MAX, SIGNATURE_MIN
from tasks.content.context import ContentContext
from tasks.content.findings import Notice
from tasks.content.folding import WALL
from tasks.content.frame_lexicon import match_entries
from tasks.content.links import SHORTENERS, has_link_expression, links_expression, normalise_link
from tasks.content.opt_out import find_instructions, has_only_ending, instruction_expressions
from tasks.content.parts import DOMESTIC, HARD_MAX_UNITS, allowed_units_expression, units_expression
from tasks.content.symbols import SIGNATURE_SOURCE
from tasks.content.templates import Literal, Slot, Template, missing_expression, slot_columns, slot_expression

FINDINGS_SCHEMA = pl.Schema(
    {"row": pl.UInt32, "rule": pl.String, "message_key": pl.String, "severity": pl.String, "variable": pl.String}
)
_NO_FINDINGS = pl.DataFrame(
    schema={"key": pl.UInt32, "message_key": pl.String, "severity": pl.String, "variable": pl.String}
)
_CONTEXT_CHARACTERS = 20


@dataclass(frozen=True, slots=True)
class Mark:
    """A notice and the condition under which a text earns it."""

    notice: Notice
    condition: pl.Expr


def check_texts(
    frame: pl.DataFrame, context: ContentContext, *, text: str = "text", region: pl.Expr | None = None
) -> pl.DataFrame:
    """The findings of every text of a frame, as `check_text` would give them, without places.

    Returns `FINDINGS_SCHEMA`: `row` is the row's number in the frame, `variable` is NULL. `region` is the column of
    each number's region; without it the context's region holds for all.
    """
    texts = frame.select(pl.int_range(pl.len(), dtype=pl.UInt32).alias("key"), pl.col(text).alias("text"))
    found = pl.concat(
        [
            _envelope(frame, context, text, region),
            _collect(texts, _symbol_marks(context)),
            _collect(texts.filter(has_link_expression(pl.col("text"))), _link_marks(context)),
            match_entries(texts.lazy(), context),
        ]
    )
    return _finish(found.with_columns(variable=pl.lit(None, dtype=pl.String)))


def check_messages(
    frame: pl.DataFrame,
    template: Template,
    context: ContentContext,
    *,
    text: str = "text",
    columns: Mapping[str, str] | None = None,
    region: pl.Expr | None = None,
    units: str | None = None,
) -> pl.DataFrame:
    """The findings of messages rendered from one template that `check_template` has passed.

    `frame` has the rendered `text` (NULL where a value was missing), its `units` where they have been counted already,
    and the template's columns. Returns
    `FINDINGS_SCHEMA`; `variable` names the value at fault, and is NULL for findings about the whole text.
    """
    envelope = _envelope(frame, context, text, region, units).with_columns(variable=pl.lit(None, dtype=pl.String))
    missing = _missing(frame, template, columns, text)
    values = [_check_slot(frame, template, place, context, columns) for place in _slot_places(template)]
    return _finish(pl.concat([envelope, missing, *values]))


def _slot_places(template: Template) -> list[int]:
    return [place for place, part in enumerate(template.parts) if isinstance(part, Slot)]


def _check_slot(
    frame: pl.DataFrame,
    template: Template,
    place: int,
    context: ContentContext,
    columns: Mapping[str, str] | None,
) -> pl.DataFrame:
    """The findings that one variable's values bring in, by row."""
    slot = template.parts[place]
    assert isinstance(slot, Slot)
    # Distinct values are found before they are written out: there are far fewer of them than rows.
    raw = slot_columns(slot, columns)
    rows = frame.lazy().select(*raw).with_row_index("row")
    distinct = (
        rows.select(*raw).unique().with_columns(_value=slot_expression(slot, template.language, columns)).collect()
    )
    values = distinct.select(key="_value").drop_nulls().unique()
    left, right = _surroundings(template, place)
    found = pl.concat([_check_alone(values, context), _check_in_place(values, left, right, context)])
    guilty = distinct.join(found, left_on="_value", right_on="key").drop("_value")
    if guilty.is_empty():
        return _NO_FINDINGS
    return (
        rows.join(guilty.lazy(), on=raw, nulls_equal=True)
        .select(pl.col("row").alias("key"), "message_key", "severity", variable=pl.lit(slot.name))
        .collect()
    )


def _check_alone(values: pl.DataFrame, context: ContentContext) -> pl.DataFrame:
    """Symbols and links: what they are does not depend on the words around."""
    texts = values.select("key", text="key")
    linked = texts.filter(has_link_expression(pl.col("text")))
    return pl.concat([_collect(texts, _symbol_marks(context)), _collect(linked, _value_link_marks(context))])


def _check_in_place(values: pl.DataFrame, left: str, right: str, context: ContentContext) -> pl.DataFrame:
    """Words, sought with the literal text on both sides, without what that text is guilty of by itself."""
    in_place = pl.lit(left) + pl.col("key") + pl.lit(right)
    found = match_entries(values.lazy().select("key", text=in_place), context)
    surroundings = pl.LazyFrame({"key": [0], "text": [left + WALL + right]})
    own = match_entries(surroundings, context)["message_key"].to_list()
    return found.filter(~pl.col("message_key").is_in(own))


def _surroundings(template: Template, place: int) -> tuple[str, str]:
    """The literal text on both sides of a slot, up to the next variable: a word may begin there."""
    before = template.parts[place - 1] if place else Literal("")
    after = template.parts[place + 1] if place + 1 < len(template.parts) else Literal("")
    left = before.text[-_CONTEXT_CHARACTERS:] if isinstance(before, Literal) else ""
    right = after.text[:_CONTEXT_CHARACTERS] if isinstance(after, Literal) else ""
    return WALL + left, right + WALL


def _missing(frame: pl.DataFrame, template: Template, columns: Mapping[str, str] | None, text: str) -> pl.DataFrame:
    """The rows without a text that lack a value (others were left out for their length)."""
    notice = notices.MISSING_VARIABLE
    unrendered = frame.with_row_index("_row").filter(pl.col(text).is_null())
    return unrendered.select(
        pl.col("_row").alias("key"),
        pl.lit(notice.key).alias("message_key"),
        pl.lit(notice.severity).alias("severity"),
        missing_expression(template, columns).alias("variable"),
    ).filter(pl.col("variable").is_not_null())


def _envelope(
    frame: pl.DataFrame, context: ContentContext, text: str, region: pl.Expr | None, units: str | None = None
) -> pl.DataFrame:
    """Signature, opt-out and length of the texts that exist."""
    if region is None and context.region != DOMESTIC:
        region = pl.lit(context.region)
    where = pl.lit(DOMESTIC) if region is None else region
    rows = frame.select(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("key"), pl.col(text).alias("text"), where.alias("region"),
        (units_expression(pl.col(text), region) if units is None else pl.col(units)).alias("units"),
    )  # fmt: skip
    column, region = pl.col("text"), None if region is None else pl.col("region")
    signed = pl.any_horizontal([column.str.starts_with(f"【{name}】") for name in _usable(context)] or [pl.lit(False)])
    marks = [
        _collect(rows, _length_marks(context, region)),
        _collect(rows.filter(~signed), _signature_marks(context)),
    ]
    if context.needs_opt_out:
        marks.append(_collect(rows.filter(~_ends_as_demanded(context)), _opt_out_marks(context)))
    return pl.concat(marks)


def _usable(context: ContentContext) -> list[str]:
    return [name for name in context.signatures if SIGNATURE_MIN <= len(name) <= SIGNATURE_MAX]


def _ends_as_demanded(context: ContentContext) -> pl.Expr:
    """Whether a text ends with a wording that works by itself, so that nothing else need be looked at."""
    wording = context.opt_out_wording
    instructions = find_instructions(wording, context.reference.reply_words) if wording else []
    if wording is None or not instructions or not all(each.is_understood for each in instructions):
        return pl.lit(False)
    return has_only_ending(pl.col("text"), wording)


def _length_marks(context: ContentContext, region: pl.Expr | None) -> list[Mark]:
    units = pl.col("units")
    limit = allowed_units_expression(pl.col("text"), region, context.max_units)
    is_hard = units > HARD_MAX_UNITS
    return [Mark(notices.LENGTH_HARD, is_hard), Mark(notices.LENGTH_OVER, (units > limit) & ~is_hard)]


def _signature_marks(context: ContentContext) -> list[Mark]:
    name = pl.col("text").str.extract("^【([^【】]*)】", 1)
    is_missing = name.is_null() & pl.col("text").is_not_null()
    fits = name.str.len_chars().is_between(SIGNATURE_MIN, SIGNATURE_MAX)
    return [
        Mark(notices.SIGNATURE_MISSING, is_missing),
        Mark(notices.SIGNATURE_LENGTH, ~fits),
        Mark(notices.SIGNATURE_UNREGISTERED, fits & ~name.is_in(context.signatures)),
    ]


def _opt_out_marks(context: ContentContext) -> list[Mark]:
    text = pl.col("text")
    has, is_good = instruction_expressions(text, context.reference.reply_words)
    marks = [
        Mark(notices.OPT_OUT_MISSING, ~has & text.is_not_null()),
        Mark(notices.OPT_OUT_KEYWORD, has & ~is_good),
    ]
    if context.opt_out_wording is not None:
        is_last = text.str.ends_with(context.opt_out_wording)
        marks.append(Mark(notices.OPT_OUT_WORDING, has & is_good & ~is_last))
    return marks


def _symbol_marks(context: ContentContext) -> list[Mark]:
    body = pl.col("text").str.replace(SIGNATURE_SOURCE, "")
    return [
        Mark(group.notice, (body if group.is_body_only else pl.col("text")).str.contains(group.polars))
        for group in context.reference.symbols
    ]


def _link_marks(context: ContentContext) -> list[Mark]:
    if context.links == "none":
        return [Mark(notices.LINK_FORBIDDEN, pl.lit(True))]
    links = links_expression(pl.col("text"))
    filed = [normalise_link(link) for link in context.filed_links]
    is_filed = pl.element().is_in(filed) if context.links == "filed" else pl.lit(True)
    host = pl.element().str.extract("^([^/:]*)", 1).str.to_lowercase()
    return [
        Mark(notices.LINK_NOT_FILED, links.list.eval(~is_filed).list.any()),
        Mark(notices.LINK_SHORTENER, links.list.eval(host.is_in(SHORTENERS) & is_filed).list.any()),
    ]


def _value_link_marks(context: ContentContext) -> list[Mark]:
    """A link that comes in a value: refused wherever the channel wants its links filed."""
    if context.links in ("filed", "text"):
        return [Mark(notices.LINK_IN_VARIABLE, pl.lit(True))]
    return _link_marks(context)


def _collect(texts: pl.DataFrame, marks: Iterable[Mark]) -> pl.DataFrame:
    """The keys of the texts that earn each mark: `key`, `message_key`, `severity`."""
    marks = list(marks)
    names = [f"_{place}" for place in range(len(marks))]
    marked = texts.select(
        "key", *(mark.condition.fill_null(False).alias(name) for name, mark in zip(names, marks, strict=True))
    )
    return pl.concat(
        marked.filter(pl.col(name)).select(
            "key", message_key=pl.lit(mark.notice.key), severity=pl.lit(mark.notice.severity)
        )
        for name, mark in zip(names, marks, strict=True)
    )


def _finish(found: pl.DataFrame) -> pl.DataFrame:
    """Findings by row in the published shape, each once."""
    rule = pl.col("message_key").str.extract(r"^([^.]*)", 1)
    row = pl.col("key").cast(pl.UInt32)
    shaped = found.select(row.alias("row"), rule.alias("rule"), "message_key", "severity", "variable")
    return shaped.unique().sort("row", "message_key", "variable").cast(FINDINGS_SCHEMA)
