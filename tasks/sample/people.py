"""Who the people of the sample are: one entry per person in parallel arrays, drawn once, before anything is written."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from tasks.sample.draws import BoolArray, IntArray, digits, exact_kinds, joined, replace_where
from tasks.sample.numbers import REGIONS, MainlandNumbers, draw_abroad

PHONE_HEADER = "手机号"
MEMBER_HEADER = "会员号"
_MEMBER_BASE = 10_000_000
_MEMBER_CARD_SHARE = 0.6  # of the dealings of members: known by the card
_BOTH_SHARE = 0.25  # of those: the phone is there too

_ABROAD_SHARES = (0.009, 0.003, 0.005)
_MEMBER_SHARE = 0.7

# What a person's dates say at `now`; the last two are dates that do not exist.
STAGES = ("none", "pregnant", "0-1", "1-3", "3-6", "older_child", "impossible_due_date", "impossible_child_birthday")
_STAGE_SHARES = (0.06, 0.06, 0.08, 0.08, 0.05)
_IMPOSSIBLE_STAGE_SHARE = 0.01  # each, at dirt = 1
# Days after `now` of the due date, or before it of the child's birthday. The edges of the stages are left out, so that
# a stage does not hang on how somebody counts a birthday.
_DUE_DAYS = (3, 270)
_CHILD_DAYS = {"0-1": (15, 345), "1-3": (372, 1088), "3-6": (1104, 2184), "older_child": (2200, 4000)}
_PAST_DUE_DATE_SHARE = 0.3  # of the people with a baby: the due date is still there, near the birthday
NO_DAY = 1_000_000


@dataclass(frozen=True, slots=True)
class People:
    """Parallel arrays, one entry per person.

    `number` is the canonical phone, `region` an index into REGIONS, `prefix_row` a row of the prefix table (-1 outside
    the mainland), `stage` an index into STAGES, `due_day` and `child_day` are days after `now` (NO_DAY for none).
    """

    number: pl.Series
    region: IntArray
    prefix_row: IntArray
    stage: IntArray
    due_day: IntArray
    child_day: IntArray
    is_member: BoolArray

    def __len__(self) -> int:
        return len(self.region)


def draw_regions(rng: np.random.Generator, count: int) -> IntArray:
    """An index into REGIONS for each of `count` people."""
    return exact_kinds(rng, count, _ABROAD_SHARES)


def draw_people(rng: np.random.Generator, regions: IntArray, mainland: MainlandNumbers, dirt: float) -> People:
    """One person per entry of `regions`; the mainland ones take the numbers of `mainland`, one each, in order."""
    count = len(regions)
    stage = exact_kinds(rng, count, (*_STAGE_SHARES, *[dirt * _IMPOSSIBLE_STAGE_SHARE] * 2))
    child_day = _draw_child_days(rng, stage)
    prefix_row = np.full(count, -1, dtype=np.int64)
    prefix_row[regions == 0] = mainland.prefix_row
    return People(
        number=_lay_out_numbers(rng, regions, mainland.text),
        region=regions,
        prefix_row=prefix_row,
        stage=stage,
        due_day=_draw_due_days(rng, stage, child_day),
        child_day=child_day,
        is_member=rng.random(count) < _MEMBER_SHARE,
    )


def member_numbers(person: IntArray) -> pl.Series:
    """The membership number of each person index; indexes past the people give numbers that are nobody's."""
    return joined("M", digits(_MEMBER_BASE + person, 8))


def write_identity(rng: np.random.Generator, people: People, person: IntArray) -> tuple[pl.Series, pl.Series]:
    """Phone and membership number as an order or event shows them for each `person`: either or both, else ''."""
    by_card = people.is_member[person] & (rng.random(len(person)) < _MEMBER_CARD_SHARE)
    phone_too = rng.random(len(person)) < _BOTH_SHARE
    phone = replace_where(by_card & ~phone_too, "", people.number.gather(person))
    return phone, replace_where(~by_card, "", member_numbers(person))


def _lay_out_numbers(rng: np.random.Generator, regions: IntArray, mainland: pl.Series) -> pl.Series:
    abroad = [draw_abroad(rng, int(np.count_nonzero(regions == i)), REGIONS[i]) for i in range(1, len(REGIONS))]
    # The numbers stand region after region; the inverse of the stable order by region brings them to their people.
    place = np.argsort(np.argsort(regions, kind="stable"), kind="stable")
    return pl.concat([mainland, *abroad], rechunk=True).gather(place)


def _draw_child_days(rng: np.random.Generator, stage: IntArray) -> IntArray:
    day = np.full(len(stage), NO_DAY, dtype=np.int64)
    for name, (first, last) in _CHILD_DAYS.items():
        where = np.flatnonzero(stage == STAGES.index(name))
        day[where] = -rng.integers(first, last + 1, len(where))
    return day


def _draw_due_days(rng: np.random.Generator, stage: IntArray, child_day: IntArray) -> IntArray:
    day = np.full(len(stage), NO_DAY, dtype=np.int64)
    expecting = np.flatnonzero(stage == STAGES.index("pregnant"))
    day[expecting] = rng.integers(_DUE_DAYS[0], _DUE_DAYS[1] + 1, len(expecting))
    babies = np.flatnonzero((stage == STAGES.index("0-1")) & (rng.random(len(stage)) < _PAST_DUE_DATE_SHARE))
    day[babies] = child_day[babies] + rng.integers(-10, 11, len(babies))
    return day
