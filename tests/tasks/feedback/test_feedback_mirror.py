"""What the ledger knows reaches the warehouse once and whole, also when transactions commit out of order."""

from __future__ import annotations

import threading

import duckdb
import pytest
from fakes import phones, put_release

from chuda.stores.ledger import open_ledger
from chuda.stores.ledger.feedback import ReceiptRow, append_events
from chuda.stores.ledger.releases import Control, set_control, state_counts
from tasks.feedback.mirror import mirror_ledger


def receipt(number):
    return ReceiptRow("c", "b", number, "t", "delivered", "DELIVRD", 1, 0, 0)


@pytest.fixture
def postgres_ledger(postgres, keys):
    ledger = open_ledger(postgres(), keys)
    yield ledger
    ledger.close()


@pytest.fixture
def warehouse():
    with duckdb.connect() as connection:
        yield connection


def positions(warehouse):
    return [row[0] for row in warehouse.execute("SELECT position FROM receipt_received ORDER BY 1").fetchall()]


def test_what_a_slow_transaction_commits_late_is_not_missed(postgres_ledger, warehouse):
    def write_quickly():
        with postgres_ledger.write() as quick:
            append_events(quick, [receipt(2)])

    with postgres_ledger.write() as slow:
        append_events(slow, [receipt(1)])
        other = threading.Thread(target=write_quickly)
        other.start()
        other.join(0.3)
        mirror_ledger(warehouse, postgres_ledger)
    other.join()
    mirror_ledger(warehouse, postgres_ledger)
    assert positions(warehouse) == [1, 2]


def test_a_reading_is_one_view(postgres_ledger, keys, clock):
    put_release(postgres_ledger, keys, clock.now(), people=phones(1))
    with postgres_ledger.read() as connection:
        before = state_counts(connection, "p1")
        with postgres_ledger.write() as other:
            set_control(other, "p1", Control("cancelled", "x", "y"), 0)
        assert state_counts(connection, "p1") == before == {"planned": 1}


def test_sqlite_reads_each_event_once(ledger, warehouse):
    for number in (1, 2):
        with ledger.write() as connection:
            append_events(connection, [receipt(number)])
        assert mirror_ledger(warehouse, ledger)["receipt_received"] == 1
    assert mirror_ledger(warehouse, ledger)["receipt_received"] == 0
    assert positions(warehouse) == [1, 2]
