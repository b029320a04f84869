"""The table of receipt codes: complete, and refused with the line when it is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from chuda.errors import UsageError
from tasks.kpi.receipt_codes import Category, load_receipt_codes

HEADER = "provider,code,category,confidence,since_version,note\n"


def test_every_category_has_codes() -> None:
    assert {row[2] for row in load_receipt_codes()} == set(get_args(Category))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("*,X:1,nonsense,high,1,", "line 2: 'nonsense' is no category"),
        ("*,X:1,content,sure,1,", "line 2: 'sure' is no confidence"),
        ("*,,content,high,1,", "line 2: provider and code"),
        ("*,X:1,content,high,1,\n*,x:1,ported,high,1,", "line 3: x:1 is listed twice"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "codes.csv"
    path.write_text(HEADER + line + "\n", "utf-8")
    with pytest.raises(UsageError, match=message):
        load_receipt_codes(path)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    path.write_text("provider,code\n", "utf-8")
    with pytest.raises(UsageError, match="category is missing"):
        load_receipt_codes(path)


def test_a_spreadsheet_may_have_saved_it(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    path.write_text(HEADER + "*,X:1,content,high,1,\n", "utf-8-sig")
    assert load_receipt_codes(path) == [("*", "X:1", "content", "high")]
