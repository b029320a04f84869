"""Seeded draws and assembling columns by kind; knows nothing of contacts or orders."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Builder = Callable[[IntArray], pl.Series]


def exact_kinds(rng: np.random.Generator, size: int, shares: Sequence[float]) -> IntArray:
    """Kinds 0..len(shares) in random order: kind k > 0 fills `shares[k-1]` of `size` exactly, kind 0 the rest.

    Every kind with a share above 0 occurs at least once when `size` is at least four times the number of kinds, so
    that a sample of a few thousand rows shows all of them.
    """
    counts = [int(size * share) for share in shares]
    if size >= 4 * (len(shares) + 1):
        raised = [max(count, int(share > 0)) for count, share in zip(counts, shares, strict=True)]
        counts = raised if sum(raised) < size else counts
    kinds = np.repeat(np.arange(len(shares) + 1), [size - sum(counts), *counts])
    return rng.permutation(kinds)


def pick(rng: np.random.Generator, size: int, weights: Sequence[float]) -> IntArray:
    """`size` independent draws of an index into `weights` (which need not add up to 1)."""
    bounds = np.cumsum(np.asarray(weights, dtype=np.float64))
    drawn: IntArray = np.searchsorted(bounds, rng.random(size) * bounds[-1], side="right")
    return drawn


def distinct(rng: np.random.Generator, size: int, space: int) -> IntArray:
    """`size` different integers of [0, space) in random order. Raises ValueError when the space is too small."""
    if size > space // 2:
        raise ValueError(f"{size} different values asked of a space of {space}; at most half of it can be drawn")
    drawn = np.empty(0, dtype=np.int64)
    while len(drawn) < size:
        more = rng.integers(0, space, size - len(drawn) + size // 50 + 16)
        drawn = np.sort(np.concatenate([drawn, more]))
        # np.unique hashes integers, which takes four times as long as sorting them here.
        drawn = drawn[np.diff(drawn, prepend=-1) > 0]
    return rng.permutation(drawn)[:size]


def by_kind(kinds: IntArray, builders: Sequence[Builder]) -> pl.Series:
    """One string column: builder k makes the values at the positions where `kinds` is k, given those positions."""
    positions = [np.flatnonzero(kinds == kind) for kind in range(len(builders))]
    parts = [build(where).cast(pl.String) for build, where in zip(builders, positions, strict=True)]
    place = np.empty(len(kinds), dtype=np.int64)
    place[np.concatenate(positions)] = np.arange(len(kinds))
    return pl.concat(parts, rechunk=True).gather(place)


def choose(table: Sequence[str], codes: IntArray) -> pl.Series:
    """The strings of `table` at `codes`."""
    return pl.Series(table, dtype=pl.String).gather(codes)


def digits(values: IntArray, width: int) -> pl.Series:
    """Integers as decimal strings of at least `width` characters, filled with zeros on the left."""
    return pl.Series(values).cast(pl.String).str.zfill(width)


def random_digits(rng: np.random.Generator, size: int, width: int) -> pl.Series:
    """`size` strings of `width` random decimal digits."""
    return digits(rng.integers(0, 10**width, size), width)


def constant(text: str) -> Builder:
    """A builder of columns that say `text` everywhere."""
    return lambda where: pl.Series([text]).new_from_index(0, len(where))


def joined(*parts: pl.Series | str) -> pl.Series:
    """Columns and constants put together, row by row; at least one part is a column."""
    columns = [part.alias(str(i)) for i, part in enumerate(parts) if isinstance(part, pl.Series)]
    pieces = [pl.lit(part) if isinstance(part, str) else pl.col(str(i)) for i, part in enumerate(parts)]
    return pl.DataFrame(columns).select(pl.concat_str(pieces).alias("joined")).to_series()


def replace_where(mask: BoolArray, text: str, column: pl.Series) -> pl.Series:
    """`column` with `text` where `mask` is true."""
    replaced = pl.when(pl.Series(mask)).then(pl.lit(text)).otherwise(pl.col("column"))
    return column.to_frame("column").select(replaced.alias("replaced")).to_series()


def mask_at(size: int, positions: IntArray) -> BoolArray:
    """A mask of `size` that is true at `positions`."""
    mask = np.zeros(size, dtype=np.bool_)
    mask[positions] = True
    return mask
