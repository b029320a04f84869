"""The table of receipt codes, as it is handed to DuckDB."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Literal, get_args

from chuda.errors import UsageError
from tasks.kpi.lines import REFERENCE

Category = Literal[
    "delivered",
    "empty_number",
    "suspended",
    "unreachable",
    "handset",
    "blacklist",
    "content",
    "signature",
    "frequency",
    "congestion",
    "ported",
    "out_of_hours",
    "ambiguous",
]
CODE_COLUMNS = ("provider", "code", "category", "confidence")
_CONFIDENCE = ("high", "medium", "low")


def load_receipt_codes(path: Path = REFERENCE / "receipt_codes.csv") -> list[tuple[str, ...]]:
    """Rows of `CODE_COLUMNS`.

    Raises:
        UsageError: a column is missing, a category or confidence is unknown, or a code is listed twice; with the line.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        missing = [name for name in CODE_COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise UsageError(f"{path.name} line 1: the column {missing[0]} is missing")
        rows = [tuple((entry[name] or "").strip() for name in CODE_COLUMNS) for entry in reader]
    seen: set[tuple[str, str]] = set()
    for number, row in enumerate(rows, start=2):
        _check(row, seen, f"{path.name} line {number}")
    return rows


def _check(row: tuple[str, ...], seen: set[tuple[str, str]], place: str) -> None:
    provider, code, category, confidence = row
    if not provider or not code:
        raise UsageError(f"{place}: provider and code must both be there (`*` stands for every provider)")
    if category not in get_args(Category):
        raise UsageError(f"{place}: {category!r} is no category; use one of {', '.join(get_args(Category))}")
    if confidence not in _CONFIDENCE:
        raise UsageError(f"{place}: {confidence!r} is no confidence; use high, medium or low")
    if (provider, code.upper()) in seen:
        raise UsageError(f"{place}: {code} is listed twice for {provider}; keep one row")
    seen.add((provider, code.upper()))
