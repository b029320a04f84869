"""Phone columns: who the person of a row is, which numbers are alternates, and what happened to the rest.

A cell may hold several numbers; the first good one is the person, further good ones are alternates. Every string gets a
verdict, and a canonical number is its own canonical form. All of it is regular expressions over columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from tasks.contacts.phone_cells import split_phones
from tasks.contacts.phone_verdicts import PLAIN_MAINLAND, REPAIRS, classify_phones, look_up_profiles
from tasks.contacts.prefixes import PrefixTable
from tasks.contacts.text import only_where


@dataclass(frozen=True, slots=True, repr=False)
class PhoneReading:
    """What became of the numbers of a batch of cells.

    `persons`: row, phone, profile (one per row that has a good number). `alternates`: row, phone, alternate.
    `rejected`: row, cell, reason, repaired (one per number). `repeats` counts numbers that stand twice in their cell,
    `repairs` the good numbers by what had to be mended. Numbers = persons + alternates + repeats + rejected.
    """

    persons: pl.DataFrame
    alternates: pl.DataFrame
    rejected: pl.DataFrame
    repeats: int
    repairs: Mapping[str, int]

    @property
    def numbers(self) -> int:
        """How many candidate numbers there were, empty cells included."""
        return self.persons.height + self.alternates.height + self.repeats + self.rejected.height


def read_phones(cells: pl.DataFrame, table: PrefixTable) -> PhoneReading:
    """Read cells (row: UInt32, unique; cell: String) with the prefixes of `table`; any text gets a verdict."""
    cell = pl.col("cell")
    profile = look_up_profiles(cells.select(only_where(cell.str.contains(PLAIN_MAINLAND), cell)), table)
    is_good = profile.is_not_null() & table.profiles["reason"].gather(profile).is_null()
    plain = cells.with_columns(profile).filter(is_good).select("row", cell.alias("phone"), "profile")
    return _share_out(plain, classify_phones(split_phones(cells.filter(~is_good)), table))


def _share_out(plain: pl.DataFrame, judged: pl.DataFrame) -> PhoneReading:
    """`plain` are rows with one faultless number; `judged` has one row per number of all other cells, in order."""
    good = judged.filter(pl.col("phone").is_not_null())
    own = good.filter(pl.col("row").is_first_distinct())
    distinct = good.filter(pl.struct("row", "phone").is_first_distinct())
    others = (
        distinct.join(own.select("row", person="phone"), on="row", how="inner", maintain_order="left")
        .filter(pl.col("phone") != pl.col("person"))
        .select("row", phone="person", alternate="phone")
    )
    bad = judged.filter(pl.col("reason").is_not_null())
    return PhoneReading(
        persons=pl.concat([plain, own.select("row", "phone", "profile")]),
        alternates=others,
        rejected=bad.select("row", "cell", "reason", repaired=pl.any_horizontal(REPAIRS)),
        repeats=good.height - distinct.height,
        repairs={name: count for name, count in good.select(pl.col(REPAIRS).sum()).row(0, named=True).items() if count},
    )
