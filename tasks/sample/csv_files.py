"""How lines become files: quoting, encodings, line ends, and file modes; nothing of what the lines mean."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import polars as pl

Encoding = Literal["utf-8", "utf-8-sig", "gb18030"]
ENCODINGS: tuple[Encoding, ...] = ("utf-8", "utf-8-sig", "gb18030")
_SPECIAL = '[,"\r\n]'
_LINES_AT_A_TIME = 200_000


def join_lines(columns: Mapping[str, pl.Series]) -> pl.Series:
    """One CSV line per row, without its end; cells with a comma or a quotation mark are quoted."""
    frame = pl.DataFrame([series.alias(name) for name, series in columns.items()])
    special = frame.select(pl.all().str.contains(_SPECIAL).any()).row(0)
    cells = [_quoted(name) if is_special else pl.col(name) for name, is_special in zip(columns, special, strict=True)]
    return frame.select(pl.concat_str(cells, separator=",").alias("line")).to_series()


def write_lines(path: Path, header: str, lines: pl.Series, encoding: Encoding) -> None:
    """Write header and lines as a private file (mode 0600); the encodings that Excel writes end lines in CR LF."""
    end = "\n" if encoding == "utf-8" else "\r\n"
    # The mark goes once before everything; the rest is the plain codec.
    codec = "gb18030" if encoding == "gb18030" else "utf-8"
    with open_private(path) as file:
        file.write((header + end).encode(encoding))
        for part in lines.to_frame("line").iter_slices(_LINES_AT_A_TIME):
            text = io.BytesIO()
            part.write_csv(text, include_header=False, quote_style="never", line_terminator=end)
            file.write(text.getvalue() if codec == "utf-8" else text.getvalue().decode().encode(codec))


def open_private(path: Path) -> io.BufferedWriter:
    """Open for writing a file that only its owner may read, also when it existed before with a wider mode."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.fchmod(handle, 0o600)
    return os.fdopen(handle, "wb")


def _quoted(name: str) -> pl.Expr:
    cell = pl.col(name)
    quoted = pl.concat_str(pl.lit('"'), cell.str.replace_all('"', '""', literal=True), pl.lit('"'))
    return pl.when(cell.str.contains(_SPECIAL)).then(quoted).otherwise(cell)
