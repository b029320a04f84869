"""The contacts file: who stands in which row, every column, the lines; and what the generator knows of it all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from tasks.sample.csv_files import join_lines
from tasks.sample.draws import BoolArray, IntArray, by_kind
from tasks.sample.fields import Fields, RowContext, write_fields
from tasks.sample.numbers import MainlandNumbers, PrefixTable, draw_mainland
from tasks.sample.people import PHONE_HEADER, People, draw_people, draw_regions
from tasks.sample.phone_cells import (
    FaultSource,
    count_alternates,
    plan_abroad_forms,
    plan_mainland_forms,
    write_abroad,
    write_faults,
    write_mainland,
    write_multi,
)
from tasks.sample.rows import RAGGED, VALID, RowPlan, plan_multi, plan_rows

_EXTRA_COLUMN = "补录"
_MAINLAND, _ABROAD, _MULTI, _FAULT = range(4)


@dataclass(frozen=True, slots=True)
class PhonePlan:
    """How the phone cells are written, per row: `multi` (index into MULTI_KINDS), `form` where there is one number.

    `form` points into MAINLAND_FORMS or ABROAD_FORMS by the person's region; -1 where a cell has none or several.
    `region` is per person.
    """

    multi: IntArray
    form: IntArray
    region: IntArray


@dataclass(frozen=True, slots=True)
class Contacts:
    """The contacts file: `header`, `lines`, and everything the answer key is counted from."""

    header: str
    lines: pl.Series
    rows: RowPlan
    phones: PhonePlan
    people: People
    fields: Fields


def make_contacts(rng: np.random.Generator, table: PrefixTable, rows: int, today: date, dirt: float) -> Contacts:
    """`rows` contacts as of `today`; `dirt` (0–1) scales everything that a cleaner has to deal with."""
    plan_rng, people_rng, phone_rng, field_rng = rng.spawn(4)
    plan = plan_rows(plan_rng, rows, dirt)
    phones = _plan_phones(phone_rng, plan, draw_regions(people_rng, plan.people), dirt)
    own, spare = _share_out_numbers(phone_rng, table, plan, phones)
    people = draw_people(people_rng, phones.region, own, dirt)
    fields = write_fields(RowContext(field_rng, plan, people, today, dirt), table)
    phone = _write_phones(FaultSource(phone_rng, table), plan, phones, people, spare)
    columns = {PHONE_HEADER: phone, **fields.columns}
    lines = _add_extra_cells(join_lines(columns), plan.cell == RAGGED)
    return Contacts(",".join(columns), lines, plan, phones, people, fields)


def _plan_phones(rng: np.random.Generator, plan: RowPlan, region: IntArray, dirt: float) -> PhonePlan:
    row_region = np.concatenate([region, np.full(plan.strangers, -1)])[plan.person]
    multi = plan_multi(rng, np.flatnonzero(row_region == 0), len(plan.person), dirt)
    form = np.full(len(plan.person), -1, dtype=np.int64)
    mainland = np.flatnonzero((row_region == 0) & (multi == 0))
    abroad = np.flatnonzero(row_region > 0)
    form[mainland] = plan_mainland_forms(rng, len(mainland), dirt)
    form[abroad] = plan_abroad_forms(rng, len(abroad), dirt)
    return PhonePlan(multi=multi, form=form, region=region)


def _share_out_numbers(
    rng: np.random.Generator, table: PrefixTable, plan: RowPlan, phones: PhonePlan
) -> tuple[MainlandNumbers, MainlandNumbers]:
    """Different numbers for the people of the mainland, and spare ones: for ragged rows, then for alternates."""
    people = int(np.count_nonzero(phones.region == 0))
    ragged = int(np.count_nonzero(plan.cell == RAGGED))
    drawn = draw_mainland(rng, people + ragged + count_alternates(phones.multi), table)
    return (
        MainlandNumbers(drawn.text[:people], drawn.prefix_row[:people]),
        MainlandNumbers(drawn.text[people:], drawn.prefix_row[people:]),
    )


def _write_phones(
    source: FaultSource, plan: RowPlan, phones: PhonePlan, people: People, spare: MainlandNumbers
) -> pl.Series:
    ragged = int(np.count_nonzero(plan.cell == RAGGED))
    is_abroad = np.concatenate([people.region > 0, np.zeros(plan.strangers, dtype=np.bool_)])[plan.person]
    kind = np.where(is_abroad, _ABROAD, _MAINLAND)
    kind[phones.multi > 0] = _MULTI
    kind[plan.cell != VALID] = _FAULT

    def own(where: IntArray) -> pl.Series:
        return people.number.gather(plan.person[where])

    builders = (
        lambda where: write_mainland(own(where), phones.form[where]),
        lambda where: write_abroad(own(where), phones.form[where]),
        lambda where: write_multi(source, own(where), spare.text[ragged:], phones.multi[where]),
        lambda where: write_faults(source, plan.cell[where] - 1, spare.text[:ragged]),
    )
    return by_kind(kind, builders)


def _add_extra_cells(lines: pl.Series, is_ragged: BoolArray) -> pl.Series:
    """Ragged rows get one cell more than the header has columns."""
    longer = pl.concat_str(pl.col("line"), pl.lit(f",{_EXTRA_COLUMN}"))
    frame = lines.to_frame("line")
    return frame.select(pl.when(pl.Series(is_ragged)).then(longer).otherwise(pl.col("line"))).to_series()
