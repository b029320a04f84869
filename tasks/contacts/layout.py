"""How a table is laid out: its delimiter, where its header stands, what its columns are called; from its first rows."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import xor

from tasks.contacts.columns import HeaderNames, count_known_headers

NO_DELIMITER = "\x1f"
_DELIMITERS = (",", "\t", ";", "|")
_SAMPLE_LINES = 200
_HEADER_WITHIN = 20  # titles and remarks above a header take fewer lines
_REGULAR = 0.8  # of the lines have the same width when a delimiter is the right one
_EXCEL_HINT = re.compile(r"^sep=([,;|\t])$")
_CONVINCING = 2  # so many known header names show the delimiter, however irregular the lines are
_NUMBER_LIKE = re.compile(r"^[^A-Za-z\u4e00-\u9fff]*[0-9０-９][^A-Za-z\u4e00-\u9fff]*$")
_PHONE_DIGITS = 7
_MOBILE_LIKE = re.compile(r"(?:86)?1[3-9][0-9]{9}")

Cells = Sequence[str | None]


@dataclass(frozen=True, slots=True)
class Layout:
    """`columns` (unique names), and the line or row of the header, from 1; 0 where the data begin at once."""

    columns: tuple[str, ...]
    header_row: int
    delimiter: str = NO_DELIMITER


def find_layout(rows: Sequence[Cells], names: HeaderNames) -> Layout:
    """The layout of a table by its first rows (blank cells None or empty): of a sheet, or text with one delimiter."""
    header = _find_header(rows, names)
    body = rows[header:]
    width = _usual_width(body) or (len(_trim(rows[header - 1])) if header else 0)
    titles = _trim(rows[header - 1]) if header else _title_phones(body)
    return Layout(_name_columns(titles, max(width, len(titles))), header)


def find_text_layout(sample: str, names: HeaderNames) -> Layout:
    """The layout of delimited text by its beginning; the last line of the sample may be cut."""
    lines = sample.split("\n")[: _SAMPLE_LINES + 1]
    lines = lines[:-1] if len(lines) > 1 else lines
    hint = _EXCEL_HINT.match(lines[0])
    if hint:
        return _layout_with(["", *lines[1:]], hint[1], names)
    found = [
        (count_known_headers(layout.columns, names), len(layout.columns), layout)
        for layout in (_layout_with(lines, delimiter, names) for delimiter in _DELIMITERS)
        if len(layout.columns) > 1
    ]
    usable = [each for each in found if each[0] >= _CONVINCING or _is_regular(lines, each[2])]
    if not usable:
        return _layout_with(lines, NO_DELIMITER, names)
    return max(usable, key=lambda each: each[:2])[2]


def _layout_with(lines: Sequence[str], delimiter: str, names: HeaderNames) -> Layout:
    layout = find_layout(_split_lines(lines, delimiter), names)
    return Layout(layout.columns, layout.header_row, delimiter)


def _split_lines(lines: Sequence[str], delimiter: str) -> list[Cells]:
    """Each line by itself: a stray quotation mark must not swallow the lines below it.

    Lines that are only a part of a row, because a quoted cell goes on, say nothing of the width and come out empty.
    """
    return [
        _split_line(line, delimiter) if is_row else [] for line, is_row in zip(lines, _find_rows(lines), strict=True)
    ]


def _find_rows(lines: Sequence[str]) -> list[bool]:
    """Which lines are rows by themselves: no quoted cell is open before or behind them.

    Where a mark is left over at the end, open cells cannot be told, and each line is taken by itself.
    """
    is_odd = [line.count('"') % 2 == 1 for line in lines]
    if sum(is_odd) % 2:
        return [not odd for odd in is_odd]
    is_open_behind = list(accumulate(is_odd, xor))
    return [not (odd or is_open) for odd, is_open in zip(is_odd, is_open_behind, strict=True)]


def _split_line(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return [line]


def _is_regular(lines: Sequence[str], layout: Layout) -> bool:
    rows = _split_lines(lines, layout.delimiter)[max(layout.header_row - 1, 0) :]
    widths = [len(cells) for cells in rows if cells]
    return bool(widths) and widths.count(len(layout.columns)) >= _REGULAR * len(widths)


def _find_header(rows: Sequence[Cells], names: HeaderNames) -> int:
    """The row (from 1) with the most known header names; else the first row, unless numbers stand in it (then 0)."""
    hits = [(count_known_headers(row, names), -place) for place, row in enumerate(rows[:_HEADER_WITHIN])]
    best, place = max(hits, default=(0, 0))
    if best:
        return 1 - place
    for number, row in enumerate(rows[:_HEADER_WITHIN], 1):
        cells = _trim(row)
        if cells:
            return 0 if any(_is_number(cell) for cell in cells) else number
    return 0


def _is_number(cell: str) -> bool:
    return bool(_NUMBER_LIKE.match(cell)) and sum(each.isdigit() for each in cell) >= _PHONE_DIGITS


def _title_phones(rows: Sequence[Cells]) -> tuple[str, ...]:
    """Without a header: `phone` stands above the column with the most mobile numbers, if there is one."""
    hits = Counter(
        place
        for row in rows
        for place, cell in enumerate(row)
        if _MOBILE_LIKE.fullmatch("".join(each for each in cell or "" if each.isdigit()))
    )
    return ("",) * hits.most_common(1)[0][0] + ("phone",) if hits else ()


def _usual_width(rows: Sequence[Cells]) -> int:
    widths = Counter(len(row) for row in rows if any((cell or "").strip() for cell in row))
    return max(widths, key=lambda width: (widths[width], width), default=0)


def _trim(row: Cells) -> tuple[str, ...]:
    """The cells of a row without blanks around them and without the empty ones at its end."""
    cells = [(cell or "").strip() for cell in row]
    while cells and not cells[-1]:
        cells.pop()
    return tuple(cells)


def _name_columns(titles: Sequence[str], width: int) -> tuple[str, ...]:
    """Unique names: a column without a title is `column_3`, the second `phone` is `phone_2`; `source_row` is ours."""
    names: list[str] = []
    for place in range(width):
        name = titles[place] if place < len(titles) and titles[place] else f"column_{place + 1}"
        unique, count = name, 1
        while unique in names or unique == "source_row":
            count += 1
            unique = f"{name}_{count}"
        names.append(unique)
    return tuple(names)
