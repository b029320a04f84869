"""A file in many batches gives what it gives in one: nothing of it is kept in memory to compare rows by."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest
from contacts_room import KEYS, Room, open_room, token

from chuda.stores.ledger import open_ledger
from tasks.contacts.importing import Imported, ImportOptions, stop_listed
from tasks.contacts.opening import Opened, open_file
from tasks.contacts.reading import open_rows

A, B = "13800138000", "13900139000"
CONTACTS = "手机号,会员号,姓名\n" + f"{A},M1,王一\n{B},M2,李二\n{A}/{B},M1,王三\n" + "x,,\n" * 5 + f"{A},M1,\n"
ORDERS = (
    "手机号,会员号,订单号,支付时间,金额\n"
    + "".join(f"{A},,D{number % 7},2026-01-{number % 28 + 1:02},{number % 5}\n" for number in range(60))
    + ",M9,D99,2026-01-01,1\n,M2,D3,2026-01-01,1\n,,D5,2026-01-01,1\n,M2,D8,2026-01-01,x\n"
)
EVENTS = "会员号,事件号,类型,时间\n" + "".join(
    f"M{number % 3},E{number % 11},预约,2026-02-{number % 28 + 1:02}\n" for number in range(60)
)
STOPS = "手机号,原因,时间\n" + f"{A},投诉,2026-01-02\n坏,,\n{B},,2026-01-01\n" * 9
TABLES = ("contact_clean", "contact_alternate", "order_clean", "event_clean")


def open_in_parts(path: Path, room: Room, block_bytes: int) -> Opened:
    opened = open_file(path, room.reference.headers)
    return replace(opened, rows=open_rows(path, room.reference.headers, block_bytes=block_bytes))


def import_all(room: Room, block_bytes: int) -> list[Imported]:
    files = {"contacts": CONTACTS, "orders": ORDERS, "events": EVENTS, "stops": STOPS}
    opened = {kind: open_in_parts(room.write(f"{kind}.csv", text), room, block_bytes) for kind, text in files.items()}
    listed = stop_listed(room.workspace, opened["stops"], room.reference, room.workspace.clock.now())
    return [
        room._import(lambda importer: importer.contacts(opened["contacts"], ImportOptions())),
        room._import(lambda importer: importer.orders(opened["orders"])),
        room._import(lambda importer: importer.events(opened["events"])),
        room._import(lambda importer: importer.stops(opened["stops"], listed)),
    ]


@pytest.fixture
def rooms(tmp_path, friday_ten, reference) -> Iterator[tuple[Room, Room]]:
    with ExitStack() as stack:
        folders = [tmp_path / "one", tmp_path / "many"]
        for folder in folders:
            folder.mkdir()
        ledgers = [stack.enter_context(closing(open_ledger(folder / "ledger.sqlite", KEYS))) for folder in folders]
        one, many = (
            open_room(folder, ledger, friday_ten, reference) for folder, ledger in zip(folders, ledgers, strict=True)
        )
        yield one, many


def test_many_batches_give_the_accounts_tables_and_rejects_of_one(rooms):
    one, many = rooms
    whole, parts = import_all(one, 1 << 20), import_all(many, 120)
    for expected, found in zip(whole, parts, strict=True):
        assert found.counts == expected.counts
        assert found.merged == expected.merged
        assert (found.reject_file is None) == (expected.reject_file is None)
        if found.reject_file and expected.reject_file:
            lines = [sorted(each.reject_file.read_text("utf-8-sig").splitlines()) for each in (expected, found)]
            assert lines[0] == lines[1]
    for table in TABLES:
        query = f"SELECT * FROM {table} ORDER BY ALL"
        assert many.rows(query) == one.rows(query)
    assert {stop[0] for stop in one.suppressed()} == {token(A), token(B)}
    assert many.suppressed() == one.suppressed()
