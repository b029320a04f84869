"""Files as they come: encodings, delimiters, headers, quotation marks, ragged rows, Excel, Parquet, and no lists."""

from __future__ import annotations

import codecs
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chuda.errors import UsageError
from tasks.contacts.reading import RawRows, open_rows
from tasks.contacts.reference import ContactReference

TEXT = "手机号,姓名\n13800138000,王小明\n13900139000,李芳\n"
ROWS = [(2, "13800138000", "王小明"), (3, "13900139000", "李芳")]


@pytest.fixture
def open_bytes(tmp_path: Path, reference: ContactReference):
    def open_it(content: bytes, name: str = "list.csv", **options: object) -> RawRows:
        path = tmp_path / name
        path.write_bytes(content)
        return open_rows(path, reference.headers, **options)

    return open_it


def rows_of(opened: RawRows) -> list[tuple]:
    return [row for batch in opened.iterate() for row in batch.rows.rows()]


def ragged_of(opened: RawRows) -> list[tuple]:
    return [row for batch in opened.iterate() for row in batch.ragged.rows()]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_every_encoding_and_line_end_gives_the_same_rows(encoding: str, line_end: str, open_bytes) -> None:
    opened = open_bytes(TEXT.replace("\n", line_end).encode(encoding))
    assert opened.columns == ("手机号", "姓名")
    assert rows_of(opened) == ROWS


def test_gb18030_that_begins_with_plain_ascii_is_noticed_when_it_comes(open_bytes) -> None:
    ascii_part = "phone,name\n" + "13800138000,Tom\n" * 80_000
    opened = open_bytes(ascii_part.encode() + "13900139000,李芳\n".encode("gb18030"), block_bytes=1 << 18)
    assert opened.encoding == "utf-8"
    assert rows_of(opened)[-1] == (80_002, "13900139000", "李芳")


def test_one_broken_character_does_not_turn_utf8_into_something_else(open_bytes) -> None:
    content = ("手机号,姓名\n" + "13800138000,王小明\n" * 20).encode()
    rows = rows_of(open_bytes(content + b"13900139000,\xe7\x8e\n"))
    assert rows[0] == (2, "13800138000", "王小明")
    assert rows[-1][:2] == (22, "13900139000")


def test_blocks_do_not_change_what_is_read(open_bytes) -> None:
    lines = [f'1380013{number:04},"王,{number}"' for number in range(500)]
    content = "\n".join(["手机号,姓名", *lines]).encode("gb18030")
    whole = rows_of(open_bytes(content))
    assert whole[-1] == (501, "13800130499", "王,499")
    assert rows_of(open_bytes(content, block_bytes=97)) == whole


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_the_delimiter_is_found(delimiter: str, open_bytes) -> None:
    assert rows_of(open_bytes(TEXT.replace(",", delimiter).encode())) == ROWS


def test_excels_own_hint_at_the_delimiter_is_no_header(open_bytes) -> None:
    assert rows_of(open_bytes(f"sep=;\n{TEXT.replace(',', ';')}".encode()))[0] == (3, "13800138000", "王小明")


def test_titles_above_the_header_and_blank_lines_are_no_rows_but_count_as_lines(open_bytes) -> None:
    opened = open_bytes("会员名单,,\n\n手机号,姓名,城市\n13800138000,王小明,深圳\n\n,,\n13900139000,李芳,\n".encode())
    assert opened.layout.header_row == 3
    assert [row[0] for row in rows_of(opened)] == [4, 7]
    assert ragged_of(opened) == []


def test_a_bare_list_of_numbers_needs_no_header(open_bytes) -> None:
    opened = open_bytes(b"138 0013 8000\n13900139000/13700137000\n")
    assert opened.columns == ("phone",)
    assert rows_of(opened) == [(1, "138 0013 8000"), (2, "13900139000/13700137000")]


def test_a_table_without_a_header_finds_its_phones(open_bytes) -> None:
    opened = open_bytes("王小明,13800138000,男\n李芳,13900139000,女\n".encode())
    assert opened.columns == ("column_1", "phone", "column_3")
    assert rows_of(opened)[0] == (1, "王小明", "13800138000", "男")


def test_one_column_may_hold_several_numbers_with_commas(open_bytes) -> None:
    opened = open_bytes(
        "手机号\n13800138000\n13900139000,13700137000\n13600136000\n13500135000\n13400134000\n".encode()
    )
    assert rows_of(opened)[1] == (3, "13900139000,13700137000")


def test_columns_without_or_with_the_same_name_become_unique(open_bytes) -> None:
    assert open_bytes("手机号,,手机号,source_row\n1,2,3,4\n".encode()).columns == (
        "手机号", "column_2", "手机号_2", "source_row_2",
    )  # fmt: skip


