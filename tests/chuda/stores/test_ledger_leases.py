"""One owner per release: the living keep it, the dead and the late lose it, and a lost one starts nothing."""

from __future__ import annotations

import os
import subprocess
import sys

from chuda.stores.ledger.leases import LEASE_US, HeldElsewhere, Lease, acquire, give_back, still_held, this_machine


def take(ledger, owner, now_us=1_000):
    with ledger.write() as connection:
        return acquire(connection, "release:r", owner, now_us)


def holder_is(ledger, pid, host=None):
    with ledger.write() as connection:
        connection.exec_driver_sql("UPDATE lease SET pid = ?, host = ?", (pid, host or this_machine()))


def test_a_living_owner_keeps_it(ledger):
    take(ledger, "one")
    assert isinstance(take(ledger, "two"), HeldElsewhere)


def test_a_dead_owner_on_this_host_loses_it_at_once_and_its_epoch_is_over(ledger):
    first = take(ledger, "one")
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    holder_is(ledger, int(gone.stdout))
    second = take(ledger, "two")
    assert isinstance(second, Lease)
    assert second.epoch == first.epoch + 1
    with ledger.write() as connection:
        assert not still_held(connection, first, 1_000)
        assert still_held(connection, second, 1_000)


def test_an_owner_elsewhere_loses_it_only_when_it_expires_and_asking_prolongs(ledger):
    first = take(ledger, "one")
    holder_is(ledger, os.getpid(), "another-host")
    assert isinstance(take(ledger, "two", LEASE_US), HeldElsewhere)
    with ledger.write() as connection:
        assert still_held(connection, first, LEASE_US)
    assert isinstance(take(ledger, "two", 2 * LEASE_US - 1_000), HeldElsewhere)
    assert isinstance(take(ledger, "two", 2 * LEASE_US + 1_000), Lease)


def test_only_the_owner_gives_it_back(ledger):
    first = take(ledger, "one")
    with ledger.write() as connection:
        give_back(connection, Lease("release:r", "stranger", first.epoch))
    assert isinstance(take(ledger, "two"), HeldElsewhere)
    with ledger.write() as connection:
        give_back(connection, first)
    assert isinstance(take(ledger, "two"), Lease)


def test_a_process_number_of_another_container_says_nothing(ledger):
    take(ledger, "one")
    holder_is(ledger, 999_999, this_machine().split("/")[0] + "/another boot/pid:[1]")
    assert isinstance(take(ledger, "two"), HeldElsewhere)
