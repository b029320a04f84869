"""The vault: token -> phone number, the numbers sealed in blocks of about a thousand, sorted by token in each append.

Tokens stand beside the sealed numbers in the clear, as they do everywhere: who is in the vault can be told without
opening anything. Written at import; read at planning, erasure and reconciliation only.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from chuda.errors import ProviderTrouble, UsageError
from chuda.keys import TOKEN_LENGTH, Keys

BLOCK_ROWS = 1000
_TOKEN_BYTES = TOKEN_LENGTH // 2
_WAIT_S = 30
# AUTOINCREMENT: a number is never given twice, so what an appender has seen is everything up to the last one it saw.
# unfinished_append: from which block on there may be numbers of an import that was never published.
_SCHEMA = (
    """
CREATE TABLE IF NOT EXISTS sealed_block (
    id INTEGER PRIMARY KEY AUTOINCREMENT, first_token TEXT NOT NULL, last_token TEXT NOT NULL,
    tokens BLOB NOT NULL, phones BLOB NOT NULL
)
""",
    "CREATE TABLE IF NOT EXISTS unfinished_append (after_block INTEGER NOT NULL)",
)
_BEGIN = "INSERT INTO unfinished_append SELECT coalesce(max(id), 0) FROM sealed_block"
_LEFT_OVER = "SELECT tokens FROM sealed_block WHERE id > (SELECT min(after_block) FROM unfinished_append)"
_INSERT = "INSERT INTO sealed_block (first_token, last_token, tokens, phones) VALUES (?, ?, ?, ?)"
_Block = tuple[str, str, bytes, bytes]
_Halves = npt.NDArray[np.uint64]


class Vault:
    """One vault file; frames are (token, phone) with canonical numbers."""

    def __init__(self, path: Path, keys: Keys) -> None:
        self._path = path
        self._keys = keys

    @property
    def exists(self) -> bool:
        """Whether anything was ever put in; a vault that was lost does not exist either."""
        return self._path.exists()

    def append(self, people: pl.DataFrame) -> int:
        """Add the people whose token is not there yet, in one transaction.

        Args:
            people: columns token, phone.

        Returns:
            How many were new.
        """
        return self.appender().append(people)

    def appender(self, *, is_to_settle: bool = False) -> Appender:
        """For many appends in a row: what is in the vault is looked up once, 16 bytes a person, and then kept up.

        With `is_to_settle` what it adds counts as left over until `settle` is called.
        """
        return Appender(self, is_to_settle=is_to_settle)

    def left_over(self) -> pl.Series:
        """The tokens of all that was added since the first append that was not settled; nobody, if all were."""
        if not self._path.exists():
            return pl.Series("token", [], pl.String)
        with self.transaction() as connection:
            tokens = b"".join(row[0] for row in connection.execute(_LEFT_OVER))
        each = np.frombuffer(tokens, dtype=np.uint8).reshape(-1, _TOKEN_BYTES)
        return pl.Series("token", each).cast(pl.List(pl.UInt8)).cast(pl.Binary).bin.encode("hex")

    def settle(self) -> None:
        """Say that everything that was added belongs to somebody who is on record."""
        if self._path.exists():
            with self.transaction() as connection:
                connection.execute("DELETE FROM unfinished_append")

    def read(self, tokens: pl.Series | None = None) -> pl.DataFrame:
        """The numbers of these tokens (all, if None): a frame (token, phone); unknown tokens are missing.

        Raises:
            UsageError: people are asked for and the vault's file is not there, or was made by other keys.
        """
        if not self._path.exists():
            if tokens is not None and len(tokens):
                raise UsageError(
                    f"{self._path.name} is missing: no number can be read. Restore it from its backup, or import all "
                    "contact files again; nobody was taken for erased"
                )
            return _frame([], [])
        frames = [self._unseal(tokens_of, phones) for tokens_of, phones in self._blocks_of(tokens)]
        people = pl.concat(frames) if frames else _frame([], [])
        return people if tokens is None else people.join(tokens.unique().to_frame("token"), on="token", how="semi")

    def erase(self, tokens: Sequence[str] | pl.Series) -> int:
        """Remove people for good by rewriting the blocks they are in; returns how many there were."""
        if not self._path.exists():
            return 0
        gone = 0
        wanted = pl.Series("token", tokens, pl.String).sort()
        with self.transaction() as connection:
            for block_id, tokens_of, phones in _select_blocks(connection, wanted).fetchall():
                people = self._unseal(tokens_of, phones)
                # Only those that can be in this block: both are sorted.
                first = wanted.search_sorted(people["token"][0], "left")
                last = wanted.search_sorted(people["token"][-1], "right")
                rest = people.filter(~pl.col("token").is_in(wanted[first:last].implode()))
                if rest.height < people.height:
                    gone += people.height - rest.height
                    connection.execute("DELETE FROM sealed_block WHERE id = ?", (block_id,))
                    connection.executemany(_INSERT, self.seal_blocks(rest))
        return gone

    def seal_blocks(self, people: pl.DataFrame) -> Iterator[_Block]:
        """The rows to store for people sorted by token."""
        for block in people.iter_slices(BLOCK_ROWS):
            tokens = block["token"].to_list()
            raw = bytes.fromhex("".join(tokens))
            phones = "\n".join(block["phone"].to_list()).encode()
            yield tokens[0], tokens[-1], raw, self._keys.seal(phones, _context(raw))

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One writing transaction; it has the vault to itself from its first statement on.

        Raises:
            ProviderTrouble: the file is locked, full or gone; nothing of the transaction remains.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if not self._path.exists():
            os.close(os.open(self._path, os.O_CREAT | os.O_WRONLY, 0o600))
        try:
            with closing(sqlite3.connect(self._path, timeout=_WAIT_S, isolation_level=None)) as connection:
                connection.execute("PRAGMA secure_delete = ON")
                connection.execute("BEGIN IMMEDIATE")
                try:
                    _create(connection)
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    connection.execute("ROLLBACK")
                    raise
        except sqlite3.OperationalError as error:
            raise ProviderTrouble(f"the vault did not take the transaction ({error}); nothing was changed") from error

    def _unseal(self, tokens: bytes, phones: bytes) -> pl.DataFrame:
        joined = tokens.hex()
        names = [joined[start : start + TOKEN_LENGTH] for start in range(0, len(joined), TOKEN_LENGTH)]
        return _frame(names, self._keys.unseal(phones, _context(tokens)).decode().split("\n"))

    def _blocks_of(self, tokens: pl.Series | None) -> Iterator[tuple[bytes, bytes]]:
        """Every block somebody asked for could be in."""
        with closing(sqlite3.connect(self._path, timeout=_WAIT_S)) as connection:
            _create(connection)
            for _id, tokens_of, phones in _select_blocks(connection, tokens):
                yield tokens_of, phones


def _create(connection: sqlite3.Connection) -> None:
    for statement in _SCHEMA:
        connection.execute(statement)


def _select_blocks(connection: sqlite3.Connection, tokens: pl.Series | None) -> sqlite3.Cursor:
    """id, tokens and phones of every block that one of these people (None: anybody) could be in, by id."""
    if tokens is None or len(tokens) > BLOCK_ROWS:
        # A release is a stretch of the tokens in their order: only the blocks it reaches are opened.
        reach = ("", "g") if tokens is None else (tokens.min(), tokens.max())
        return connection.execute(
            "SELECT id, tokens, phones FROM sealed_block WHERE last_token >= ? AND first_token <= ? ORDER BY id", reach
        )
    connection.execute("CREATE TEMP TABLE wanted (token TEXT PRIMARY KEY)")
    connection.executemany("INSERT OR IGNORE INTO wanted VALUES (?)", ((token,) for token in tokens))
    return connection.execute(
        "SELECT b.id, b.tokens, b.phones FROM sealed_block b WHERE EXISTS (SELECT 1 FROM wanted w "
        "WHERE w.token BETWEEN b.first_token AND b.last_token) ORDER BY b.id"
    )


class Appender:
    """Appends to one vault without asking it each time who is in it: only blocks that are new are looked at."""

    def __init__(self, vault: Vault, *, is_to_settle: bool = False) -> None:
        self._vault = vault
        self._is_to_settle = is_to_settle
        self._seen_block = 0
        self._known = (np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.uint64))

    def append(self, people: pl.DataFrame) -> int:
        """Add the people (token, phone) whose token is not there yet, in one transaction; returns how many."""
        asked = people.select("token", "phone").unique("token", keep="first").sort("token")
        with self._vault.transaction() as connection:
            # Who is there is asked inside the transaction: another process may have appended a moment ago.
            self._catch_up(connection)
            if self._is_to_settle:
                connection.execute(_BEGIN)
                self._is_to_settle = False
            fresh = asked.filter(~pl.Series(self._is_known(asked["token"])))
            connection.executemany(_INSERT, self._vault.seal_blocks(fresh))
        return fresh.height

    def _catch_up(self, connection: sqlite3.Connection) -> None:
        rows = connection.execute(
            "SELECT id, tokens FROM sealed_block WHERE id > ? ORDER BY id", (self._seen_block,)
        ).fetchall()
        if rows:
            self._seen_block = rows[-1][0]
            more = _halves(b"".join(row[1] for row in rows))
            first, second = (np.concatenate(pair) for pair in zip(self._known, more, strict=True))
            order = np.argsort(first, kind="stable")
            self._known = (first[order], second[order])

    def _is_known(self, tokens: pl.Series) -> npt.NDArray[np.bool_]:
        """Whether each token is there. Of two that agree in their first half one may go unseen: added once more."""
        first, second = _halves(bytes.fromhex("".join(tokens.to_list())))
        if not len(self._known[0]):
            return np.zeros(len(first), dtype=np.bool_)
        place = np.minimum(np.searchsorted(self._known[0], first), len(self._known[0]) - 1)
        return np.asarray((self._known[0][place] == first) & (self._known[1][place] == second))


def _halves(tokens: bytes) -> tuple[_Halves, _Halves]:
    """Tokens as two numbers each."""
    pairs = np.frombuffer(tokens, dtype=">u8").astype(np.uint64).reshape(-1, 2)
    return pairs[:, 0].copy(), pairs[:, 1].copy()


def _context(tokens: bytes) -> str:
    # The numbers open only beside the tokens they were sealed with.
    return f"vault:{hashlib.sha256(tokens).hexdigest()}"


def _frame(tokens: list[str], phones: list[str]) -> pl.DataFrame:
    return pl.DataFrame({"token": tokens, "phone": phones}, schema={"token": pl.String, "phone": pl.String})
