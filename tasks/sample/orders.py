"""The orders file: who buys how often, for how much and with which discounts; a few rows that nobody can use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np
import polars as pl

from tasks.sample.csv_files import join_lines
from tasks.sample.draws import (
    BoolArray,
    IntArray,
    choose,
    digits,
    exact_kinds,
    joined,
    pick,
    random_digits,
    replace_where,
)
from tasks.sample.people import MEMBER_HEADER, PHONE_HEADER, People, write_identity
from tasks.sample.vocabulary import PRODUCTS

FAULTS = ("bad_amount", "bad_time", "bad_phone", "no_person", "unknown_person")
_FAULTY_SHARE = 0.003  # of the orders, each fault, at dirt = 1
_REPEATED_SHARE = 0.005  # rows that stand twice, word for word
_CUSTOMER_SHARE = 0.6
_MAX_ORDERS = 80
_DAYS_BACK = 548  # eighteen months
_DAY = 86_400
_FIRST_ORDER = 10_000_000_000
_MAX_CENTS = 2_000_000
# Orders by hour of the day, 8 to 22: lunch and dinner.
_HOUR_WEIGHTS = (1, 2, 4, 10, 13, 8, 4, 4, 5, 9, 13, 12, 8, 5, 2)
_FIRST_HOUR = 8


@dataclass(frozen=True, slots=True)
class Buying:
    """Orders before they are written, in order of time; parallel arrays, money in cents (fen), time in seconds.

    `second` counts from midnight of the first day of the file's eighteen months.
    """

    customer: IntArray
    second: IntArray
    paid: IntArray
    discount: IntArray

    def __len__(self) -> int:
        return len(self.customer)


@dataclass(frozen=True, slots=True)
class Orders:
    """The orders file: `header`, `lines`, how many rows are bad by kind, customers and revenue of the good ones."""

    header: str
    lines: pl.Series
    bad: Mapping[str, int]
    customers: int
    revenue_cny: Decimal
    discounted: int


def make_orders(rng: np.random.Generator, people: People, today: date, dirt: float) -> Orders:
    """The orders of the eighteen months before `today` of about 60 % of the people, 2.5 each on average."""
    buying = _draw_buying(rng, people)
    fault = exact_kinds(rng, len(buying), [dirt * _FAULTY_SHARE] * len(FAULTS))
    columns = _write_columns(rng, buying, people, fault, today)
    good = np.flatnonzero(fault == 0)
    repeated = rng.permutation(good)[: int(len(buying) * dirt * _REPEATED_SHARE)]
    bad = {kind: int(np.count_nonzero(fault == i + 1)) for i, kind in enumerate(FAULTS)}
    return Orders(
        header=",".join(columns),
        lines=join_lines(columns).gather(np.sort(np.concatenate([np.arange(len(buying)), repeated]))),
        bad={**bad, "repeated_order_id": len(repeated)},
        customers=int(np.count_nonzero(np.bincount(buying.customer[good]))),
        revenue_cny=Decimal(int(buying.paid[good].sum())).scaleb(-2),
        discounted=int(np.count_nonzero(buying.discount[good])),
    )


def _draw_buying(rng: np.random.Generator, people: People) -> Buying:
    customers = rng.permutation(len(people))[: int(len(people) * _CUSTOMER_SHARE)]
    # Lomax: most people buy once or twice, a few dozens of times; the scale makes the mean about 2.5.
    counts = np.minimum(1 + (rng.pareto(2.4, len(customers)) * 2.85).astype(np.int64), _MAX_ORDERS)
    which = np.repeat(np.arange(len(customers)), counts)
    second = _draw_seconds(rng, which, len(customers))
    price = _draw_prices(rng, which, len(customers))
    discount = _draw_discounts(rng, which, len(customers), price)
    order = np.argsort(second, kind="stable")
    return Buying(
        customer=customers[which[order]],
        second=second[order],
        paid=(price - discount)[order],
        discount=discount[order],
    )


def _draw_seconds(rng: np.random.Generator, which: IntArray, customers: int) -> IntArray:
    """Each customer buys between a first day and a last one, which for many lies well in the past."""
    newest = 1 + rng.beta(0.7, 1.6, customers) * (_DAYS_BACK - 2)
    oldest = newest + rng.random(customers) * (_DAYS_BACK - newest)
    days_ago = (newest[which] + rng.random(len(which)) * (oldest - newest)[which]).astype(np.int64)
    hour = _FIRST_HOUR + pick(rng, len(which), _HOUR_WEIGHTS)
    second: IntArray = (_DAYS_BACK - days_ago) * _DAY + hour * 3_600 + rng.integers(0, 3_600, len(which))
    return second


def _draw_prices(rng: np.random.Generator, which: IntArray, customers: int) -> IntArray:
    """Log-normal prices in cents: each customer has a level of their own (median about 100 CNY)."""
    level = rng.normal(4.6, 0.5, customers)
    yuan = np.exp(level[which] + rng.normal(0.0, 0.45, len(which)))
    cents: IntArray = np.clip(yuan * 100, 500, _MAX_CENTS).astype(np.int64)
    return cents


def _draw_discounts(rng: np.random.Generator, which: IntArray, customers: int, price: IntArray) -> IntArray:
    """Discounts in cents: some people nearly always use one, most seldom."""
    sensitivity = rng.beta(0.6, 1.4, customers)
    uses_one = rng.random(len(which)) < sensitivity[which]
    return np.where(uses_one, price * rng.uniform(0.05, 0.35, len(which)), 0.0).astype(np.int64)


def _write_columns(
    rng: np.random.Generator, buying: Buying, people: People, fault: IntArray, today: date
) -> dict[str, pl.Series]:
    is_fault = {kind: fault == i + 1 for i, kind in enumerate(FAULTS)}
    phone, member = _write_buyers(rng, buying, people, is_fault)
    # Cash registers leave a missing discount empty or write it as 0.00.
    is_blank = (buying.discount == 0) & (rng.random(len(buying)) < 0.5)
    return {
        "订单号": joined("D", digits(_FIRST_ORDER + np.arange(len(buying)), 11)),
        PHONE_HEADER: phone,
        MEMBER_HEADER: member,
        "支付时间": replace_where(is_fault["bad_time"], "2025-02-30 12:00:00", _write_times(buying.second, today)),
        "金额": replace_where(is_fault["bad_amount"], "待定", _write_cents(buying.paid)),
        "优惠": replace_where(is_blank, "", _write_cents(buying.discount)),
        "商品": choose(PRODUCTS, rng.integers(0, len(PRODUCTS), len(buying))),
    }


def _write_buyers(
    rng: np.random.Generator, buying: Buying, people: People, is_fault: Mapping[str, BoolArray]
) -> tuple[pl.Series, pl.Series]:
    """Phone and membership number of each order, with the faults that make its buyer unknown."""
    phone, member = write_identity(rng, people, buying.customer)
    phone = replace_where(is_fault["no_person"] | is_fault["unknown_person"], "", phone)
    phone = replace_where(is_fault["bad_phone"], "1381234", phone)
    member = replace_where(is_fault["no_person"] | is_fault["bad_phone"], "", member)
    stranger = joined("M9", random_digits(rng, len(buying), 7))
    return phone, stranger.zip_with(pl.Series(is_fault["unknown_person"]), member)


def _write_times(second: IntArray, today: date) -> pl.Series:
    first = datetime.combine(today - timedelta(days=_DAYS_BACK), datetime.min.time())
    days = pl.datetime_range(first, first + timedelta(days=_DAYS_BACK), "1d", eager=True)
    clock = pl.datetime_range(first, first + timedelta(seconds=_DAY - 1), "1s", eager=True)
    return joined(
        days.dt.to_string("%Y-%m-%d ").gather(second // _DAY), clock.dt.to_string("%H:%M:%S").gather(second % _DAY)
    )


def _write_cents(cents: IntArray) -> pl.Series:
    return joined(digits(cents // 100, 1), ".", digits(cents % 100, 2))
