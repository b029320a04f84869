"""Which mainland prefix belongs to whom and where: the table of the installed `phone` package under our own rules.

Place (province, city) comes from `phone.dat`; carrier and type come from `number_rules.yaml`, because the flags of
`phone.dat` are wrong for virtual operators and for 1349.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from chuda.errors import UsageError
from chuda.files import FileModel, load_yaml
from chuda.files.types import Text

FIRST_PREFIX = 1_000_000  # seven digits, the first a one
PREFIX_COUNT = 1_000_000
_PREFIX_DIGITS = 7
_PREFIX = re.compile(r"1[0-9]{2,6}")
_INDEX_ROW = np.dtype([("prefix", "<i4"), ("offset", "<i4"), ("kind", "u1")])
_HEADER_BYTES = 8
_PROFILE_KEYS = ("reason", "phone_region", "carrier", "number_type", "province", "phone_city")


class HolderRule(FileModel):
    """Prefixes of one carrier and type."""

    carrier: Literal["mobile", "unicom", "telecom", "broadnet"]
    number_type: Literal["mobile", "mvno"]
    prefixes: Text


class RegionRule(FileModel):
    """A region outside the mainland: its country code, and what mobile numbers look like after it."""

    region: Literal["HK", "MO", "TW"]
    province: Text
    country_code: Text
    mobile: Text


class NumberRules(FileModel):
    """The file `number_rules.yaml`."""

    mainland: tuple[HolderRule, ...]
    without_sms: Text
    regions: tuple[RegionRule, ...]


@dataclass(frozen=True, slots=True)
class PrefixTable:
    """What is known of every number by its head.

    `profile_of_prefix` (UInt16) has one entry for each seven-digit prefix from 1000000 on and points into `profiles`:
    profile (UInt16), reason (why no SMS arrives there, or NULL), phone_region, carrier, number_type, province,
    phone_city. `profile_of_region` points to the profiles of HK, MO, TW.
    """

    rules: NumberRules
    profile_of_prefix: pl.Series
    profile_of_region: Mapping[str, int]
    profiles: pl.DataFrame

    def place_prefixes(self, numbers: pl.Series) -> pl.Series:
        """Where in `profile_of_prefix` the heads of 11- or 13-digit mainland numbers stand (UInt32); NULL for NULL."""
        return numbers.str.head(_PREFIX_DIGITS).cast(pl.UInt32) - FIRST_PREFIX


def load_number_rules(path: Path) -> NumberRules:
    """Read `number_rules.yaml`; raises `UsageError` naming the file and what is wrong in it."""
    rules = load_yaml(path, NumberRules)
    try:
        _holder_ranges(rules)
        for each in rules.regions:
            re.compile(each.mobile)
    except (ValueError, re.error) as error:
        raise UsageError(f"{path}: {error}") from None
    return rules


def read_places(data: bytes | None = None) -> pl.DataFrame:
    """Prefix places from `phone.dat` (default: that of the installed package): prefix7 (Int32), province, city.

    Source: PyPI `phone` 0.4.5; header `<4si` (version, start of the index), index rows `<iiB`, records
    `province|city|zip|area code` ended by a zero byte.
    """
    data = files("phone").joinpath("phone.dat").read_bytes() if data is None else data
    start = int.from_bytes(data[4:_HEADER_BYTES], "little")
    index = np.frombuffer(data, dtype=_INDEX_ROW, offset=start)
    records = data[_HEADER_BYTES:start].split(b"\0")[:-1]
    lengths = np.array([len(record) + 1 for record in records])
    fields = pl.Series([record.decode() for record in records]).str.split("|")
    places = pl.DataFrame(
        {
            "offset": (_HEADER_BYTES + np.cumsum(lengths) - lengths).astype(np.int32),
            "province": fields.list.get(0),
            "city": fields.list.get(1),
        }
    )
    rows = pl.DataFrame({"prefix7": index["prefix"].copy(), "offset": index["offset"].copy()})
    return rows.join(places, on="offset", how="inner", maintain_order="left").select("prefix7", "province", "city")


def build_prefix_table(rules: NumberRules, places: pl.DataFrame) -> PrefixTable:
    """Join the rules and the places (as from `read_places`) into one look-up table."""
    prefixes = pl.DataFrame({"prefix7": pl.int_range(FIRST_PREFIX, FIRST_PREFIX + PREFIX_COUNT, eager=True)})
    held = (
        prefixes.join(_holders(rules), on="prefix7", how="left", maintain_order="left")
        .with_columns(
            pl.col("reason").fill_null(pl.when(pl.col("carrier").is_null()).then(pl.lit("unassigned_prefix")))
        )
        .join(places.cast({"prefix7": pl.Int64}), on="prefix7", how="left", maintain_order="left")
        .rename({"city": "phone_city"})
        .with_columns(phone_region=pl.lit("CN"))
    )
    regions = pl.DataFrame(
        {
            "phone_region": [each.region for each in rules.regions],
            "number_type": "mobile",
            "province": [each.province for each in rules.regions],
        }
    )
    distinct = held.select(_PROFILE_KEYS).unique(maintain_order=True)
    profiles = pl.concat([distinct, regions], how="diagonal").with_row_index("profile").cast({"profile": pl.UInt16})
    of_prefix = held.join(profiles, on=_PROFILE_KEYS, how="left", nulls_equal=True, maintain_order="left")["profile"]
    of_region: dict[str, int] = {each.region: distinct.height + place for place, each in enumerate(rules.regions)}
    return PrefixTable(rules, of_prefix, of_region, profiles)


def _holders(rules: NumberRules) -> pl.DataFrame:
    """One row per seven-digit prefix that a rule names: prefix7, carrier, number_type, reason."""
    ranges = pl.DataFrame(
        _holder_ranges(rules), schema=["first", "last", "length", "carrier", "number_type", "reason"], orient="row"
    )
    return (
        ranges.with_columns(prefix7=pl.int_ranges("first", "last"))
        .explode("prefix7")
        .sort("length", maintain_order=True)
        .unique("prefix7", keep="last", maintain_order=True)
        .select("prefix7", "carrier", "number_type", "reason")
    )


def _holder_ranges(rules: NumberRules) -> list[tuple[int, int, int, str | None, str | None, str | None]]:
    """Half-open ranges of seven-digit prefixes, with the length of the prefix as written and who holds it."""
    found: list[tuple[int, int, int, str | None, str | None, str | None]] = []
    for rule in rules.mainland:
        found += [(*each, rule.carrier, rule.number_type, None) for each in _prefix_ranges(rule.prefixes)]
    return found + [(*each, None, None, "iot") for each in _prefix_ranges(rules.without_sms)]


def _prefix_ranges(text: str) -> list[tuple[int, int, int]]:
    ranges = []
    for word in text.split():
        first, _, last = word.partition("-")
        last = last or first
        if not (_PREFIX.fullmatch(first) and _PREFIX.fullmatch(last) and len(first) == len(last) and first <= last):
            raise ValueError(f"“{word}” is not a prefix (`135`) or a range of prefixes of one length (`135-139`)")
        scale = 10 ** (7 - len(first))
        ranges.append((int(first) * scale, (int(last) + 1) * scale, len(first)))
    return ranges
