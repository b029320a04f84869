"""The same person several times in a file becomes one candidate, field by field.

The rule: of each field the newest non-empty value wins; newer is who consented later (a row without that time is older
than one with it), then who stands further down. Name and surname go together. Of consent the most restrictive answer
wins (denied, then none, then granted), the newest among equal ones, and brings its own source, time and purpose.
"""

from __future__ import annotations

import polars as pl

from tasks.contacts.contact_fields import CANDIDATE_SCHEMA

_LAST_ROW = ("phone", "source_row")
_CONSENT_BY_RESTRICTION = ("denied", "none", "granted")
_FOLLOWS = {
    "surname": "name",
    "consent_source": "consent",
    "consent_at": "consent",
    "consent_purpose": "consent",
}


def merge_duplicates(candidates: pl.DataFrame) -> pl.DataFrame:
    """One candidate per phone (`CANDIDATE_SCHEMA`); source_row is that of the person's newest row.

    Only rows whose phone occurs more than once are touched; they come last, ordered by phone.
    """
    number = pl.col("phone").str.strip_prefix("+").cast(pl.UInt64)
    is_repeated = candidates.select(number.is_duplicated()).to_series()
    if not is_repeated.any():
        return candidates
    return pl.concat([candidates.filter(~is_repeated), _merge(candidates.filter(is_repeated))])


def _merge(repeated: pl.DataFrame) -> pl.DataFrame:
    """Everything is a look-up: sorted by person and age, the newest value of a field is the last one seen."""
    ordered = repeated.sort("phone", "consent_at", "source_row", nulls_last=False)
    places = _find_newest(ordered)
    return pl.DataFrame([ordered[name].gather(places[_FOLLOWS.get(name, name)]) for name in CANDIDATE_SCHEMA])


def _find_newest(ordered: pl.DataFrame) -> pl.DataFrame:
    """One row per person, one column per field: the row of `ordered` that holds its newest value; NULL if none does."""
    row = pl.int_range(pl.len(), dtype=pl.UInt32)
    phone = pl.col("phone")
    begins = (phone != phone.shift(1)).fill_null(True)
    first = pl.when(begins).then(row).forward_fill()
    fields = [name for name in CANDIDATE_SCHEMA if name not in _LAST_ROW and name not in _FOLLOWS and name != "consent"]
    newest = {name: _last_seen(pl.col(name).is_not_null(), row, first) for name in fields}
    consent = [_last_seen(pl.col("consent") == answer, row, first) for answer in _CONSENT_BY_RESTRICTION]
    ends = (phone != phone.shift(-1)).fill_null(True)
    columns = {**newest, "consent": pl.coalesce(consent), **dict.fromkeys(_LAST_ROW, row)}
    return ordered.lazy().select(**columns, ends=ends).filter("ends").collect()


def _last_seen(holds: pl.Expr, row: pl.Expr, first: pl.Expr) -> pl.Expr:
    """The last row up to here where the condition holds, unless that was before `first`, another person's row."""
    last = pl.when(holds).then(row).forward_fill()
    return pl.when(last >= first).then(last)
