"""A night that reads only what changed gives what reading everything gives."""

from __future__ import annotations

import os
from collections.abc import Iterator
from random import Random

import numpy as np
import polars as pl
import pytest
from contacts_room import Room, open_room, token

from tasks.contacts.changed_rows import shorten_tokens
from tasks.contacts.erasing import erase_person
from tasks.contacts.inbox import find_changed_files
from tasks.contacts.merging import MergeCounts
from tasks.contacts.raw_lines import LONGEST_CELL, RawLines
from tasks.contacts.reading import open_rows
from tasks.contacts.row_memory import RowMemory

A, B = "13800138000", "13900139000"
HEADER = "手机号,姓名,标签,是否同意营销短信,同意来源,同意时间,同意用途\n"
# Where a record comes from is not the person; a night that leaves rows out keeps the older origin.
_PEOPLE = (
    "SELECT * EXCLUDE (source_row, source_file, import_id, updated_at) FROM contact_clean ORDER BY ALL",
    "SELECT * FROM contact_alternate ORDER BY ALL",
)
_PHONES = [f"1380013{number:04}" for number in range(60)]
_NAMES = ["王一", "李二", "", '"张\n三"', '赵"四', '"钱五']


def write_line(dice: Random) -> str:
    one, other = dice.choice(_PHONES), dice.choice(_PHONES)
    phone = dice.choice([one, one, one, other, other, f"{one}/{other}", f"{one}/123", "123", "", '"139 0013 9000"'])
    name, consent = dice.choice(_NAMES[:3] * 5 + _NAMES), dice.choice(["是", "是", "否", "", "?"])
    at = dice.choice(["2026-01-01", "2026-02-01", "", "2027-01-01"])
    return f"{phone},{name},标签{dice.randrange(3)},{consent},店,{at},营销\n"


def write_nights(dice: Random) -> Iterator[str]:
    """Three nights' exports of one system: rows come, go, change, move and are repeated."""
    # Many who stay as they are: few of many changed is another way through the merge.
    lines = [f"1390000{number:04},王,,是,店,2026-01-01,营销\n" for number in range(400)]
    lines += [write_line(dice) for _ in range(150)]
    for _ in range(3):
        yield HEADER + "".join(lines)
        lines = [line for line in lines if line[2] == "9" or dice.random() > 0.05]
        lines = [write_line(dice) if line[2] != "9" and dice.random() < 0.05 else line for line in lines]
        if dice.random() < 0.5:
            first, second = dice.sample(range(len(lines)), 2)
            lines[first], lines[second] = lines[second], lines[first]
        lines += [write_line(dice) for _ in range(dice.randrange(5))]


def state_of(room: Room) -> list[list[tuple]]:
    return [room.rows(query) for query in _PEOPLE]


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 30))])
def test_reading_only_what_changed_gives_what_reading_everything_gives(
    seed, tmp_path_factory, ledger, friday_ten, reference
):
    changed, full = (open_room(tmp_path_factory.mktemp("room"), ledger, friday_ten, reference) for _ in range(2))
    for night in write_nights(Random(seed)):
        one = changed.contacts(changed.write("a.csv", night), changed_only=True)
        all_ = full.contacts(full.write("a.csv", night))
        assert state_of(changed) == state_of(full)
        assert one.unchanged + one.counts.rows == all_.counts.rows
        assert one.counts.rejected_by_reason == all_.counts.rejected_by_reason


@pytest.mark.parametrize("kind", ["csv", "gb18030", "utf-16", "parquet", "xlsx"])
def test_a_row_of_somebody_with_two_rows_is_read_again_with_the_other_in_every_kind_of_file(room, kind):
    old = pl.DataFrame({"手机号": [A, B, A], "姓名": ["王一", "李二", "王三"]})
    new = old.with_columns(姓名=pl.Series(["王四", "李二", "王三"]))
    for frame in (old, new):
        path = room.folder / f"a.{kind}"
        if kind == "parquet":
            frame.write_parquet(path)
        elif kind == "xlsx":
            frame.write_excel(path)
        else:
            path.write_bytes(frame.write_csv().encode("utf-8" if kind == "csv" else kind))
        done = room.contacts(path, changed_only=True)
    assert (done.unchanged, done.counts.rows, done.merged) == (1, 2, MergeCounts(0, 0, 1))
    assert room.rows("SELECT name FROM contact_clean ORDER BY name") == [("李二",), ("王三",)]


