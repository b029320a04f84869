"""Only what changed: rows that stood in the last export of the same source just as they are now are left out.

The outcome is that of reading everything. A person is merged from all rows of a file that name them, so when one of
these came, went or changed its place, the others of that person are read again, in a second pass over the file.
Rejected rows are never remembered, nor are those with a day that was implausible so far: they come back every night.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import polars as pl

from tasks.contacts.raw_lines import Mask, Prints
from tasks.contacts.reading import RawRows
from tasks.contacts.row_memory import People, Places, RowMemories, RowMemory, is_among

_DATE = re.compile(r"[-_. ]*(?:20[0-9]{2}[-_.年]?[01]?[0-9](?:[-_.月]?[0-3]?[0-9]日?)?)(?:[-_T ]?[0-9]{4,6})?")
_PERSON_DIGITS = 8  # of the token's 32
_NOTHING = RowMemory(np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.uint32))


def source_of(stem: str) -> str:
    """The source a file comes from: its name without dates in it, so that every night's export is the same source."""
    return _DATE.sub("", stem) or stem


def shorten_tokens(tokens: pl.Series) -> People:
    """The beginning of each token as a number, by which `RowMemory` knows people."""
    return tokens.str.head(_PERSON_DIGITS).str.to_integer(base=16).cast(pl.UInt32).to_numpy()


class ChangedRows:
    """Leaves out of one file what the last export of its source held too; remembers what was taken in."""

    def __init__(self, memories: RowMemories, erased: Sequence[str], *, may_skip: bool) -> None:
        """Without `may_skip` every row is new, and is remembered for the next time; `erased` are tokens."""
        self._memories = memories
        self._old = memories.read() if may_skip else _NOTHING
        self._forget(erased)
        self._rows = _RowsOfFile()
        self._doubtful = [np.empty(0, dtype=np.uint32)]
        self._shift = 0
        self._wanted = np.empty(0, dtype=np.uint64)
        self.unchanged = 0

    def leave_out(self, raw: RawRows) -> RawRows:
        """The file without the rows that are known."""
        return raw.choose(self._choose_new)

    def remember(self, taken: pl.DataFrame, doubtful: pl.Series) -> None:
        """Note rows that were taken in and whom they named (source_row, token), those in doubt only for this night."""
        self._rows.accept(taken["source_row"].to_numpy(), shorten_tokens(taken["token"]))
        self._doubtful.append(doubtful.to_numpy())

    def with_other_rows(self, raw: RawRows) -> RawRows | None:
        """After everything new was taken in: the known rows of people something changed for; None if there are none."""
        places = self._rows.old_place
        known = np.flatnonzero(places >= 0)
        # Rows in doubt are remembered by whom they named only: such people are looked at every night.
        gone = (self._old.prints != 0) | (self._old.people != 0)
        gone[places[known]] = False
        touched = [self._old.people[gone], self._rows.people[self._rows.is_accepted & (places < 0)]]
        touched.append(_moved(places[known], self._old.people[places[known]]))
        wanted = known[is_among(self._old.people[places[known]], np.unique(np.concatenate(touched)))]
        self._rows.accept(known, self._old.people[places[known]])
        if not len(wanted):
            return None
        self.unchanged -= len(wanted)
        self._wanted = np.unique(self._rows.prints[wanted])
        return raw.choose(lambda _numbers, prints: is_among(prints, self._wanted))

    def publish(self) -> None:
        """Make what was noted the last export of the source."""
        self._memories.write(self._rows.memory(np.concatenate(self._doubtful)))

    def _forget(self, erased: Sequence[str]) -> None:
        """Rows of people who were erased since are read again, to be rejected for that reason."""
        if erased and len(self._old.prints):
            gone = is_among(self._old.people, shorten_tokens(pl.Series(erased, dtype=pl.String)))
            self._old = RowMemory(np.where(gone, np.uint64(0), self._old.prints), self._old.people)

    def _choose_new(self, numbers: People, prints: Prints) -> Mask:
        places = self._old.find(prints, int(numbers[0]) + self._shift if len(numbers) else 0)
        known = np.flatnonzero(places >= 0)
        if len(known):
            self._shift = int(places[known[-1]]) - int(numbers[known[-1]])
        self._rows.add(numbers, prints, places)
        self.unchanged += len(known)
        return places < 0


def _moved(places: Places, people: People) -> People:
    """People whose rows stand in another order than they stood: the last one says what holds."""
    if (np.diff(places) > 0).all():
        return people[:0]
    order = np.argsort(people, kind="stable")
    is_same = people[order[1:]] == people[order[:-1]]
    return np.unique(people[order[1:]][is_same & (places[order[1:]] < places[order[:-1]])])


class _RowsOfFile:
    """Every row of the file by its number: fingerprint, where it stood before, whom it named if it was taken in."""

    def __init__(self) -> None:
        self._count = 0
        self._prints = np.zeros(0, dtype=np.uint64)
        self._places = np.zeros(0, dtype=np.int64)
        self._people = np.zeros(0, dtype=np.uint32)
        self._accepted = np.zeros(0, dtype=np.bool_)

    @property
    def prints(self) -> Prints:
        return self._prints[: self._count]

    @property
    def old_place(self) -> Places:
        return self._places[: self._count]

    @property
    def people(self) -> People:
        return self._people[: self._count]

    @property
    def is_accepted(self) -> Mask:
        return self._accepted[: self._count]

    def add(self, numbers: People, prints: Prints, places: Places) -> None:
        if len(numbers):
            self._reach(int(numbers[-1]) + 1)
            self._prints[numbers] = prints
            self._places[numbers] = places

    def accept(self, numbers: People | Places, people: People) -> None:
        self._people[numbers] = people
        self._accepted[numbers] = True

    def memory(self, doubtful: People) -> RowMemory:
        """What to remember: the rows that were taken in for certain."""
        prints = np.where(self.is_accepted, self.prints, np.uint64(0))
        prints[doubtful] = 0
        return RowMemory(prints, self.people)

    def _reach(self, count: int) -> None:
        room = len(self._prints)
        if count > room:
            more = max(count, 2 * room) - room
            self._prints = np.concatenate((self._prints, np.zeros(more, dtype=np.uint64)))
            self._places = np.concatenate((self._places, np.full(more, -1, dtype=np.int64)))
            self._people = np.concatenate((self._people, np.zeros(more, dtype=np.uint32)))
            self._accepted = np.concatenate((self._accepted, np.zeros(more, dtype=np.bool_)))
        self._count = max(self._count, count)