def test_ragged_rows_are_set_aside_with_their_text_and_cost_no_other_row(open_bytes) -> None:
    lines = ["手机号,姓名,城市", "1,a,x", "2,b", "3,c,x,y,z", "4,d,x", '5,"e,f",x', "6,g,x"]
    for block_bytes in (1 << 20, 16):
        opened = open_bytes("\n".join(lines).encode(), block_bytes=block_bytes)
        assert [row[1] for row in rows_of(opened)] == ["1", "4", "5", "6"]
        assert ragged_of(opened) == [(3, "2,b"), (4, "3,c,x,y,z")]


def test_a_delimiter_behind_every_row_is_a_column_and_makes_no_row_ragged(open_bytes) -> None:
    opened = open_bytes("手机号,姓名\n1,a,\n2,b,\n3,c,\n".encode())
    assert opened.columns == ("手机号", "姓名", "column_3")
    assert len(rows_of(opened)) == 3


QUOTES = {
    'a,"b,c"\n1,2\n': [(2, "a", "b,c"), (3, "1", "2")],
    'a,"say ""hi"""\n': [(2, "a", 'say "hi"')],
    'a,"two\nlines"\nb,1\n': [(2, "a", "two\nlines"), (4, "b", "1")],
    'a,"x\n\ny"\n"p\nq","r\ns"\nb,1\n': [(2, "a", "x\n\ny"), (5, "p\nq", "r\ns"), (8, "b", "1")],
    'a,5" pipe\nb,1\n': [(2, "a", '5" pipe'), (3, "b", "1")],
    '"a,1\nb,2\nc,3\n': [(2, '"a', "1"), (3, "b", "2"), (4, "c", "3")],
    'a,"two\nlines"\nb,6" x\nc,"d,e"\n': [(2, "a", "two\nlines"), (4, "b", '6" x'), (5, "c", "d,e")],
}


@pytest.mark.parametrize(("body", "expected"), QUOTES.items())
def test_quotation_marks_are_understood_and_a_stray_one_costs_no_row(body: str, expected: list, open_bytes) -> None:
    opened = open_bytes(("手机号,姓名\n" + body).encode())
    assert rows_of(opened) == expected
    assert ragged_of(opened) == []


def test_a_quoted_cell_may_run_over_the_end_of_a_block(open_bytes) -> None:
    body = "".join(f'{number},"line\nof {number}"\n' for number in range(40))
    opened = open_bytes(("手机号,姓名\n" + body).encode(), block_bytes=50)
    assert [row[2] for row in rows_of(opened)] == [f"line\nof {number}" for number in range(40)]


def write_workbook(path: Path) -> Path:
    book = xlsxwriter.Workbook(path, {"default_date_format": "yyyy-mm-dd"})
    hidden = book.add_worksheet("说明")
    hidden.write(0, 0, "请勿修改")
    hidden.hide()
    book.add_worksheet("封面").write(0, 0, "会员资料")
    sheet = book.add_worksheet("客户")
    sheet.activate()
    sheet.write(1, 0, "会员名单")
    sheet.write_row(2, 0, ["手机号", "姓名", "生日", "积分", "同意"])
    sheet.write_row(3, 0, [13800138000, "王小明", date(1990, 1, 2), 12, True])
    sheet.write_row(5, 0, ["139 0013 9000", "李\n芳", datetime(1991, 1, 2, 3, 4, 5), 1234.5, "否"])
    other = book.add_worksheet("其他")
    other.write_row(0, 0, ["手机号"])
    other.write_row(1, 0, ["13700137000"])
    book.close()
    return path


def test_excel_is_read_as_text_with_its_own_row_numbers(tmp_path: Path, reference: ContactReference) -> None:
    opened = open_rows(write_workbook(tmp_path / "客户.xlsx"), reference.headers)
    assert opened.kind == "excel"
    assert opened.columns == ("手机号", "姓名", "生日", "积分", "同意")
    assert rows_of(opened) == [
        (4, "13800138000", "王小明", "1990-01-02 00:00:00", "12", "true"),
        (6, "139 0013 9000", "李\n芳", "1991-01-02 03:04:05", "1234.5", "否"),
    ]


def test_a_sheet_is_chosen_by_name_or_the_names_are_told(tmp_path: Path, reference: ContactReference) -> None:
    path = write_workbook(tmp_path / "客户.xlsx")
    assert rows_of(open_rows(path, reference.headers, sheet="其他")) == [(2, "13700137000")]
    with pytest.raises(UsageError, match="说明, 封面, 客户, 其他"):
        open_rows(path, reference.headers, sheet="没有")


