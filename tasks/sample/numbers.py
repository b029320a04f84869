"""Which phone numbers exist: mainland prefixes with carrier, type and place, and Hong Kong, Macau, Taiwan heads.

The carrier table is this module's own and repeats what the contacts room knows on purpose: the answer key must not
come from the code that it judges. Prefixes whose holder could be disputed (140–149, 174, 1349) give no people.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import polars as pl

from tasks.sample.draws import BoolArray, IntArray, choose, digits, distinct, joined

CARRIERS = ("mobile", "unicom", "telecom", "broadnet")
REGIONS = ("CN", "HK", "MO", "TW")

_OWN_NETWORK = {
    "mobile": "1340-1348 135-139 150-152 157-159 172 178 182-184 187-188 195 197-198",
    "unicom": "130-132 155-156 166 175-176 185-186 196",
    "telecom": "133 153 173 177 180-181 189-191 193 199",
    "broadnet": "192",
}
_RESOLD = {
    "mobile": "165 1703 1705-1706",
    "unicom": "167 171 1704 1707-1709",
    "telecom": "162 1700-1702",
}
# Prefix blocks that no carrier holds for phones; the few prefixes of them in the table are left out below.
_UNASSIGNED_BLOCKS = (154, 160, 161, 163, 164, 168, 169, 179, 194)
# Order of the groups in a pool of numbers, and how often each occurs: the four networks, then MVNOs.
_GROUP_SHARES = (0.55, 0.20, 0.198, 0.012, 0.04)
# Heads of mobile numbers outside the mainland, and how many digits follow.
_HEADS = {
    "HK": ("+852", (*range(51, 57), *range(60, 70), *range(91, 99)), 6),
    "MO": ("+853", (62, 63, 65, 66, 68), 6),
    "TW": ("+886", tuple(range(91, 99)), 7),
}
_INDEX_ROW = np.dtype([("prefix", "<i4"), ("offset", "<i4"), ("kind", "u1")])


@dataclass(frozen=True, slots=True)
class PrefixTable:
    """Seven-digit mainland prefixes fit for people, ordered by group, with carrier, type and place.

    `prefix`, `carrier` (index into CARRIERS), `is_mvno` and `place` run in parallel; `place` points into `provinces`,
    `cities` and `area_codes`. `group_starts` has one more entry than there are groups. `unassigned` are prefixes
    that nobody holds.
    """

    prefix: IntArray
    carrier: IntArray
    is_mvno: BoolArray
    place: IntArray
    group_starts: IntArray
    provinces: tuple[str, ...]
    cities: tuple[str, ...]
    area_codes: tuple[str, ...]
    unassigned: IntArray


@dataclass(frozen=True, slots=True)
class MainlandNumbers:
    """Different mainland numbers in random order: the 11 digits, and the row of the prefix table of each."""

    text: pl.Series
    prefix_row: IntArray


def load_prefix_table() -> PrefixTable:
    """The usable part of `phone.dat` of the installed `phone` package (499,527 seven-digit prefixes)."""
    data = files("phone").joinpath("phone.dat").read_bytes()
    index_start = int.from_bytes(data[4:8], "little")
    index = np.frombuffer(data, dtype=_INDEX_ROW, offset=index_start)
    offsets, place = np.unique(index["offset"], return_inverse=True)
    records = [data[int(at) : data.index(b"\0", int(at))].decode().split("|") for at in offsets]
    prefix = index["prefix"].astype(np.int64)
    carrier, is_mvno = _holders(prefix)
    group = np.where(is_mvno, len(CARRIERS), carrier)
    # 1 388 8888 xxx and the like could end in numbers that a cleaner may well take for invented ones.
    is_usable = (carrier >= 0) & (prefix % 10_000 % 1_111 != 0)
    order = np.flatnonzero(is_usable)[np.argsort(group[is_usable], kind="stable")]
    return PrefixTable(
        prefix=prefix[order],
        carrier=carrier[order],
        is_mvno=is_mvno[order],
        place=place[order].astype(np.int64),
        group_starts=np.searchsorted(group[order], np.arange(len(_GROUP_SHARES) + 1)),
        provinces=tuple(record[0] for record in records),
        cities=tuple(record[1] for record in records),
        # The table misspells one area code as 00479, which reads as an international number.
        area_codes=tuple(f"0{record[3].lstrip('0')}" for record in records),
        unassigned=_unassigned(prefix),
    )


def draw_mainland(rng: np.random.Generator, size: int, table: PrefixTable) -> MainlandNumbers:
    """`size` different mobile numbers over all carriers, MVNOs included."""
    counts = [int(size * share) for share in _GROUP_SHARES]
    counts[0] += size - sum(counts)
    starts = table.group_starts
    codes = [
        distinct(rng, count, int(starts[group + 1] - starts[group]) * 10_000) + starts[group] * 10_000
        for group, count in enumerate(counts)
    ]
    code = rng.permutation(np.concatenate(codes))
    row = code // 10_000
    return MainlandNumbers(text=digits(table.prefix[row] * 10_000 + code % 10_000, 11), prefix_row=row)


def draw_abroad(rng: np.random.Generator, size: int, region: str) -> pl.Series:
    """`size` different mobile numbers of 'HK', 'MO' or 'TW' in E.164 form (`+85291234567`)."""
    country, heads, width = _HEADS[region]
    code = distinct(rng, size, len(heads) * 10**width)
    head = choose([f"{country}{head}" for head in heads], code // 10**width)
    return joined(head, digits(code % 10**width, width))


def _holders(prefix: IntArray) -> tuple[IntArray, BoolArray]:
    """Carrier (index, -1 for nobody) and whether an MVNO, by the first four digits of each prefix."""
    holder = np.full(2_000, -1, dtype=np.int64)
    resold = np.zeros(2_000, dtype=np.bool_)
    for is_resold, blocks in ((False, _OWN_NETWORK), (True, _RESOLD)):
        for name, text in blocks.items():
            for block in text.split():
                four_digits = _four_digit_range(block)
                holder[four_digits] = CARRIERS.index(name)
                resold[four_digits] = is_resold
    return holder[prefix // 1_000], resold[prefix // 1_000]


def _four_digit_range(block: str) -> slice:
    """`135-139` -> 1350..1399, `1703` -> 1703..1703."""
    first, _, last = block.partition("-")
    return slice(int(first.ljust(4, "0")), int((last or first).ljust(4, "9")) + 1)


def _unassigned(known: IntArray) -> IntArray:
    """The seven-digit prefixes of blocks without a holder that the table does not know either."""
    is_free = np.zeros(2_000_000, dtype=np.bool_)
    for block in _UNASSIGNED_BLOCKS:
        is_free[block * 10_000 : (block + 1) * 10_000] = True
    is_free[known] = False
    return np.flatnonzero(is_free)
