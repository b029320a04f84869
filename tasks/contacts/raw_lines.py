"""The lines of a text file as bytes: what each is known by, and some of them taken out before anything is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as arrow

Prints = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]

LONGEST_CELL = 100  # lines; what seems to be a quoted cell of more is a stray quotation mark
_SEED = 1  # fixed: the same line must have the same fingerprint tomorrow
_LINE_END, _QUOTE = 10, 34


@dataclass(frozen=True, repr=False)
class RawLines:
    """Whole lines of UTF-8 or GB18030, each ended by a line feed; `first` is the number of the first in its file."""

    text: bytes
    first: int

    @cached_property
    def _bytes(self) -> npt.NDArray[np.uint8]:
        return np.frombuffer(self.text, dtype=np.uint8)

    @cached_property
    def _ends(self) -> npt.NDArray[np.int64]:
        """Behind each line."""
        return np.flatnonzero(self._bytes == _LINE_END) + 1

    @cached_property
    def _lines(self) -> Any:
        starts = np.concatenate(([0], self._ends)).astype(np.int64)
        pa: Any = arrow  # does not declare what it exports
        buffers = [None, pa.py_buffer(starts), pa.py_buffer(self.text)]
        return pa.Array.from_buffers(pa.large_binary(), len(self._ends), buffers)

    def __len__(self) -> int:
        return len(self._ends)

    @property
    def numbers(self) -> npt.NDArray[np.uint32]:
        """The number of each line."""
        return np.arange(self.first, self.first + len(self), dtype=np.uint32)

    def fingerprints(self) -> Prints:
        """A fast hash of each line; 0 for a line that may be part of a quoted cell with line breaks.

        Such a line means nothing by itself, so it is never known by one.
        """
        prints = _never_0(pl.Series(pl.from_arrow(self._lines)).hash(seed=_SEED))
        prints[self._in_open_cells()] = 0
        return prints

    def take(self, keep: Mask) -> bytes:
        """The text of some of the lines."""
        if keep.all():
            return self.text
        if not keep.any():
            return b""
        pa: Any = arrow
        kept = self._lines.filter(pa.array(keep))
        first, last = np.frombuffer(kept.buffers()[1], dtype=np.int64)[[kept.offset, kept.offset + len(kept)]]
        return bytes(kept.buffers()[2][first:last])

    def _in_open_cells(self) -> Mask:
        """Lines with a quotation mark too many, and what stands between two of them that are near each other."""
        is_open = np.zeros(len(self), dtype=np.bool_)
        if b'"' in self.text:
            marks = np.searchsorted(self._ends, np.flatnonzero(self._bytes == _QUOTE), side="right")
            odd = np.flatnonzero(np.bincount(marks, minlength=len(self)) % 2)
            is_open[odd] = True
            near = np.flatnonzero(np.diff(odd) <= LONGEST_CELL)
            steps = np.zeros(len(self) + 1, dtype=np.int32)
            np.add.at(steps, odd[near], 1)
            np.add.at(steps, odd[near + 1], -1)
            is_open |= np.cumsum(steps[:-1]) > 0
        return is_open


def fingerprint_rows(rows: pl.DataFrame) -> Prints:
    """A fast hash of each row of cells, never 0."""
    return _never_0(rows.hash_rows(seed=_SEED))


def _never_0(hashes: pl.Series) -> Prints:
    prints: Prints = np.maximum(hashes.to_numpy(), 1)
    return prints
