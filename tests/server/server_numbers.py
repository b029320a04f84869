"""Looking for the sample's phone numbers where none may be: in cells, files and answers, however they are spelled."""

from __future__ import annotations

import base64
import binascii
import re
import sqlite3
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from chuda.keys import load_keys
from chuda.stores.vault import Vault

_RUN = re.compile(r"\d{11,}")
# In the sample a number stands alone; eleven digits inside an order's id are none.
_WRITTEN = re.compile(r"(?<![0-9A-Za-z])(?:\+?0{0,2}86)?(1[3-9]\d{9})(?![0-9A-Za-z])")
_BETWEEN = re.compile(r"(?<=\d)[ -](?=\d)|[()]")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
# Mainland numbers have 11 digits, those of Hong Kong, Macau and Taiwan 11 or 12 with their country.
_LENGTHS = (11, 12)


def sample_numbers(sample: Path, home: Path) -> frozenset[str]:
    """Every number written in the sample's files or kept in the workspace's vault, digits only."""
    written = {number for path in sample.glob("*.csv") for number in _WRITTEN.findall(joined(path.read_text("utf-8")))}
    kept = Vault(home / "vault.sqlite", load_keys(home / "keys", {})).read()["phone"].to_list()
    return frozenset(written | {phone.lstrip("+") for phone in kept})


def joined(text: str) -> str:
    """The text with escapes undone, full-width digits narrow, and the digits of a written number together."""
    return digits_together(unicodedata.normalize("NFKC", _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)))


def digits_together(text: str) -> str:
    """The text without the spaces, hyphens and brackets that people write into numbers."""
    return _BETWEEN.sub("", text)


def numbers_in(text: str, numbers: frozenset[str]) -> set[str]:
    """Those of `numbers` that stand anywhere in a text, also inside longer runs of digits."""
    pieces = {
        run[start : start + length]
        for run in _RUN.findall(text)
        for length in _LENGTHS
        for start in range(len(run) - length + 1)
    }
    return pieces & numbers


def database_texts(path: Path) -> Iterator[tuple[str, str]]:
    """Every table of a SQLite file, with all its cells as one text."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            cells = (cell for row in connection.execute(f'SELECT * FROM "{table}"') for cell in row)
            yield table, joined("\n".join(_text(cell) for cell in cells if cell is not None))


def file_texts(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every file below a folder, byte by byte; what Prefect pickled and wrote in base64 is unwrapped as well."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            raw = path.read_bytes()
            yield path, digits_together(raw.decode("latin-1"))
            if path.parent.name == "storage":
                try:
                    yield path, digits_together(base64.b64decode(raw).decode("latin-1"))
                except binascii.Error:
                    continue


def _text(cell: object) -> str:
    return cell.decode("latin-1") if isinstance(cell, bytes) else str(cell)
