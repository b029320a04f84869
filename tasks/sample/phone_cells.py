"""How phone numbers are written into cells, and the cells that hold none: every kind of dirt of the phone column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from tasks.sample.draws import Builder, IntArray, by_kind, choose, digits, exact_kinds, joined, pick, random_digits
from tasks.sample.numbers import PrefixTable
from tasks.sample.vocabulary import FOREIGN_HEADS, IOT_HEADS, NOT_A_NUMBER

MAINLAND_FORMS = (
    "plain", "spaced", "dashed", "plus86_dash", "plus86_spaced", "double_zero_86", "bracket_86", "bare_86",
    "full_width", "trailing_dot_zero", "leading_quote", "padded",
)  # fmt: skip
ABROAD_FORMS = ("plus", "plus_spaced", "double_zero", "bracket")
_MAINLAND_SHARES = (0.22, 0.10, 0.14, 0.06, 0.08, 0.05, 0.06, 0.07, 0.10, 0.06, 0.06)
_ABROAD_SHARES = (0.5, 0.3, 0.2)
_DIRTY_FORM_SHARE = 0.5  # of the valid cells, at dirt = 1
_SEPARATORS = ("/", ",", "、", " / ", "，", ";")
_WIDE = ("０", "１", "２", "３", "４", "５", "６", "７", "８", "９")


@dataclass(frozen=True, slots=True)
class FaultSource:
    """What the faulty cells are made from: a random generator and the prefix table."""

    rng: np.random.Generator
    table: PrefixTable


def plan_mainland_forms(rng: np.random.Generator, size: int, dirt: float) -> IntArray:
    """An index into MAINLAND_FORMS for each of `size` cells."""
    return exact_kinds(rng, size, [dirt * _DIRTY_FORM_SHARE * share for share in _MAINLAND_SHARES])


def plan_abroad_forms(rng: np.random.Generator, size: int, dirt: float) -> IntArray:
    """An index into ABROAD_FORMS for each of `size` cells."""
    return exact_kinds(rng, size, [dirt * share for share in _ABROAD_SHARES])


def write_mainland(numbers: pl.Series, forms: IntArray) -> pl.Series:
    """The 11-digit `numbers` as people write them."""
    writers: tuple[Callable[[pl.Series], pl.Series], ...] = (
        lambda n: n,
        lambda n: _grouped(n, " "),
        lambda n: _grouped(n, "-"),
        lambda n: joined("+86-", n),
        lambda n: joined("+86 ", _grouped(n, " ")),
        lambda n: joined("0086", n),
        lambda n: joined("(86)", n),
        lambda n: joined("86", n),
        lambda n: n.str.replace_many([str(digit) for digit in range(10)], list(_WIDE)),
        lambda n: joined(n, ".0"),
        lambda n: joined("'", n),
        lambda n: joined(" ", n, "  "),
    )
    return by_kind(forms, [_of_gathered(numbers, write) for write in writers])


def write_abroad(numbers: pl.Series, forms: IntArray) -> pl.Series:
    """E.164 `numbers` of Hong Kong, Macau and Taiwan (three-digit country code) as people write them."""
    country, rest = numbers.str.slice(1, 3), numbers.str.slice(4)
    writers = (
        lambda where: numbers.gather(where),
        lambda where: _spaced_abroad(country.gather(where), rest.gather(where)),
        lambda where: joined("00", country.gather(where), rest.gather(where)),
        lambda where: joined("(", country.gather(where), ")", rest.gather(where)),
    )
    return by_kind(forms, writers)


def write_multi(source: FaultSource, own: pl.Series, extra: pl.Series, kinds: IntArray) -> pl.Series:
    """Cells with several numbers: `own` beside numbers of `extra`, a landline or a number cut short.

    `kinds` are indexes into MULTI_KINDS, 1 to 4. `extra` holds exactly as many numbers as `count_alternates` says.
    """
    separator = choose(_SEPARATORS, source.rng.integers(0, len(_SEPARATORS), len(own)))
    first_extra = np.cumsum(_alternates_per_cell(kinds)) - _alternates_per_cell(kinds)

    def two_valid(where: IntArray) -> pl.Series:
        return joined(own.gather(where), separator.gather(where), extra.gather(first_extra[where]))

    def three_valid(where: IntArray) -> pl.Series:
        return joined(two_valid(where), separator.gather(where), extra.gather(first_extra[where] + 1))

    def landline_first(where: IntArray) -> pl.Series:
        return joined(_area_landline(source, len(where)), separator.gather(where), own.gather(where))

    def short_second(where: IntArray) -> pl.Series:
        return joined(own.gather(where), separator.gather(where), _too_short(source, len(where)))

    return by_kind(kinds - 1, (two_valid, three_valid, landline_first, short_second))


def count_alternates(kinds: IntArray) -> int:
    """How many further valid numbers cells of these kinds (index into MULTI_KINDS) hold."""
    return int(_alternates_per_cell(kinds).sum())


def write_faults(source: FaultSource, reasons: IntArray, ragged: pl.Series) -> pl.Series:
    """Cells without a person: `reasons` are indexes into rows.REASONS, or one more for a cell with two faults.

    The rows that are ragged show the numbers of `ragged`, one each: the number is fine, the row is not.
    """
    writers = (
        _empty, _too_short, _too_long, _not_a_number, _excel_destroyed, _landline, _foreign, _iot, _all_same_digit,
        _unassigned,
    )  # fmt: skip
    builders = [_of_size(source, write) for write in writers]
    return by_kind(reasons, [*builders, lambda _: ragged, _of_size(source, _two_faults)])


def _of_gathered(numbers: pl.Series, write: Callable[[pl.Series], pl.Series]) -> Builder:
    return lambda where: write(numbers.gather(where))


def _of_size(source: FaultSource, write: Callable[[FaultSource, int], pl.Series]) -> Builder:
    return lambda where: write(source, len(where))


def _alternates_per_cell(kinds: IntArray) -> IntArray:
    return np.array([0, 1, 2, 0, 0])[kinds]


def _grouped(numbers: pl.Series, separator: str) -> pl.Series:
    return joined(numbers.str.slice(0, 3), separator, numbers.str.slice(3, 4), separator, numbers.str.slice(7))


def _spaced_abroad(country: pl.Series, rest: pl.Series) -> pl.Series:
    return joined("+", country, " ", rest.str.slice(0, 4), " ", rest.str.slice(4))


def _empty(source: FaultSource, size: int) -> pl.Series:
    return choose(("", " ", "\u3000"), pick(source.rng, size, (8, 1, 1)))


def _any_number(source: FaultSource, size: int) -> pl.Series:
    """Well-formed mainland numbers to be spoilt; not necessarily different ones."""
    row = source.rng.integers(0, len(source.table.prefix), size)
    return joined(digits(source.table.prefix[row], 7), random_digits(source.rng, size, 4))


def _too_short(source: FaultSource, size: int) -> pl.Series:
    lengths = source.rng.integers(8, 11, size)
    cut = pl.DataFrame({"number": _any_number(source, size), "length": lengths})
    return cut.select(pl.col("number").str.slice(0, pl.col("length"))).to_series()


def _too_long(source: FaultSource, size: int) -> pl.Series:
    return joined(_any_number(source, size), _headed(source, size, (("", 1), ("", 2), ("", 3))))


def _not_a_number(source: FaultSource, size: int) -> pl.Series:
    return choose(NOT_A_NUMBER, source.rng.integers(0, len(NOT_A_NUMBER), size))


def _excel_destroyed(source: FaultSource, size: int) -> pl.Series:
    number = _any_number(source, size)

    def scientific(width: int, mark: str) -> pl.Series:
        return joined("1.", number.str.slice(1, width), mark)

    writers = (scientific(5, "E+10"), scientific(4, "E+10"), scientific(2, "E+10"), scientific(5, "e+10"))
    kinds = pick(source.rng, size, (6, 2, 1, 1))
    return by_kind(kinds, [text.gather for text in writers])


def _area_landline(source: FaultSource, size: int) -> pl.Series:
    """`0755-81234567`: the form that is safe inside a cell with several numbers."""
    return joined(_area_code(source, size), "-", _subscriber(source, size))


def _area_code(source: FaultSource, size: int) -> pl.Series:
    return choose(source.table.area_codes, source.rng.integers(0, len(source.table.area_codes), size))


def _subscriber(source: FaultSource, size: int) -> pl.Series:
    return digits(source.rng.integers(21_000_000, 89_000_000, size), 8)


def _landline(source: FaultSource, size: int) -> pl.Series:
    def with_area(before: str, between: str, after: str, where: IntArray) -> pl.Series:
        return joined(before, _area_code(source, len(where)), between, _subscriber(source, len(where)), after)

    def service_line(where: IntArray) -> pl.Series:
        return joined("400-", random_digits(source.rng, len(where), 3), "-", random_digits(source.rng, len(where), 4))

    writers = (
        lambda where: with_area("", "-", "", where),
        lambda where: with_area("", "", "", where),
        lambda where: with_area("(", ")", "", where),
        lambda where: with_area("", "-", "-801", where),
        service_line,
    )
    return by_kind(pick(source.rng, size, (50, 20, 15, 5, 10)), writers)


def _headed(source: FaultSource, size: int, heads: tuple[tuple[str, int], ...]) -> pl.Series:
    """A head and as many random digits as it asks for."""

    def headed_with(head: str, width: int) -> Builder:
        return lambda where: joined(head, random_digits(source.rng, len(where), width))

    kinds = source.rng.integers(0, len(heads), size)
    return by_kind(kinds, [headed_with(head, width) for head, width in heads])


def _foreign(source: FaultSource, size: int) -> pl.Series:
    return _headed(source, size, FOREIGN_HEADS)


def _iot(source: FaultSource, size: int) -> pl.Series:
    return _headed(source, size, IOT_HEADS)


def _all_same_digit(source: FaultSource, size: int) -> pl.Series:
    return choose([str(digit) * 11 for digit in range(10)], source.rng.integers(0, 10, size))


def _unassigned(source: FaultSource, size: int) -> pl.Series:
    prefixes = source.table.unassigned[source.rng.integers(0, len(source.table.unassigned), size)]
    return joined(digits(prefixes, 7), random_digits(source.rng, size, 4))


def _two_faults(source: FaultSource, size: int) -> pl.Series:
    return joined(_area_landline(source, size), "/", _too_short(source, size))
