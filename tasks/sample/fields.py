"""The columns of the contacts file beside the phone: what each row says, and what the answer key must know of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from tasks.sample.dates import make_date_table
from tasks.sample.draws import BoolArray, IntArray, choose, joined, pick, replace_where
from tasks.sample.names import UNKNOWN, draw_names, write_names
from tasks.sample.numbers import PrefixTable
from tasks.sample.people import MEMBER_HEADER, NO_DAY, STAGES, People, member_numbers
from tasks.sample.rows import RowPlan
from tasks.sample.vocabulary import (
    CONSENT_PURPOSES,
    CONSENT_SOURCES,
    CONSENT_WORDS,
    GENDER_WORDS,
    GRANTED,
    LANGUAGE_WORDS,
    NONE,
    TAGS,
    UNKNOWN_GENDER,
)

_CONSENT_WEIGHTS = (0.57, 0.28, 0.15)  # granted, none, denied
_CONSENT_CHANGED_SHARE = 0.3  # of the repeated rows: drawn anew, so that rows of one person disagree
_HIDDEN_SHARE = 0.3  # of the repeated rows, per column
_BIRTHDAY_MISSING_SHARE = 0.3
_IMPOSSIBLE_BIRTHDAY_SHARE = 0.02  # at dirt = 1
_ADULT_DAYS = (18 * 366, 75 * 365)
_PARENT_DAYS = (23 * 365, 43 * 365)
_CITY_WEIGHTS = (35, 25, 10, 10, 20)  # city, city with 市, with province, in full, nothing
_OTHER_CITY_SHARE = 0.12
_ABROAD_CITIES = ("香港", "澳门", "台北")
_MUNICIPALITIES = ("北京", "上海", "天津", "重庆")
_POINTS_MAX = 10_000
_CONSENT_MAX_AGE_DAYS = 1_500


@dataclass(frozen=True, slots=True)
class RowContext:
    """What every column needs: the random generator, whose row it is, the people, the day of `now`, the dirt (0–1)."""

    rng: np.random.Generator
    plan: RowPlan
    people: People
    today: date
    dirt: float

    @property
    def rows(self) -> int:
        """Rows of the file."""
        return len(self.plan.person)

    @property
    def everyone(self) -> int:
        """People and strangers."""
        return self.plan.people + self.plan.strangers

    def shown(self) -> BoolArray:
        """A fresh mask: first rows and strangers show a column, repeated rows mostly."""
        return self.plan.is_first | (self.rng.random(self.rows) >= _HIDDEN_SHARE)

    def of_people(self, values: IntArray, otherwise: int) -> IntArray:
        """Per row the value of its person; `otherwise` for strangers."""
        return np.concatenate([values, np.full(self.plan.strangers, otherwise)])[self.plan.person]


@dataclass(frozen=True, slots=True)
class Fields:
    """Columns by Chinese header (all but the phone), and per row: consent, name style; impossible dates by column."""

    columns: dict[str, pl.Series]
    consent: IntArray
    name_style: IntArray
    compound_surnames: int
    impossible_dates: dict[str, int]


def write_fields(context: RowContext, table: PrefixTable) -> Fields:
    """All columns but the phone, in the order of the file."""
    gender = _draw_gender(context)
    is_abroad = np.zeros(context.everyone, dtype=np.bool_)
    is_abroad[: len(context.people)] = context.people.region > 0
    names = draw_names(context.rng, gender, is_abroad)
    name, style = write_names(context.rng, names, context.plan.person, context.dirt)
    birthday, impossible_birthdays = _write_birthdays(context)
    due, impossible_due = _write_stage_dates(context, context.people.due_day, "impossible_due_date")
    child, impossible_child = _write_stage_dates(context, context.people.child_day, "impossible_child_birthday")
    consent = _draw_consent(context)
    columns = {
        "姓名": name,
        "性别": _write_gender(context, gender),
        "城市": _write_city(context, table),
        "生日": birthday,
        "预产期": due,
        "宝宝生日": child,
        "语言": _write_language(context, is_abroad),
        **_write_points(context),
        "标签": choose(TAGS, context.rng.integers(0, len(TAGS), context.everyone)[context.plan.person]),
        **_write_consent(context, consent),
        MEMBER_HEADER: _write_member(context),
    }
    return Fields(
        columns=columns,
        consent=consent,
        name_style=style,
        compound_surnames=int(np.count_nonzero(names.is_compound[context.plan.person])),
        impossible_dates={"生日": impossible_birthdays, "预产期": impossible_due, "宝宝生日": impossible_child},
    )


def _draw_gender(context: RowContext) -> IntArray:
    """FEMALE, MALE or UNKNOWN of people and strangers; who expects a child is mostly a woman."""
    gender = pick(context.rng, context.everyone, (0.50, 0.42, 0.08))
    expecting = np.flatnonzero(context.people.stage == STAGES.index("pregnant"))
    gender[expecting] = pick(context.rng, len(expecting), (0.90, 0.06, 0.04))
    return gender


def _write_gender(context: RowContext, gender: IntArray) -> pl.Series:
    words = (*GENDER_WORDS[0], *GENDER_WORDS[1], *UNKNOWN_GENDER)
    form = context.rng.integers(0, len(GENDER_WORDS[0]), context.rows)
    row_gender = np.where(context.shown(), gender[context.plan.person], UNKNOWN)
    form = np.where(row_gender == UNKNOWN, form % len(UNKNOWN_GENDER), form)
    return choose(words, row_gender * len(GENDER_WORDS[0]) + form)


def _write_city(context: RowContext, table: PrefixTable) -> pl.Series:
    places = len(table.cities)
    words = [_city_words(p, c) for p, c in zip(table.provinces, table.cities, strict=True)]
    words += [(city, city, city, city, "") for city in _ABROAD_CITIES]
    people = context.people
    # Row -1 of the table is a wrong place for people from abroad; the region puts it right.
    home = np.where(people.region > 0, places + people.region - 1, table.place[people.prefix_row])
    is_elsewhere = context.rng.random(context.rows) < _OTHER_CITY_SHARE
    place = context.of_people(home, 0)
    is_elsewhere |= context.plan.person >= context.plan.people
    place = np.where(is_elsewhere, context.rng.integers(0, places, context.rows), place)
    form = np.where(context.shown(), pick(context.rng, context.rows, _CITY_WEIGHTS), len(_CITY_WEIGHTS) - 1)
    return choose([word for forms in words for word in forms], place * len(_CITY_WEIGHTS) + form)


def _city_words(province: str, city: str) -> tuple[str, str, str, str, str]:
    if province in _MUNICIPALITIES:
        return province, f"{province}市", province, f"{province}市", ""
    return city, f"{city}市", f"{province}{city}", f"{province}省{city}市", ""


def _write_birthdays(context: RowContext) -> tuple[pl.Series, int]:
    youngest, oldest = _ADULT_DAYS
    table = make_date_table(context.today, -oldest, -youngest, has_serial=True)
    rng = context.rng
    age = rng.integers(youngest, oldest + 1, context.everyone)
    parents = np.flatnonzero(context.people.stage > 0)
    age[parents] = rng.integers(*_PARENT_DAYS, len(parents))
    day = -age[context.plan.person]
    has_birthday = (rng.random(context.everyone) >= _BIRTHDAY_MISSING_SHARE)[context.plan.person]
    is_impossible = rng.random(context.rows) < context.dirt * _IMPOSSIBLE_BIRTHDAY_SHARE
    is_shown = has_birthday & context.shown()
    text = table.write(day, table.draw_forms(rng, context.rows), is_impossible, is_shown)
    return text, int(np.count_nonzero(is_impossible & is_shown))


def _write_stage_dates(context: RowContext, days: IntArray, impossible_stage: str) -> tuple[pl.Series, int]:
    """A column of dates that set a life stage; `days` after `now` per person."""
    table = make_date_table(context.today, -4_000, 400)
    day = context.of_people(days, NO_DAY)
    stage = context.of_people(context.people.stage, 0)
    is_impossible = stage == STAGES.index(impossible_stage)
    is_shown = (is_impossible | (day != NO_DAY)) & context.shown()
    text = table.write(day, table.draw_forms(context.rng, context.rows), is_impossible, is_shown)
    return text, int(np.count_nonzero(is_impossible & is_shown))


def _write_language(context: RowContext, is_abroad: BoolArray) -> pl.Series:
    language = pick(context.rng, context.everyone, (0.55, 0.42, 0.0, 0.03))
    language[is_abroad] = pick(context.rng, int(is_abroad.sum()), (0.15, 0.0, 0.70, 0.15))
    forms = len(LANGUAGE_WORDS[0])
    form = context.rng.integers(0, forms, context.rows)
    row_language = np.where(context.shown(), language[context.plan.person], 0)
    return choose([word for words in LANGUAGE_WORDS for word in words], row_language * forms + form)


def _write_points(context: RowContext) -> dict[str, pl.Series]:
    """Points as whole numbers, some with a thousands separator or `.0`, and the day on which they expire."""
    rng = context.rng
    points = np.minimum(rng.lognormal(5.5, 1.2, context.everyone), _POINTS_MAX - 1).astype(np.int64)
    has_points = rng.random(context.everyone) < 0.65
    words = [form.format(value) for form in ("{}", "{:,}", "{}.0") for value in range(_POINTS_MAX)]
    code = pick(rng, context.rows, (8, 1, 1)) * _POINTS_MAX + points[context.plan.person]
    is_shown = has_points[context.plan.person] & context.shown()
    table = make_date_table(context.today, -30, 365)
    day = rng.integers(-30, 366, context.everyone)[context.plan.person]
    never = np.zeros(context.rows, dtype=np.bool_)
    return {
        "积分": choose([*words, ""], np.where(is_shown, code, len(words))),
        "积分到期日": table.write(day, table.draw_forms(rng, context.rows), never, is_shown),
    }


def _draw_consent(context: RowContext) -> IntArray:
    """Per row GRANTED, NONE or DENIED; rows of one person agree but for a part of the repeated ones."""
    of_person = pick(context.rng, context.everyone, _CONSENT_WEIGHTS)[context.plan.person]
    anew = pick(context.rng, context.rows, _CONSENT_WEIGHTS)
    is_changed = ~context.plan.is_first & (context.rng.random(context.rows) < _CONSENT_CHANGED_SHARE)
    return np.where(is_changed, anew, of_person)


def _write_consent(context: RowContext, consent: IntArray) -> dict[str, pl.Series]:
    """The answer, its source and time where there is one, and the purpose where consent was given."""
    rng, rows = context.rng, context.rows
    forms = len(CONSENT_WORDS[0])
    words = [word for answers in CONSENT_WORDS for word in answers]
    source = np.where(consent == NONE, 0, rng.integers(1, len(CONSENT_SOURCES) + 1, rows))
    purpose = np.where(consent == GRANTED, rng.integers(1, len(CONSENT_PURPOSES) + 1, rows), 0)
    table = make_date_table(context.today, -_CONSENT_MAX_AGE_DAYS, -1)
    form = table.draw_forms(rng, rows)
    day = -rng.integers(1, _CONSENT_MAX_AGE_DAYS + 1, rows)
    never = np.zeros(rows, dtype=np.bool_)
    minutes = ["", *(f" {minute // 60:02}:{minute % 60:02}" for minute in range(8 * 60, 22 * 60))]
    minute = np.where((form == 0) & (consent != NONE), rng.integers(0, len(minutes), rows), 0)
    return {
        "是否同意营销短信": choose(words, consent * forms + rng.integers(0, forms, rows)),
        "同意来源": choose(["", *CONSENT_SOURCES], source),
        "同意时间": joined(table.write(day, form, never, consent != NONE), choose(minutes, minute)),
        "同意用途": choose(["", *CONSENT_PURPOSES], purpose),
    }


def _write_member(context: RowContext) -> pl.Series:
    is_member = context.of_people(context.people.is_member.astype(np.int64), 1) == 1
    return replace_where(~(is_member & context.shown()), "", member_numbers(context.plan.person))
