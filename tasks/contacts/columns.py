"""Which column of a file means what: header names in Chinese or English, a mapping by hand, and guesses to show."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path
from typing import Literal

from chuda.errors import UsageError
from chuda.files import FileModel, load_yaml
from chuda.files.types import Texts

TableKind = Literal["contacts", "orders", "events", "do_not_contact"]

# Per file: the meanings it must have; of a group in one line any is enough.
_REQUIRED: Mapping[TableKind, tuple[tuple[str, ...], ...]] = {
    "contacts": (("phone",),),
    "orders": (("phone", "source_id"), ("order_id",), ("paid_at",), ("amount",)),
    "events": (("phone", "source_id"), ("event_id",), ("kind",), ("at",)),
    "do_not_contact": (("phone",),),
}
_IN_BRACKETS = re.compile(r"[(\[{<【《〈「][^)\]}>】》〉」]*[)\]}>】》〉」]")
_NOT_A_LETTER = re.compile(r"[\W_]+")
_LIKELY = 0.75  # similarity of two names from which on one is shown as a guess for the other
_SHORTEST_PART = 2


class HeaderNames(FileModel):
    """The file `headers.yaml`: per table and meaning the names that are recognised, the strongest first."""

    contacts: dict[str, Texts]
    orders: dict[str, Texts]
    events: dict[str, Texts]
    do_not_contact: dict[str, Texts]

    def of(self, kind: TableKind) -> Mapping[str, Sequence[str]]:
        """The meanings of one kind of file and their names."""
        names: Mapping[str, Sequence[str]] = getattr(self, kind)
        return names


@dataclass(frozen=True, slots=True)
class ColumnMatch:
    """What the columns of a file mean: `columns` maps meaning to column, `guesses` unused columns to meanings."""

    kind: TableKind
    columns: Mapping[str, str]
    unused: tuple[str, ...] = ()
    guesses: Mapping[str, str] = field(default_factory=dict)

    def has(self, meaning: str) -> bool:
        """Whether a column has that meaning."""
        return meaning in self.columns


def load_header_names(path: Path) -> HeaderNames:
    """Read `headers.yaml`; raises `UsageError` naming the file and what is wrong in it."""
    return load_yaml(path, HeaderNames)


def match_columns(
    kind: TableKind, columns: Sequence[str], names: HeaderNames, mapping: Mapping[str, str] | None = None, *,
    is_complete: bool = True,
) -> ColumnMatch:  # fmt: skip
    """Find out what the columns of a file mean; `mapping` (meaning -> column) goes before recognition.

    Raises:
        UsageError: the mapping names what does not exist; unless `is_complete` is False, a required meaning is missing.
    """
    chosen = _check_mapping(kind, columns, names, mapping or {})
    taken = set(chosen.values())
    by_name = {fold_header(column): column for column in reversed(columns) if column not in taken}
    for meaning, aliases in names.of(kind).items():
        known = (by_name.get(fold_header(alias)) for alias in aliases)
        column = next((each for each in known if each is not None and each not in taken), None)
        if meaning not in chosen and column is not None:
            chosen[meaning] = column
            taken.add(column)
    unused = tuple(column for column in columns if column not in taken)
    guesses = _guess(kind, unused, names, chosen)
    match = ColumnMatch(kind, chosen, unused, guesses)
    if is_complete:
        _check_required(match, columns)
    return match


def meanings_of(kind: TableKind, names: HeaderNames) -> tuple[str, ...]:
    """All meanings a column of that kind of file can have."""
    return tuple(names.of(kind))


def count_known_headers(cells: Sequence[str | None], names: HeaderNames) -> int:
    """How many cells of a row are header names of any kind of file: that is how a header row is told from data."""
    known = {fold_header(alias) for kind in _REQUIRED for aliases in names.of(kind).values() for alias in aliases}
    return sum(fold_header(cell or "") in known for cell in cells)


def fold_header(name: str) -> str:
    """A header without what does not count: case, width, blanks, punctuation, anything in brackets."""
    folded = _IN_BRACKETS.sub("", unicodedata.normalize("NFKC", name)).lower()
    return _NOT_A_LETTER.sub("", folded)


def _check_mapping(
    kind: TableKind, columns: Sequence[str], names: HeaderNames, mapping: Mapping[str, str]
) -> dict[str, str]:
    meanings = names.of(kind)
    for meaning, column in mapping.items():
        if meaning not in meanings:
            raise UsageError(
                f"the mapping names “{meaning}”, which a {kind} file does not have; known: {_list(meanings)}"
            )
        if column not in columns:
            raise UsageError(
                f"the mapping says {meaning}: “{column}”, but the file has no such column; it has: {_list(columns)}"
            )
    if len(set(mapping.values())) < len(mapping):
        raise UsageError("the mapping gives one column two meanings; name each column once")
    return dict(mapping)


def _guess(kind: TableKind, unused: Sequence[str], names: HeaderNames, chosen: Mapping[str, str]) -> dict[str, str]:
    """For each unused column the open meaning whose names are most like its own, if any is like it."""
    guesses = {}
    for column in unused:
        scores = {
            meaning: max(_likeness(fold_header(column), fold_header(alias)) for alias in aliases)
            for meaning, aliases in names.of(kind).items()
            if meaning not in chosen
        }
        best = max(scores, key=lambda meaning: scores[meaning], default=None)
        if best is not None and scores[best] >= _LIKELY:
            guesses[column] = best
    return guesses


def _likeness(column: str, alias: str) -> float:
    """1 for equal names; a name inside the other counts by how much of it there is, above `_LIKELY`."""
    if min(len(column), len(alias)) >= _SHORTEST_PART and (alias in column or column in alias):
        return _LIKELY + (1 - _LIKELY) * min(len(column), len(alias)) / max(len(column), len(alias))
    return SequenceMatcher(None, column, alias).ratio()


def _check_required(match: ColumnMatch, columns: Sequence[str]) -> None:
    missing = [group for group in _REQUIRED[match.kind] if not any(match.has(each) for each in group)]
    if not missing:
        return
    wanted = "; ".join(" or ".join(group) for group in missing)
    likely = [
        f"{meaning} = “{column}”" for column, meaning in match.guesses.items() if any(meaning in g for g in missing)
    ]
    hint = f" Perhaps {', '.join(likely)}?" if likely else ""
    example = ", ".join(f"{group[0]}: “…”" for group in missing)
    raise UsageError(
        f"no column for {wanted} was recognised. Columns found: {_list(columns)}.{hint} "
        f"Rename the header, or give a mapping that names the column ({example})."
    )


def _list(names: Sequence[str] | Mapping[str, object]) -> str:
    """Names for a message; a long number among them (a file without a header) is not shown."""
    return ", ".join("(a number)" if re.search(r"[0-9０-９]{5}", name) else f"“{name}”" for name in names)
