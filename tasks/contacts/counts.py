"""The accounts of an import: every candidate number that came in is kept, merged, an alternate or rejected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from chuda.errors import ChudaError


@dataclass(frozen=True, slots=True)
class CleanCounts:
    """rows + extra_numbers = kept + merged + alternates + rejected; the mappings say more about the same rows.

    `extra_numbers` are the second and further numbers of cells. `merged` are rows of a person who is there already,
    numbers that stand twice in their cell, and pairs of person and alternate that are there already. `field_problems`
    counts fields that became NULL, as `birthday.unreadable_date`. `granted_without_evidence` are kept people who
    consented but without a source, a time or a purpose.
    """

    rows: int = 0
    extra_numbers: int = 0
    kept: int = 0
    merged: int = 0
    alternates: int = 0
    rejected: int = 0
    rejected_by_reason: Mapping[str, int] = field(default_factory=dict)
    repairs: Mapping[str, int] = field(default_factory=dict)
    field_problems: Mapping[str, int] = field(default_factory=dict)
    granted_without_evidence: int = 0

    def __post_init__(self) -> None:
        candidates = self.rows + self.extra_numbers
        accounted = self.kept + self.merged + self.alternates + self.rejected
        if candidates != accounted or self.rejected != sum(self.rejected_by_reason.values()):
            raise ChudaError(
                f"the import does not add up: {candidates} candidates in, {accounted} accounted for, "
                f"{self.rejected} rejected for {dict(self.rejected_by_reason)}; nothing was stored"
            )


def add_mappings(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The sum of several counts by name, the largest first."""
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))
