"""What stands in each row of the contacts file: whose number, or which fault; nothing of names and other fields."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tasks.sample.draws import BoolArray, IntArray, exact_kinds, mask_at

# Reasons for rejecting a candidate, named as in the contacts room, and the part of the rejected rows that each takes.
REJECT_SHARES = {
    "empty": 0.20,
    "too_short": 0.15,
    "too_long": 0.10,
    "not_a_number": 0.08,
    "excel_destroyed": 0.12,
    "landline": 0.15,
    "foreign": 0.07,
    "iot": 0.04,
    "all_same_digit": 0.04,
    "unassigned_prefix": 0.05,
}
REASONS = (*REJECT_SHARES, "ragged_row")
# What a row's phone cell holds: 0 = one number of a person or several with one at least; then the faults.
VALID = 0
RAGGED = REASONS.index("ragged_row") + 1
NONE_VALID = RAGGED + 1  # a landline and a number cut short in one cell

# Cells with several numbers: what stands beside the person's own number.
MULTI_KINDS = ("one_number", "two_valid", "three_valid", "landline_first", "short_second")
_MULTI_SHARES = (0.62, 0.10, 0.16, 0.12)

# Parts of all rows at dirt = 1.
_REJECTED_SHARE = 0.15
_RAGGED_SHARE = 0.004
_NONE_VALID_SHARE = 0.003
_REPEATED_SHARE = 0.25
_MULTI_SHARE = 0.07


@dataclass(frozen=True, slots=True)
class RowPlan:
    """One entry per row: `cell` (VALID, 1 + index into REASONS, or NONE_VALID), `person`, `is_first`.

    `person` below `people` is a person; from there on it numbers the rows that are nobody's. `is_first` marks the one
    row of each person that shows all fields; the person's other rows are what merging must fold into it.
    """

    cell: IntArray
    person: IntArray
    is_first: BoolArray
    people: int

    @property
    def strangers(self) -> int:
        """How many rows belong to nobody."""
        return int(np.count_nonzero(self.cell != VALID))


def plan_rows(rng: np.random.Generator, rows: int, dirt: float) -> RowPlan:
    """Decide for `rows` rows whose they are; `dirt` (0–1) scales rejected and repeated rows."""
    shares = [dirt * _REJECTED_SHARE * share for share in REJECT_SHARES.values()]
    cell = exact_kinds(rng, rows, [*shares, dirt * _RAGGED_SHARE, dirt * _NONE_VALID_SHARE])
    valid_rows = rng.permutation(np.flatnonzero(cell == VALID))
    repeated = min(int(rows * dirt * _REPEATED_SHARE), len(valid_rows) - 1)
    people = len(valid_rows) - repeated
    person = np.empty(rows, dtype=np.int64)
    person[valid_rows[:people]] = np.arange(people)
    # Cubing crowds the repeats on few people, so that some occur three times and more.
    person[valid_rows[people:]] = (rng.random(repeated) ** 3 * people).astype(np.int64)
    is_stranger = cell != VALID
    person[is_stranger] = people + np.arange(np.count_nonzero(is_stranger))
    return RowPlan(cell=cell, person=person, is_first=mask_at(rows, valid_rows[:people]), people=people)


def plan_multi(rng: np.random.Generator, mainland_rows: IntArray, rows: int, dirt: float) -> IntArray:
    """For each of `rows` rows the index into MULTI_KINDS; only `mainland_rows` may hold several numbers."""
    kinds = exact_kinds(rng, len(mainland_rows), [dirt * _MULTI_SHARE * share for share in _MULTI_SHARES])
    multi = np.zeros(rows, dtype=np.int64)
    multi[mainland_rows] = kinds
    return multi
