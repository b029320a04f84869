"""Only what changed: rows that stood in the last export of the same source just as they are now are left out.

A row is known by a keyed fingerprint of its text, so that nothing can be found from it. Rejected rows are never
remembered: they come back every time until they are corrected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from tasks.contacts.parameters import CleanParameters
from tasks.contacts.reading import RawBatch, RawRows

Fingerprint = Callable[[pl.Series], pl.Series]
"""Texts to the keyed token of each, as `compute_tokens` gives it."""

_DATE = re.compile(r"[-_. ]*(?:20[0-9]{2}[-_.年]?[01]?[0-9](?:[-_.月]?[0-3]?[0-9]日?)?)(?:[-_T ]?[0-9]{4,6})?")
_CELL_END = "\x1f"
_FINGERPRINT_DIGITS = 16
_SEED = 1  # fixed: the same row must have the same hash tomorrow


def source_of(stem: str) -> str:
    """The source a file comes from: its name without dates in it, so that every night's export is the same source."""
    return _DATE.sub("", stem) or stem


class ChangedRows:
    """Leaves out of one file what the last export of its source held too; remembers what was taken in."""

    def __init__(
        self, connection: Any, source: str, fingerprint: Fingerprint, parameters: CleanParameters, *, may_skip: bool
    ) -> None:  # fmt: skip
        """Without `may_skip` every row is new, and is remembered for the next time."""
        self._connection = connection
        self._source = source
        self._fingerprint = fingerprint
        # The same text means something else under another mapping or statement of consent.
        self._meaning = repr((sorted(parameters.mapping.items()), parameters.consent_for_all))
        rows = connection.execute("SELECT row_hash FROM row_seen WHERE source = ?", [source]).fetchnumpy()["row_hash"]
        self._stored = np.sort(np.asarray(rows, dtype=np.uint64))
        self._known = self._stored if may_skip else self._stored[:0]
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
        now = pl.concat([pl.Series("row_hash", [], pl.UInt64), *self._kept]).unique()
        seen = np.sort(now.to_numpy())
        gone = pl.DataFrame({"row_hash": self._stored[~_is_in(self._stored, seen)]})
        fresh = pl.DataFrame({"row_hash": seen[~_is_in(seen, self._stored)]})
        if gone.height:
            self._connection.register("rows_gone", gone.to_arrow())
            self._connection.execute(
                "DELETE FROM row_seen WHERE source = ? AND row_hash IN (SELECT row_hash FROM rows_gone)", [self._source]
            )
            self._connection.unregister("rows_gone")
        if fresh.height:
            self._connection.register("rows_fresh", fresh.to_arrow())
            self._connection.execute("INSERT INTO row_seen SELECT ?, row_hash FROM rows_fresh", [self._source])
            self._connection.unregister("rows_fresh")

    def _filter(self, batch: RawBatch, columns: tuple[str, ...]) -> RawBatch:
        content = batch.rows.select(pl.lit(self._meaning + _CELL_END.join(columns)).alias(""), pl.col(columns))
        # A fast hash first, so that the keyed one has little to read; from that nothing can be found.
        fast = content.hash_rows(seed=_SEED).cast(pl.String)
        digits = pl.col("token").str.head(_FINGERPRINT_DIGITS).str.to_integer(base=16, dtype=pl.UInt64)
        hashes = self._fingerprint(fast).to_frame("token").select(row_hash=digits)
        self._current = batch.rows.select("source_row").hstack(hashes)
        is_known = pl.Series(_is_in(self._current["row_hash"].to_numpy(), self._known))
        known = self._current.filter(is_known)
        self.unchanged += known.height
        self._kept.append(known["row_hash"])
        self._current = self._current.filter(~is_known)
        return RawBatch(batch.rows.join(self._current, on="source_row", how="semi"), batch.ragged)


def _is_in(numbers: Any, known: Any) -> Any:
    """Which numbers are among the known ones, which are sorted."""
    if not len(known):
        return np.zeros(len(numbers), dtype=np.bool_)
    return known[np.minimum(np.searchsorted(known, numbers), len(known) - 1)] == numbers
