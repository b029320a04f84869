"""Only what changed: rows that stood in the last export of the same source just as they are now are left out.

Rows are known by a fast hash of their text. A hash of a row that holds little but a number would tell the number, so
the hashes are sealed where they are kept. Rejected rows are never remembered: they come back until they are corrected.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from chuda.keys import Keys
from tasks.contacts.parameters import CleanParameters
from tasks.contacts.reading import RawBatch, RawRows

_DATE = re.compile(r"[-_. ]*(?:20[0-9]{2}[-_.年]?[01]?[0-9](?:[-_.月]?[0-3]?[0-9]日?)?)(?:[-_T ]?[0-9]{4,6})?")
_CELL_END = "\x1f"
_SEALED_AT_ONCE = 1_000_000
_SEED = 1  # fixed: the same row must have the same hash tomorrow


def source_of(stem: str) -> str:
    """The source a file comes from: its name without dates in it, so that every night's export is the same source."""
    return _DATE.sub("", stem) or stem


Hashes = npt.NDArray[np.uint64]


class ChangedRows:
    """Leaves out of one file what the last export of its source held too; remembers what was taken in."""

    def __init__(
        self, connection: Any, source: str, keys: Keys, parameters: CleanParameters, *, may_skip: bool
    ) -> None:  # fmt: skip
        """Without `may_skip` every row is new, and is remembered for the next time."""
        self._connection = connection
        self._source = source
        self._keys = keys
        # The same text means something else under another mapping or statement of consent.
        self._meaning = repr((sorted(parameters.mapping.items()), parameters.consent_for_all))
        self._known = self._unseal() if may_skip else np.empty(0, dtype=np.uint64)
        self._current = pl.DataFrame(schema={"source_row": pl.UInt32, "row_hash": pl.UInt64})
        self._kept: list[pl.Series] = []
        self.unchanged = 0

    def leave_out(self, raw: RawRows) -> RawRows:
        """The file without the rows that are known; ragged rows always stay."""

        def iterate() -> Iterator[RawBatch]:
            for batch in raw.iterate():
                yield self._filter(batch, raw.columns)

        return replace(raw, iterate=iterate)

    def remember(self, rejected_rows: pl.Series) -> None:
        """Note the rows of the batch read last, but for the rejected ones."""
        self._kept.append(self._current.filter(~pl.col("source_row").is_in(rejected_rows.implode()))["row_hash"])

    def publish(self) -> None:
        """Make what was noted the last export of the source."""
        now = pl.concat([pl.Series("row_hash", [], pl.UInt64), *self._kept]).unique().sort().to_numpy()
        self._connection.execute("DELETE FROM row_seen WHERE source = ?", [self._source])
        for part, start in enumerate(range(0, len(now), _SEALED_AT_ONCE)):
            sealed = self._keys.seal(now[start : start + _SEALED_AT_ONCE].tobytes(), self._context(part))
            self._connection.execute("INSERT INTO row_seen VALUES (?, ?, ?)", [self._source, part, sealed])

    def _unseal(self) -> Hashes:
        """The hashes of the last export, sorted."""
        query = "SELECT part, sealed FROM row_seen WHERE source = ? ORDER BY part"
        rows = self._connection.execute(query, [self._source]).fetchall()
        parts = [self._keys.unseal(bytes(sealed), self._context(part)) for part, sealed in rows]
        return np.frombuffer(b"".join(parts), dtype=np.uint64)

    def _context(self, part: int) -> str:
        return f"rows:{self._source}:{part}"

    def _filter(self, batch: RawBatch, columns: tuple[str, ...]) -> RawBatch:
        content = batch.rows.select(pl.lit(self._meaning + _CELL_END.join(columns)).alias(""), pl.col(columns))
        self._current = batch.rows.select("source_row").with_columns(row_hash=content.hash_rows(seed=_SEED))
        is_known = pl.Series(_is_in(self._current["row_hash"].to_numpy(), self._known))
        known = self._current.filter(is_known)
        self.unchanged += known.height
        self._kept.append(known["row_hash"])
        self._current = self._current.filter(~is_known)
        return RawBatch(batch.rows.join(self._current, on="source_row", how="semi"), batch.ragged)


def _is_in(numbers: Hashes, known: Hashes) -> npt.NDArray[np.bool_]:
    """Which numbers are among the known ones, which are sorted."""
    if not len(known):
        return np.zeros(len(numbers), dtype=np.bool_)
    return np.asarray(known[np.minimum(np.searchsorted(known, numbers), len(known) - 1)] == numbers)