def test_the_rows_of_somebody_erased_since_are_named_and_do_not_bring_them_back(room):
    path = room.write("a.csv", HEADER + f"{A},王,,,,,\n{B},李,,,,,\n")
    room.contacts(path, changed_only=True)
    erase_person(room.workspace, token(A), A)
    for _ in range(2):
        done = room.contacts(path, changed_only=True)
        assert (done.unchanged, done.counts.rejected_by_reason) == (1, {"erased": 1})
    assert room.rows("SELECT token FROM contact_clean") == [(token(B),)]
    assert room.workspace.vault.read()["phone"].to_list() == [B]


def test_other_rules_for_numbers_make_every_row_new(room):
    path = room.write("a.csv", HEADER + f"{A},王,,,,,\n")
    room.contacts(path, changed_only=True)
    object.__setattr__(room, "reference", type(room.reference)(room.reference.headers, room.reference.prefixes, "2"))
    assert room.contacts(path, changed_only=True).unchanged == 0
    assert room.contacts(path, changed_only=True).unchanged == 1


def test_rows_are_found_wherever_they_moved():
    generator = np.random.default_rng(1)
    prints = generator.integers(1, 2**63, 5000, dtype=np.uint64)
    memory = RowMemory(prints, shorten_tokens(pl.Series(["0" * 32] * 5000)))
    moved = np.concatenate((prints[4000:], np.array([7, 0], dtype=np.uint64), prints[:4000]))
    places = memory.find(moved, 0)
    assert places.tolist() == [*range(4000, 5000), -1, -1, *range(4000)]
    block = np.delete(np.insert(prints[1000:2000], 500, 9), [10, 700])
    assert memory.find(block, 990).tolist() == [
        place for place in [*range(1000, 1500), -1, *range(1500, 2000)] if place not in (1010, 1699)
    ]


def test_lines_of_open_cells_are_known_by_nothing():
    stray = "x,y\n" * LONGEST_CELL
    lines = RawLines(f'a,b\nc,"d\ne\nf",g\nh,"i"\n{stray}j,"k\nl\n'.encode(), 10)
    prints = lines.fingerprints()
    assert [bool(each) for each in prints[:5]] == [True, False, False, False, True]
    assert [bool(each) for each in prints[-2:]] == [False, True]
    assert (prints[5:-2] != 0).all()
    assert lines.take(prints == 0) == b'c,"d\ne\nf",g\nj,"k\n'


def test_what_seems_to_be_a_cell_of_very_many_lines_is_none(room):
    lines = '手机号,姓名\n139,"' + "x\n" * (LONGEST_CELL + 2) + f'z"\n{A},王\n'
    opened = open_rows(room.write("a.csv", lines), room.reference.headers)
    rows = [row for batch in opened.iterate() for row in batch.rows.rows()]
    assert rows[-1][1:] == (A, "王")
    assert all("\n" not in cell for row in rows for cell in row[1:] if cell)


@pytest.fixture
def dropped(room):
    """A file in the inbox of contacts."""
    inbox = room.workspace.settings.home / "inbox" / "contacts"
    inbox.mkdir(parents=True)
    path = inbox / "a.csv"
    path.write_text(f"手机号\n{A}\n", "utf-8")
    return path


def changed_of(room: Room) -> list[str]:
    return [each.name for each in find_changed_files(room.workspace, "contacts")]


def test_a_file_of_the_inbox_that_looks_as_it_did_is_not_read_again(room, dropped):
    assert changed_of(room) == ["a.csv"]
    room.contacts(dropped)
    assert changed_of(room) == []
    with room.workspace.warehouse.write() as connection:
        connection.execute("UPDATE import_run SET import_id = 'other'")
    assert changed_of(room) == [], "it looks as it did: nobody looks inside"


@pytest.mark.parametrize("is_replaced", [True, False])
def test_other_bytes_of_the_same_size_and_time_are_imported(room, dropped, is_replaced):
    room.contacts(dropped)
    assert changed_of(room) == []
    looks = dropped.stat()
    written = dropped.with_name(".new") if is_replaced else dropped
    written.write_text(f"手机号\n{B}\n", "utf-8")
    os.utime(written, ns=(looks.st_atime_ns, looks.st_mtime_ns))
    written.replace(dropped)
    assert changed_of(room) == ["a.csv"]


def test_a_file_put_back_to_what_it_was_is_imported_again(room, dropped):
    for phone in (A, B, A):
        dropped.write_text(f"手机号\n{phone}\n", "utf-8")
        assert changed_of(room) == ["a.csv"]
        room.contacts(dropped)
        assert changed_of(room) == []
