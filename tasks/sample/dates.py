"""Dates as people write them: a table of ready strings per column, so that a million rows are one lookup."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from tasks.sample.draws import BoolArray, IntArray, pick

FORMS = ("%Y-%m-%d", "%Y/%-m/%-d", "%Y年%-m月%-d日", "%Y%m%d", "%Y.%m.%d", "%Y-%m-%d 00:00:00")
_FORM_WEIGHTS = (60, 15, 8, 7, 6, 4)
_SERIAL_WEIGHT = 3
IMPOSSIBLE = ("2023-02-30", "1990-13-01", "0000-00-00", "2025/4/31", "2024年2月30日", "20241301", "不详")
_EXCEL_DAY_ZERO = date(1899, 12, 30)


@dataclass(frozen=True, slots=True)
class DateTable:
    """The strings of `days` days from day `first` on (days after `now`), form after form; then IMPOSSIBLE; then ''."""

    first: int
    days: int
    forms: int
    text: pl.Series

    def write(self, day: IntArray, form: IntArray, is_impossible: BoolArray, is_shown: BoolArray) -> pl.Series:
        """The strings of days after `now` in forms; some impossible instead, and '' where not shown."""
        code = form * self.days + (day - self.first)
        impossible = self.forms * self.days + np.arange(len(day)) % len(IMPOSSIBLE)
        code = np.where(is_impossible, impossible, code)
        return self.text.gather(np.where(is_shown, code, len(self.text) - 1))

    def draw_forms(self, rng: np.random.Generator, size: int) -> IntArray:
        """A form for each of `size` dates; the plain ISO form is the most frequent."""
        return pick(rng, size, (*_FORM_WEIGHTS, _SERIAL_WEIGHT)[: self.forms])


def make_date_table(today: date, first: int, last: int, *, has_serial: bool = False) -> DateTable:
    """All days from `first` to `last` after `today` in all FORMS, and with `has_serial` as the number Excel keeps."""
    start = today + timedelta(days=first)
    days = pl.date_range(start, today + timedelta(days=last), "1d", eager=True)
    parts = [days.dt.to_string(form) for form in FORMS]
    if has_serial:
        serial = (start - _EXCEL_DAY_ZERO).days
        parts.append(pl.Series(np.arange(serial, serial + len(days))).cast(pl.String))
    text = pl.concat([*parts, pl.Series([*IMPOSSIBLE, ""])], rechunk=True)
    return DateTable(first=first, days=len(days), forms=len(parts), text=text)
