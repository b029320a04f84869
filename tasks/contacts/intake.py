"""Cleaned batches of contacts on their way in: tokens for phones, the erased held back, the vault, the warehouse.

Memory does not grow with the file: a batch is gone when the next one comes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl

from chuda.stores.vault import Vault
from tasks.contacts.cleaning import CleanedContacts
from tasks.contacts.columns import ColumnMatch
from tasks.contacts.counts import CleanCounts, add_mappings
from tasks.contacts.merging import CollapsedCounts, append_incoming
from tasks.contacts.reject_files import RejectFile
from tasks.contacts.rejects import REJECT_SCHEMA

Tokens = Callable[[pl.Series], pl.Series]
"""Phones to the token of each, as `compute_tokens` gives it."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """What every row of one file is marked with."""

    source_file: str
    import_id: str


class ContactIntake:
    """Takes the batches of one file; afterwards `counts` gives the account of the whole file."""

    def __init__(
        self, connection: Any, vault: Vault, tokens: Tokens, erased: list[str], provenance: Provenance,
        rejects: RejectFile,
    ) -> None:  # fmt: skip
        self._connection = connection
        self._vault = vault.appender(is_to_settle=True)
        self._tokens = tokens
        self._erased = pl.Series(erased, dtype=pl.String)
        self._provenance = provenance
        self._rejects = rejects
        self._parts: list[CleanCounts] = []
        self.match: ColumnMatch | None = None
        self._held_back = 0
        self._held_back_pairs = 0

    def take(self, part: CleanedContacts) -> pl.DataFrame:
        """Take one batch in; rows of people who were erased are held back and named in the reject file by line only.

        Returns:
            The rows that were taken: source_row, token.
        """
        people = part.candidates.with_columns(self._tokens(part.candidates["phone"]).alias("token"))
        pairs = self._name_pairs(part.alternates)
        is_erased = pl.col("token").is_in(self._erased.implode())
        held_back = people.filter(is_erased)
        self._held_back += held_back.height
        self._rejects.add(_erased_rejects(held_back["source_row"], self._provenance.source_file), part.rejected_rows)
        kept = people.filter(~is_erased)
        # The vault first: a number without a contact harms nobody, a contact without a number could not be messaged.
        self._vault.append(kept.select("token", "phone"))
        origin = {"source_file": self._provenance.source_file, "import_id": self._provenance.import_id}
        append_incoming(
            self._connection, "contact_incoming", kept.drop("phone"), states_consent=part.states_consent, **origin
        )
        append_incoming(self._connection, "alternate_incoming", pairs)
        self._rejects.add(part.rejects, part.rejected_rows)
        self._parts.append(part.counts)
        self.match = part.match
        return kept.select("source_row", "token")

    def counts(self, collapsed: CollapsedCounts, granted_without_evidence: int) -> CleanCounts:
        """The account of the file, after contact_incoming was collapsed."""
        held_back = self._held_back + self._held_back_pairs
        reasons = add_mappings(
            [*(part.rejected_by_reason for part in self._parts), {"erased": held_back} if held_back else {}]
        )
        repeated = collapsed.rows - collapsed.people + collapsed.pairs - collapsed.alternates
        return CleanCounts(
            rows=sum(part.rows for part in self._parts),
            extra_numbers=sum(part.extra_numbers for part in self._parts),
            kept=collapsed.people,
            merged=sum(part.merged for part in self._parts) + repeated,
            alternates=collapsed.alternates,
            rejected=sum(part.rejected for part in self._parts) + held_back,
            rejected_by_reason=reasons,
            repairs=add_mappings(part.repairs for part in self._parts),
            field_problems=add_mappings(part.field_problems for part in self._parts),
            granted_without_evidence=granted_without_evidence,
        )

    def _name_pairs(self, alternates: pl.DataFrame) -> pl.DataFrame:
        columns = {"token": "phone", "alternate_token": "alternate"}
        named = pl.DataFrame({name: self._tokens(alternates[column]) for name, column in columns.items()})
        kept = named.filter(~pl.any_horizontal(pl.all().is_in(self._erased.implode())))
        self._held_back_pairs += named.height - kept.height
        return kept


def _erased_rejects(rows: pl.Series, source_file: str) -> pl.DataFrame:
    return pl.DataFrame({"source_row": rows}).select(
        pl.lit(value).alias(name).cast(dtype) if name != "source_row" else pl.col(name).cast(dtype)
        for (name, dtype), value in zip(
            REJECT_SCHEMA.items(), (source_file, None, None, None, "erased", False), strict=True
        )
    )
