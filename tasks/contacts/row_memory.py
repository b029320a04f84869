"""What is remembered of the last export of a source: each row's fingerprint and whom it named, in the file's order.

A fingerprint of a row that holds little but a number would tell the number, so all of it is sealed where it is kept.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from chuda.keys import Keys
from tasks.contacts.raw_lines import Mask, Prints

People = npt.NDArray[np.uint32]
Places = npt.NDArray[np.int64]

_SEALED_AT_ONCE = 1_000_000
_DIGEST_BYTES = 16
_TABLE_BITS = 24
_NOT_THERE = -1
_SHIFTED = 10


@dataclass(frozen=True, repr=False)
class RowMemory:
    """The rows of one export by their place in it: `prints` (0: not remembered) and `people`.

    `people` is the beginning of the token of whom the row named. Two people may share it; that costs some work, and
    never a row.
    """

    prints: Prints
    people: People

    def find(self, prints: Prints, expected: int) -> Places:
        """Where each of these rows stood (-1: nowhere); they are looked for from place `expected` on first."""
        count = len(self.prints)
        if not count:
            return np.full(len(prints), _NOT_THERE, dtype=np.int64)
        places = np.arange(expected, expected + len(prints), dtype=np.int64)  # may begin below 0
        self._keep_found(places, prints)
        # Rows that went or came in shift those behind them a little. Sorting all is dear, but not as sorting often.
        is_shifted = (places == _NOT_THERE).sum() * _SHIFTED > len(places)
        expected = max(expected, 0)
        window = slice(max(expected - len(prints), 0), expected + 2 * len(prints))
        if is_shifted and window.start < count:
            _look_up(places, prints, self.prints[window], np.argsort(self.prints[window]), window.start)
        if (places[prints != 0] == _NOT_THERE).any():
            _look_up(places, prints, self.prints, self._order, 0)
        return places

    @cached_property
    def _order(self) -> Places:
        return np.argsort(self.prints)

    def _keep_found(self, places: Places, prints: Prints) -> None:
        inside = (places >= 0) & (places < len(self.prints))
        same = self.prints[np.where(inside, places, 0)] == prints
        places[~(inside & same & (prints != 0))] = _NOT_THERE


def _look_up(places: Places, prints: Prints, known: Prints, order: Places, start: int) -> None:
    """Fill in the places of rows that were not found yet."""
    missing = np.flatnonzero((places == _NOT_THERE) & (prints != 0))
    at = order[np.minimum(np.searchsorted(known, prints[missing], sorter=order), len(order) - 1)]
    is_there = known[at] == prints[missing]
    places[missing[is_there]] = at[is_there] + start


def is_among(numbers: npt.NDArray[Any], chosen: npt.NDArray[Any]) -> Mask:
    """Which of many well-spread numbers are among the chosen ones; most of them cost one look at a small table."""
    bits = np.uint64((1 << _TABLE_BITS) - 1)
    table = np.zeros(1 << _TABLE_BITS, dtype=np.bool_)
    table[chosen.astype(np.uint64) & bits] = True
    found: Mask = table[numbers.astype(np.uint64) & bits]
    maybe = np.flatnonzero(found)
    found[maybe] = np.isin(numbers[maybe], chosen)
    return found


class RowMemories:
    """The memories of all sources, sealed in the warehouse's `row_seen`."""

    def __init__(self, connection: Any, keys: Keys, source: str, meaning: str) -> None:
        """`meaning` is all that a row's outcome depends on beside its text: under another one nothing is known."""
        self._connection = connection
        self._keys = keys
        self._source = source
        self._digest = hashlib.sha256(meaning.encode()).digest()[:_DIGEST_BYTES]

    def read(self) -> RowMemory:
        """What is remembered; nothing if it was written under another meaning."""
        # Sorted here: DuckDB would move the blobs about.
        query = "SELECT part, sealed FROM row_seen WHERE source = ?"
        rows = sorted(self._connection.execute(query, [self._source]).fetchall())
        parts = [self._keys.unseal(bytes(sealed), self._context(part)) for part, sealed in rows]
        if any(not part.startswith(self._digest) for part in parts):
            parts = []
        prints, people = [np.empty(0, dtype=np.uint64)], [np.empty(0, dtype=np.uint32)]
        for part in parts:
            count = (len(part) - _DIGEST_BYTES) // 12
            prints.append(np.frombuffer(part, dtype=np.uint64, count=count, offset=_DIGEST_BYTES))
            people.append(np.frombuffer(part, dtype=np.uint32, count=count, offset=_DIGEST_BYTES + 8 * count))
        return RowMemory(np.concatenate(prints), np.concatenate(people))

    def write(self, memory: RowMemory) -> None:
        """Replace what is remembered of this source."""
        self._connection.execute("DELETE FROM row_seen WHERE source = ?", [self._source])
        for part, start in enumerate(range(0, len(memory.prints), _SEALED_AT_ONCE)):
            rows = slice(start, start + _SEALED_AT_ONCE)
            content = self._digest + memory.prints[rows].tobytes() + memory.people[rows].tobytes()
            sealed = self._keys.seal(content, self._context(part))
            self._connection.execute("INSERT INTO row_seen VALUES (?, ?, ?)", [self._source, part, sealed])

    def _context(self, part: int) -> str:
        return f"rows:{self._source}:{part}"
