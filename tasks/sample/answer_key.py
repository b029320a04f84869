"""The answer key: what the files hold, counted from what the generator planted, never by reading or cleaning them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tasks.sample.contacts import Contacts
from tasks.sample.csv_files import open_private
from tasks.sample.draws import IntArray
from tasks.sample.names import STYLES
from tasks.sample.numbers import CARRIERS, REGIONS, PrefixTable
from tasks.sample.orders import Orders
from tasks.sample.other_files import DoNotContact, Events
from tasks.sample.people import STAGES
from tasks.sample.phone_cells import ABROAD_FORMS, MAINLAND_FORMS, count_alternates
from tasks.sample.rows import MULTI_KINDS, NONE_VALID, REASONS, VALID
from tasks.sample.vocabulary import DENIED, GRANTED, NONE

Counts = Mapping[str, int]
_CONSENT = {GRANTED: "granted", NONE: "none", DENIED: "denied"}
_LIFE_STAGES = ("none", "pregnant", "0-1", "1-3", "3-6")


@dataclass(frozen=True, slots=True)
class CandidateKey:
    """Rows and numbers of the contacts file: rows + extra_numbers = kept + merged + alternates + all rejected."""

    rows: int
    extra_numbers: int
    kept: int
    merged: int
    alternates: int
    rejected: Counts


@dataclass(frozen=True, slots=True)
class PeopleKey:
    """People (kept candidates) by what a correct cleaner finds; consent after merging, most restrictive first.

    `by_province` counts the mainland; people from elsewhere have carrier 'none' and number type 'mobile'.
    `marketing_eligible` are those who granted consent and are not on the do-not-contact list.
    """

    by_region: Counts
    by_carrier: Counts
    by_number_type: Counts
    by_province: Counts
    by_consent: Counts
    by_life_stage: Counts
    with_conflicting_consent: int
    do_not_contact: int
    marketing_eligible: int
    marketing_eligible_mainland: int


@dataclass(frozen=True, slots=True)
class DirtKey:
    """Rows by how they are written: phone cells with one valid number, cells with several, names, impossible dates."""

    mainland_forms: Counts
    abroad_forms: Counts
    multi_number_cells: Counts
    name_styles: Counts
    compound_surnames: int
    impossible_dates: Counts


@dataclass(frozen=True, slots=True)
class OrderKey:
    """Rows of the orders file; `revenue_cny` is the exact sum of the good ones, as a decimal string."""

    rows: int
    good: int
    bad: Counts
    customers: int
    discounted: int
    revenue_cny: str


@dataclass(frozen=True, slots=True)
class AnswerKey:
    """All that is known of a sample; `parameters` are those it was made with."""

    parameters: Mapping[str, str | int | float]
    candidates: CandidateKey
    people: PeopleKey
    dirt: DirtKey
    orders: OrderKey
    events: Counts
    do_not_contact: Counts


def count_candidates(contacts: Contacts) -> CandidateKey:
    """What becomes of every candidate of the contacts file."""
    cell, multi = contacts.rows.cell, contacts.phones.multi
    rejected = dict(zip(REASONS, np.bincount(cell, minlength=NONE_VALID + 1)[1:].tolist(), strict=False))
    none_valid = int(np.count_nonzero(cell == NONE_VALID))
    beside = dict(zip(MULTI_KINDS, np.bincount(multi, minlength=len(MULTI_KINDS)).tolist(), strict=True))
    rejected["landline"] += beside["landline_first"] + none_valid
    rejected["too_short"] += beside["short_second"] + none_valid
    alternates = count_alternates(multi)
    return CandidateKey(
        rows=len(cell),
        extra_numbers=alternates + beside["landline_first"] + beside["short_second"] + none_valid,
        kept=contacts.rows.people,
        merged=int(np.count_nonzero(cell == VALID)) - contacts.rows.people,
        alternates=alternates,
        rejected=rejected,
    )


def count_people(contacts: Contacts, listed: DoNotContact, table: PrefixTable) -> PeopleKey:
    """The people of the contacts file by place, carrier, consent and life stage."""
    people = contacts.people
    mainland = people.prefix_row[people.region == 0]
    least, most = _merge_consent(contacts)
    is_eligible = (most == GRANTED) & ~listed.is_listed
    resold = int(np.count_nonzero(table.is_mvno[mainland]))
    stages = _count(people.stage, STAGES)
    staged = {stage: stages[stage] for stage in _LIFE_STAGES[1:]}
    return PeopleKey(
        by_region=_count(people.region, REGIONS),
        by_carrier={**_count(table.carrier[mainland], CARRIERS), "none": len(people) - len(mainland)},
        by_number_type={"mobile": len(people) - resold, "mvno": resold},
        by_province=_count_provinces(table, mainland),
        by_consent={name: int(np.count_nonzero(most == code)) for code, name in _CONSENT.items()},
        by_life_stage={"none": len(people) - sum(staged.values()), **staged},
        with_conflicting_consent=int(np.count_nonzero(least != most)),
        do_not_contact=int(np.count_nonzero(listed.is_listed)),
        marketing_eligible=int(np.count_nonzero(is_eligible)),
        marketing_eligible_mainland=int(np.count_nonzero(is_eligible & (people.region == 0))),
    )


def count_dirt(contacts: Contacts) -> DirtKey:
    """The rows of the contacts file by how they are written."""
    region = np.concatenate([contacts.people.region, np.full(contacts.rows.strangers, -1)])[contacts.rows.person]
    form = contacts.phones.form
    has_form = form >= 0
    several = _count(contacts.phones.multi, MULTI_KINDS)
    return DirtKey(
        mainland_forms=_count(form[has_form & (region == 0)], MAINLAND_FORMS),
        abroad_forms=_count(form[has_form & (region > 0)], ABROAD_FORMS),
        multi_number_cells={
            **{kind: several[kind] for kind in MULTI_KINDS[1:]},
            "none_valid": int(np.count_nonzero(contacts.rows.cell == NONE_VALID)),
        },
        name_styles=_count(contacts.fields.name_style, STYLES),
        compound_surnames=contacts.fields.compound_surnames,
        impossible_dates=contacts.fields.impossible_dates,
    )


def count_orders(orders: Orders) -> OrderKey:
    """The rows of the orders file."""
    rows = len(orders.lines)
    return OrderKey(
        rows=rows,
        good=rows - sum(orders.bad.values()),
        bad=orders.bad,
        customers=orders.customers,
        discounted=orders.discounted,
        revenue_cny=str(orders.revenue_cny),
    )


def count_events(events: Events) -> Counts:
    """The rows of the events file, in all and by kind."""
    return {"rows": len(events.lines), **events.by_kind}


def write_answer_key(path: Path, key: AnswerKey) -> None:
    """Write the key as JSON, readable by its owner only like the files it belongs to."""
    text = json.dumps(asdict(key), ensure_ascii=False, indent=2)
    with open_private(path) as file:
        file.write(text.encode() + b"\n")


def _merge_consent(contacts: Contacts) -> tuple[IntArray, IntArray]:
    """Per person the least and the most restrictive consent over all their rows; the latter is what merging keeps."""
    is_own = contacts.rows.cell == VALID
    person, consent = contacts.rows.person[is_own], contacts.fields.consent[is_own]
    least = np.full(contacts.rows.people, DENIED, dtype=np.int64)
    most = np.full(contacts.rows.people, GRANTED, dtype=np.int64)
    np.minimum.at(least, person, consent)
    np.maximum.at(most, person, consent)
    return least, most


def _count_provinces(table: PrefixTable, prefix_row: IntArray) -> Counts:
    names, province_of_place = np.unique(table.provinces, return_inverse=True)
    return _count(province_of_place[table.place[prefix_row]], names.tolist())


def _count(codes: IntArray, names: Sequence[str]) -> dict[str, int]:
    """How often each index into `names` occurs."""
    return dict(zip(names, np.bincount(codes, minlength=len(names)).tolist(), strict=True))
