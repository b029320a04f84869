"""The small files beside contacts and orders: events (appointments, installations, visits) and do-not-contact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from tasks.sample.csv_files import join_lines
from tasks.sample.dates import make_date_table
from tasks.sample.draws import BoolArray, Builder, IntArray, by_kind, choose, digits, joined, mask_at, pick
from tasks.sample.people import MEMBER_HEADER, PHONE_HEADER, People, write_identity
from tasks.sample.vocabulary import DO_NOT_CONTACT_REASONS, EVENT_DETAILS, EVENT_WORDS

_EVENT_SHARE = 0.03  # of the people
_KIND_WEIGHTS = (40, 25, 35)  # in the order of EVENT_WORDS
# First and last day after `now` of each kind.
_KIND_DAYS = {"appointment": (1, 14), "installation": (-30, -1), "visit": (-180, -1)}
_LISTED_SHARE = 0.004
_MAX_DAYS_LISTED = 700


@dataclass(frozen=True, slots=True)
class Events:
    """The events file: `header`, `lines`, rows by kind (appointment, installation, visit)."""

    header: str
    lines: pl.Series
    by_kind: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class DoNotContact:
    """The do-not-contact file: `header`, `lines`; `is_listed` per person."""

    header: str
    lines: pl.Series
    is_listed: BoolArray


def make_events(rng: np.random.Generator, people: People, today: date) -> Events:
    """One event each for about 3 % of the people: appointments ahead, installations and visits behind `today`."""
    person = rng.permutation(len(people))[: int(np.ceil(len(people) * _EVENT_SHARE))]
    kind = pick(rng, len(person), _KIND_WEIGHTS)
    phone, member = write_identity(rng, people, person)
    columns = {
        "事件号": joined("E", digits(np.arange(1, len(person) + 1), 8)),
        PHONE_HEADER: phone,
        MEMBER_HEADER: member,
        "类型": choose(tuple(EVENT_WORDS.values()), kind),
        "时间": _write_moments(rng, kind, today),
        "说明": by_kind(kind, [_detail_writer(rng, details) for details in EVENT_DETAILS.values()]),
    }
    return Events(
        header=",".join(columns),
        lines=join_lines(columns),
        by_kind={name: int(np.count_nonzero(kind == i)) for i, name in enumerate(EVENT_WORDS)},
    )


def make_do_not_contact(rng: np.random.Generator, people: People, today: date) -> DoNotContact:
    """A list of about 0.4 % of the people."""
    person = rng.permutation(len(people))[: int(np.ceil(len(people) * _LISTED_SHARE))]
    size = len(person)
    table = make_date_table(today, -_MAX_DAYS_LISTED, -1)
    ones = np.ones(size, dtype=np.bool_)
    day = -rng.integers(1, _MAX_DAYS_LISTED + 1, size)
    columns = {
        PHONE_HEADER: people.number.gather(person),
        "原因": choose(DO_NOT_CONTACT_REASONS, rng.integers(0, len(DO_NOT_CONTACT_REASONS), size)),
        "时间": table.write(day, np.zeros(size, dtype=np.int64), ~ones, ones),
    }
    return DoNotContact(",".join(columns), join_lines(columns), mask_at(len(people), person))


def _write_moments(rng: np.random.Generator, kind: IntArray, today: date) -> pl.Series:
    """Days by kind, at full and half hours from 9:00 to 18:30."""
    first, last = np.array(list(_KIND_DAYS.values())).T
    table = make_date_table(today, int(first.min()), int(last.max()))
    ones = np.ones(len(kind), dtype=np.bool_)
    day = rng.integers(first[kind], last[kind] + 1)
    times = [f" {hour:02}:{minute}:00" for hour in range(9, 19) for minute in ("00", "30")]
    dates = table.write(day, np.zeros(len(kind), dtype=np.int64), ~ones, ones)
    return joined(dates, choose(times, rng.integers(0, len(times), len(kind))))


def _detail_writer(rng: np.random.Generator, details: Sequence[str]) -> Builder:
    return lambda where: choose(details, rng.integers(0, len(details), len(where)))
