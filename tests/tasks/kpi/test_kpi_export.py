"""Exports: typed cells, Chinese headers, nothing that a spreadsheet would run; lists of people without a "no"."""

from __future__ import annotations

import csv
import stat
from datetime import datetime
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from kpi_world import NOW, World

from chuda.errors import UsageError
from chuda.stores.marts import open_marts
from tasks.kpi.catalog import published_marts
from tasks.kpi.export import choose_marts, export_csv, export_workbook
from tasks.kpi.lists import read_members, write_members
from tasks.kpi.refresh import refresh_marts


@pytest.fixture(scope="module")
def marts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    world = World()
    world.put(
        "plan_made", {"campaign_name": "=HYPERLINK(1)", "campaign_id": "-c1"}, {"plan_id": "p2", "occurrence": "2"}
    )
    world.put_messages(900, delivered=890, clicked=20, segment="lost")
    world.put_messages(900, delivered=890, clicked=20, segment="lost", plan="p2")
    world.put_messages(100, delivered=99, clicked=40, segment="keen")
    world.put_messages(3, delivered=3, segment="@odd")
    token = world.warehouse.execute("select token from plan_message where plan_id = 'p2' limit 1").fetchall()[0][0]
    world.put("reply_received", {"token": token, "text": "T"})
    path = tmp_path_factory.mktemp("marts") / "marts.duckdb"
    refresh_marts(world.warehouse, path, NOW)
    return path


def test_cells_have_their_types_and_headers_are_chinese(marts: Path, tmp_path: Path) -> None:
    path = tmp_path / "kpi.xlsx"
    with open_marts(marts) as connection:
        written = export_workbook(connection, choose_marts([]), path, "zh")
    book = openpyxl.load_workbook(path)
    assert book.sheetnames[0] == "活动指标" and book.sheetnames[-1] == "字段说明"
    sheet = book["活动指标"]
    titles = {cell.value: cell.column for cell in sheet[1]}
    row = next(row for row in range(2, 4) if str(sheet.cell(row, 1).value).endswith("-c1"))
    rate, sent = sheet.cell(row, titles["送达率"]), sheet.cell(row, titles["首条发出"])
    assert isinstance(rate.value, float) and rate.number_format == "0.00%"
    assert sent.value == datetime(2026, 11, 20, 10, 0)
    assert sheet.cell(row, titles["转化"]).value is None
    assert sheet.cell(row, titles["回执是否齐全"]).value is True
    assert written["campaign_kpi"] == 2


def test_nothing_is_a_formula(marts: Path, tmp_path: Path) -> None:
    with open_marts(marts) as connection:
        export_workbook(connection, choose_marts(["campaign_kpi"]), tmp_path / "a.xlsx", "en")
        export_csv(connection, choose_marts(["campaign_kpi"])[0], tmp_path / "a.csv", "en")
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx")["campaign_kpi"]
    with (tmp_path / "a.csv").open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.reader(file))
    for table in ([[cell.value for cell in row] for row in sheet.iter_rows()], lines):
        found = [cell for row in table for cell in row if isinstance(cell, str)]
        assert "'=HYPERLINK(1)" in found and "'-c1" in found
        assert not [cell for cell in found if cell[:1] in "=+-@" and cell]


def test_csv_opens_in_a_spreadsheet_as_it_is(marts: Path, tmp_path: Path) -> None:
    mart = choose_marts(["message_fact"])[0]
    with open_marts(marts) as connection:
        rows = export_csv(connection, mart, tmp_path / "m.csv", "zh")
    raw = (tmp_path / "m.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf" + "方案".encode())
    assert rows == 1903 == len(raw.decode().strip().splitlines()) - 1
    assert b"2026-11-20 10:00:00," in raw


@pytest.mark.parametrize("mart", published_marts(), ids=lambda mart: mart.name)
def test_no_two_columns_share_a_title(mart: object) -> None:
    titles = [column.zh for column in mart.columns]  # type: ignore[attr-defined]
    assert len(set(titles)) == len(titles)
    assert not [title for title in titles if '"' in title]


def test_an_unknown_mart_is_answered_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="campaign_kpi"):
        choose_marts(["campaigns"])


def test_people_who_said_no_are_not_handed_on(marts: Path) -> None:
    with open_marts(marts) as connection:
        named = read_members(connection, "lost", is_low_only=False)
        assert read_members(connection, "keen", is_low_only=True).is_empty()
        assert read_members(connection, "keen", is_low_only=False).height == 100
    assert named["campaign_id"].unique().to_list() == ["c1"]
    assert named.height == 899


def test_low_segments_are_those_that_stay_low(marts: Path) -> None:
    with open_marts(marts) as connection:
        flagged = connection.execute("select distinct subject from alert where kind = 'segment_low'").fetchall()
        people = read_members(connection, None, is_low_only=True)
    assert flagged == [("lost",)]
    assert people["segment"].unique().to_list() == ["lost"]


def test_a_list_of_people_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("old", "utf-8")
    path.chmod(0o644)
    write_members(pl.DataFrame({"segment": ["@odd", "keen"], "phone": ["13800000001", None]}), path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes().decode("utf-8-sig").splitlines() == ["segment,phone", "'@odd,13800000001", "keen,"]
