"""What to do with the recipients whose rendered text is longer than the campaign allows.

A policy is stated per campaign: a shorter variant, dropping named variables one after another (their fallbacks stand
in), leaving the person out, or paying for more parts. Everything is decided by column; nobody is dropped silently.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

from chuda.errors import UsageError
from tasks.content.parts import (
    DEFAULT_MAX_UNITS,
    HARD_MAX_UNITS,
    UCS2,
    allowed_units_expression,
    parts_expression,
    units_expression,
)
from tasks.content.templates import MISSING_REASON, Template, missing_expression, render_expression

OVER_LENGTH_REASON = "over_length"

Action = Literal["shorter", "drop", "exclude", "pay"]
LastResort = Literal["exclude", "pay"]
DECISIONS: tuple[str, ...] = ("fits", "shorter", "dropped", "paid", "excluded")


@dataclass(frozen=True, slots=True, kw_only=True)
class OverflowPolicy:
    """What happens to a text over `max_units`; `otherwise` applies where the action did not make it fit.

    `drop` names variables in the order in which they are given up; each needs a fallback (which may be empty).
    `max_parts` bounds what `pay` may cost one recipient.
    """

    action: Action = "exclude"
    shorter: Template | None = None
    drop: tuple[str, ...] = ()
    otherwise: LastResort = "exclude"
    max_units: int = DEFAULT_MAX_UNITS
    max_parts: int = 2

    @property
    def longest_units(self) -> int:
        """The longest text the policy lets through: what the checks of rendered messages must allow."""
        return (
            max(self.max_units, self.max_parts * UCS2.part)
            if "pay" in (self.action, self.otherwise)
            else self.max_units
        )

    def __post_init__(self) -> None:
        if (self.action == "shorter") != (self.shorter is not None):
            raise UsageError("overflow: a shorter variant belongs to the action `shorter`, which needs one")
        if (self.action == "drop") != bool(self.drop):
            raise UsageError("overflow: the variables to drop belong to the action `drop`, which needs some")


def resolve_overflow(
    frame: pl.LazyFrame,
    template: Template,
    policy: OverflowPolicy,
    *,
    columns: Mapping[str, str] | None = None,
    region: pl.Expr | None = None,
) -> pl.LazyFrame:
    """Render every row and apply the policy.

    Adds `text` (NULL where nothing can be sent), `decision` (one of `DECISIONS`, NULL where a value is missing),
    `units`, `parts` (UInt32, of the chosen text) and `reason` (`missing_variable`, `over_length` or NULL). `region` is
    the column of the number's region; without it all numbers are domestic. Raises `UsageError` if a variable to drop
    has no fallback.
    """
    candidates = _candidates(template, policy)
    places = range(len(candidates))
    rendered = frame.with_columns(
        render_expression(each, columns).alias(f"_text_{place}") for place, (_, each) in enumerate(candidates)
    ).with_columns(units_expression(pl.col(f"_text_{place}"), region).alias(f"_units_{place}") for place in places)
    chosen = rendered.with_columns(_choose([decision for decision, _ in candidates], policy, region)).unnest("_chosen")
    measured = chosen.with_columns(
        parts=parts_expression(pl.col("text"), region, pl.col("units")), reason=_reason(template, columns)
    )
    return measured.drop(*(f"_{what}_{place}" for what in ("text", "units") for place in places))


def _candidates(template: Template, policy: OverflowPolicy) -> list[tuple[str, Template]]:
    """The texts to try in order, with what choosing each is called; the first is the full one."""
    candidates = [("fits", template)]
    if policy.shorter is not None:
        candidates.append(("shorter", policy.shorter))
    for name in policy.drop:
        candidates.append(("dropped", candidates[-1][1].drop(name)))
    return candidates


def _choose(decisions: list[str], policy: OverflowPolicy, region: pl.Expr | None) -> pl.Expr:
    """The first text that fits, else the full one if it may be paid for, else none: its text, decision and units."""
    full = pl.col("_text_0")
    chosen = _pick(None, "excluded")
    if "pay" in (policy.action, policy.otherwise):
        is_short = pl.col("_units_0") <= HARD_MAX_UNITS
        is_payable = is_short & (parts_expression(full, region, pl.col("_units_0")) <= policy.max_parts)
        chosen = pl.when(is_payable).then(_pick(0, "paid")).otherwise(chosen)
    for place, decision in reversed(list(enumerate(decisions))):
        allowed = allowed_units_expression(pl.col(f"_text_{place}"), region, policy.max_units)
        chosen = pl.when(pl.col(f"_units_{place}") <= allowed).then(_pick(place, decision)).otherwise(chosen)
    return pl.when(full.is_null()).then(_pick(None, None)).otherwise(chosen).alias("_chosen")


def _pick(place: int | None, decision: str | None) -> pl.Expr:
    if place is None:
        text, units = pl.lit(None, dtype=pl.String), pl.lit(None, dtype=pl.UInt32)
    else:
        text, units = pl.col(f"_text_{place}"), pl.col(f"_units_{place}")
    return pl.struct(text=text, decision=pl.lit(decision, dtype=pl.String), units=units)


def _reason(template: Template, columns: Mapping[str, str] | None) -> pl.Expr:
    return (
        pl.when(missing_expression(template, columns).is_not_null())
        .then(pl.lit(MISSING_REASON))
        .when(pl.col("decision") == "excluded")
        .then(pl.lit(OVER_LENGTH_REASON))
    )