def test_parquet_of_any_types_becomes_text(tmp_path: Path, reference: ContactReference) -> None:
    path = tmp_path / "list.bin"
    pl.DataFrame(
        {
            "手机号": [13800138000, None],
            "生日": [date(1990, 1, 2), None],
            "标签": [["VIP", "母婴"], None],
            "同意时间": [datetime(2025, 1, 2, 3), None],
            "raw": [b"x", b"y"],
        },
        schema_overrides={"同意时间": pl.Datetime("us", "UTC")},
    ).write_parquet(path)
    opened = open_rows(path, reference.headers)
    assert (opened.kind, opened.columns) == ("parquet", ("手机号", "生日", "标签", "同意时间"))
    assert rows_of(opened)[0] == (1, "13800138000", "1990-01-02", "VIP,母婴", "2025-01-02 11:00:00.000000")


UNREADABLE = {
    b"": "empty",
    b" \n\n": "empty",
    b"\x1f\x8b\x08\x00abc": "compressed",
    b"%PDF-1.7 abc": "PDF",
    b"<html><table><tr><td>13800138000</td></tr></table></html>": "web page",
    b"\xff\xfe" + "<table>".encode("utf-16-le"): "web page",
    b"PK\x03\x04 this is no workbook": "workbook",
    b"\xd0\xcf\x11\xe0 nor this": "workbook",
    b"PAR1 nor this Parquet PAR1": "Parquet",
    b"\x00\x01\x02\x03\xff\xfe\x00\x00" * 9: "not a text file",
    b"phone\n\xff\xff\xff\xff\n": "no known encoding",
}


@pytest.mark.parametrize(("content", "message"), UNREADABLE.items())
def test_what_is_no_list_is_refused_with_its_name(content: bytes, message: str, open_bytes) -> None:
    with pytest.raises(UsageError, match=r"list\.csv.*" + message):
        rows_of(open_bytes(content))


def test_a_file_that_is_not_there_is_refused_with_its_name(tmp_path: Path, reference: ContactReference) -> None:
    with pytest.raises(UsageError, match=r"gone\.csv"):
        open_rows(tmp_path / "gone.csv", reference.headers)
    with pytest.raises(UsageError, match=str(tmp_path)):
        open_rows(tmp_path, reference.headers)


def test_nothing_is_written_beside_the_file(open_bytes, tmp_path: Path) -> None:
    rows_of(open_bytes(TEXT.encode("gb18030")))
    assert [path.name for path in tmp_path.iterdir()] == ["list.csv"]


csv_like = st.text(alphabet='手机号,姓名;"\n\r\t13800138000', max_size=200).map(lambda text: text.encode())
file_like = st.one_of(
    st.binary(max_size=300),
    csv_like,
    csv_like.map(lambda text: codecs.BOM_UTF8 + text),
    st.text(max_size=100).map(lambda text: text.encode("utf-16", "replace")),
    st.text(max_size=100).map(lambda text: text.encode("gb18030", "replace")),
    st.binary(max_size=100).map(lambda tail: b"PAR1" + tail),
    st.binary(max_size=100).map(lambda tail: b"PK\x03\x04" + tail),
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=file_like, block_bytes=st.sampled_from([7, 1 << 20]))
def test_any_bytes_are_rows_or_one_clear_refusal(content: bytes, block_bytes: int, open_bytes) -> None:
    try:
        opened = open_bytes(content, block_bytes=block_bytes)
        rows, ragged = rows_of(opened), ragged_of(opened)
    except UsageError as error:
        assert "list.csv" in str(error)
    else:
        numbers = [row[0] for row in [*rows, *ragged]]
        assert len(numbers) == len(set(numbers))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cells=st.lists(
        st.tuples(st.text(alphabet='王ab,"\n ;', max_size=8), st.text(alphabet='王ab,"\n ;', max_size=8)), max_size=12
    ),
    block_bytes=st.sampled_from([9, 1 << 20]),
)
def test_a_well_formed_file_is_read_as_it_was_written(cells: list, block_bytes: int, open_bytes) -> None:
    written = "手机号,姓名,城市\n" + "".join(f"1,{quote(first)},{quote(second)}\n" for first, second in cells)
    opened = open_bytes(written.encode(), block_bytes=block_bytes)
    found = [("" if a is None else a, "" if b is None else b) for _, _, a, b in rows_of(opened)]
    assert (found, ragged_of(opened)) == (cells, [])


def quote(cell: str) -> str:
    doubled = cell.replace('"', '""')
    return f'"{doubled}"' if any(mark in cell for mark in ',"\n') else cell
