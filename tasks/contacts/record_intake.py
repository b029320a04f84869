"""Cleaned batches of orders or events on their way in: tokens for phones, the erased held back, the merge, the account.

Memory does not grow with the file: a batch is gone when the next one comes, and what its rows repeat is found in the
warehouse.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tasks.contacts.columns import ColumnMatch
from tasks.contacts.counts import CleanCounts, add_mappings
from tasks.contacts.intake import Tokens
from tasks.contacts.merging import (
    IncomingTable,
    MergeCounts,
    RecordTable,
    append_incoming,
    collapse_records,
    merge_records,
)
from tasks.contacts.opening import Opened
from tasks.contacts.records import CleanedRecords
from tasks.contacts.reject_files import RejectFile
from tasks.contacts.unresolved import hold_back_erased, list_unresolved

_INCOMING: dict[RecordTable, IncomingTable] = {"orders": "order_incoming", "events": "event_incoming"}
_IDS: dict[RecordTable, str] = {"orders": "order_id", "events": "event_id"}


class RecordIntake:
    """Takes the batches of one file of orders or events; `merge` then brings them into the warehouse."""

    def __init__(
        self, connection: Any, table: RecordTable, tokens: Tokens, erased: Sequence[str], opened: Opened,
        rejects: RejectFile,
    ) -> None:  # fmt: skip
        self._connection = connection
        self._table = table
        self._tokens = tokens
        self._erased = erased
        self._opened = opened
        self._rejects = rejects
        self._parts: list[CleanCounts] = []
        self.match: ColumnMatch | None = None

    def take(self, part: CleanedRecords) -> None:
        """Take one batch in; rows of people who were erased are held back and named in the reject file by line only."""
        tokens = self._tokens(part.records["phone"]).alias("token")
        records = part.records.drop("phone").with_columns(tokens)
        part, records = hold_back_erased(part, records, self._erased, self._opened.name)
        append_incoming(self._connection, _INCOMING[self._table], records, import_id=self._opened.import_id)
        self._rejects.add(part.rejects, part.rejected_rows)
        self._parts.append(part.counts)
        self.match = part.match

    def merge(self) -> tuple[CleanCounts, MergeCounts]:
        """Merge what was taken in; the account of the file, and what changed."""
        repeated, conflicts = collapse_records(self._connection, self._table)
        merged = merge_records(self._connection, self._table)
        rejects, rows = list_unresolved(self._connection, self._table, self.match, self._opened)
        self._rejects.add(rejects, rows)
        held = {"unknown_person": rejects.height} if rejects.height else {}
        problems = {f"{_IDS[self._table]}.conflicting_row": conflicts} if conflicts else {}
        counts = CleanCounts(
            rows=sum(part.rows for part in self._parts),
            kept=sum(part.kept for part in self._parts) - repeated - rejects.height,
            merged=sum(part.merged for part in self._parts) + repeated,
            rejected=sum(part.rejected for part in self._parts) + rejects.height,
            rejected_by_reason=add_mappings([*(part.rejected_by_reason for part in self._parts), held]),
            field_problems=add_mappings([*(part.field_problems for part in self._parts), problems]),
        )
        return counts, merged
