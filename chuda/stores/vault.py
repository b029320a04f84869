"""The vault: token -> phone number, sealed in blocks of about a thousand, sorted by token within each append.

Written at import; read at planning, erasure and reconciliation only.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import polars as pl

from chuda.errors import ProviderTrouble
from chuda.keys import Keys

BLOCK_ROWS = 1000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS block (
    id INTEGER PRIMARY KEY, first_token TEXT NOT NULL, last_token TEXT NOT NULL,
    rows INTEGER NOT NULL, sealed BLOB NOT NULL
)
"""


class Vault:
    """One vault file; frames are (token, phone) with canonical numbers."""

    def __init__(self, path: Path, keys: Keys) -> None:
        self._path = path
        self._keys = keys

    def append(self, people: pl.DataFrame) -> int:
        """Add the people whose token is not there yet, in one transaction.

        Args:
            people: columns token, phone; each token once.

        Returns:
            How many were new.
        """
        known = self.read(people["token"]).select("token")
        fresh = people.select("token", "phone").join(known, on="token", how="anti").sort("token")
        with self._transaction() as connection:
            connection.executemany(
                "INSERT INTO block (first_token, last_token, rows, sealed) VALUES (?, ?, ?, ?)", self._blocks(fresh)
            )
        return fresh.height

    def read(self, tokens: pl.Series | None = None) -> pl.DataFrame:
        """The numbers of these tokens (all, if None): a frame (token, phone); unknown tokens are missing."""
        frames = [self._unseal(sealed) for sealed in self._sealed(tokens)]
        people = pl.concat(frames) if frames else _frame([], [])
        if tokens is None:
            return people
        return people.join(tokens.unique().to_frame("token"), on="token", how="semi")

    def erase(self, tokens: Sequence[str]) -> int:
        """Remove people for good by rewriting the blocks they are in; returns how many there were."""
        gone = 0
        with self._transaction() as connection:
            for token in tokens:
                rows = connection.execute(
                    "SELECT id, sealed FROM block WHERE ? BETWEEN first_token AND last_token", (token,)
                ).fetchall()
                for block_id, sealed in rows:
                    people = self._unseal(sealed)
                    rest = people.filter(pl.col("token") != token)
                    gone += people.height - rest.height
                    self._replace(connection, block_id, rest)
        return gone

    def _replace(self, connection: sqlite3.Connection, block_id: int, rest: pl.DataFrame) -> None:
        connection.execute("DELETE FROM block WHERE id = ?", (block_id,))
        connection.executemany(
            "INSERT INTO block (first_token, last_token, rows, sealed) VALUES (?, ?, ?, ?)", self._blocks(rest)
        )

    def _blocks(self, people: pl.DataFrame) -> Iterator[tuple[str, str, int, bytes]]:
        for block in people.iter_slices(BLOCK_ROWS):
            tokens, phones = block["token"].to_list(), block["phone"].to_list()
            plain = "".join(tokens) + "\n" + "\n".join(phones)
            yield tokens[0], tokens[-1], len(tokens), self._keys.seal(plain.encode(), "vault")

    def _unseal(self, sealed: bytes) -> pl.DataFrame:
        joined, *phones = self._keys.unseal(sealed, "vault").decode().split("\n")
        width = len(joined) // len(phones)
        return _frame([joined[start : start + width] for start in range(0, len(joined), width)], phones)

    def _sealed(self, tokens: pl.Series | None) -> Iterator[bytes]:
        if not self._path.exists() or (tokens is not None and tokens.is_empty()):
            return
        with closing(sqlite3.connect(self._path)) as connection:
            connection.execute(_SCHEMA)
            if tokens is None or len(tokens) > BLOCK_ROWS:
                # A release is a stretch of the tokens in their order: only the blocks it reaches are opened.
                first, last = ("", "g") if tokens is None else (tokens.min(), tokens.max())
                rows = connection.execute(
                    "SELECT sealed FROM block WHERE last_token >= ? AND first_token <= ? ORDER BY id", (first, last)
                )
                yield from (row[0] for row in rows)
                return
            wanted = connection.execute(
                "SELECT DISTINCT b.id FROM block b JOIN json_each(?) t "
                "ON t.value BETWEEN b.first_token AND b.last_token",
                (json.dumps(tokens.to_list()),),
            ).fetchall()
            for (block_id,) in wanted:
                yield connection.execute("SELECT sealed FROM block WHERE id = ?", (block_id,)).fetchone()[0]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if not self._path.exists():
            os.close(os.open(self._path, os.O_CREAT | os.O_WRONLY, 0o600))
        try:
            with closing(sqlite3.connect(self._path, timeout=30, isolation_level=None)) as connection:
                connection.execute("PRAGMA secure_delete = ON")
                connection.execute(_SCHEMA)
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    connection.execute("ROLLBACK")
                    raise
        except sqlite3.OperationalError as error:
            raise ProviderTrouble(f"the vault did not take the transaction ({error}); nothing was changed") from error


def _frame(tokens: list[str], phones: list[str]) -> pl.DataFrame:
    return pl.DataFrame({"token": tokens, "phone": phones}, schema={"token": pl.String, "phone": pl.String})
