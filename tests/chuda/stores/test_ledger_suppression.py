"""Who may not be messaged: the check that stands in the transaction that starts a message."""

from __future__ import annotations

import pytest

from chuda.stores.ledger.suppression import (
    Suppression,
    remember_alternates,
    suppress,
    suppressed_among,
    suppressions_of,
)

ONE, TWO, THREE = ("a" * 32, "b" * 32, "c" * 32)


def entry(token: str, scope="marketing", reason="opt_out", source="reply", at_us: int = 1) -> Suppression:
    return Suppression(token, scope, reason, source, at_us, at_us + 1)


def stopped(ledger, *entries: Suppression, among=(ONE, TWO, THREE), message_type: str = "marketing", pairs=()) -> set:
    with ledger.write() as connection:
        suppress(connection, entries)
        remember_alternates(connection, list(pairs))
    with ledger.read() as connection:
        return suppressed_among(connection, iter(among), message_type)


def test_those_who_said_no_are_found_among_many_and_nobody_else(ledger):
    assert stopped(ledger, entry(TWO)) == {TWO}
    assert stopped(ledger, among=(ONE, THREE)) == set()
    assert stopped(ledger, among=()) == set()


@pytest.mark.parametrize(
    ("scope", "message_type", "is_stopped"),
    [
        ("marketing", "marketing", True), ("all", "marketing", True), ("marketing", "notification", False),
        ("all", "notification", True), ("marketing", "otp", False), ("all", "otp", False),
    ],
)  # fmt: skip
def test_each_type_is_stopped_by_its_scopes(ledger, scope, message_type, is_stopped):
    assert stopped(ledger, entry(ONE, scope), message_type=message_type) == ({ONE} if is_stopped else set())


def test_a_code_is_stopped_by_nothing_on_either_store(any_ledger):
    assert stopped(any_ledger, entry(ONE, "all"), entry(TWO), message_type="otp") == set()


@pytest.mark.parametrize(("scope", "is_stopped"), [("marketing", False), ("all", True)])
def test_what_stops_a_further_number_stops_the_person_within_the_same_scope(ledger, scope, is_stopped):
    found = stopped(ledger, entry(THREE, scope), among=(ONE,), message_type="notification", pairs=[(ONE, THREE)])
    assert found == ({ONE} if is_stopped else set())


def test_a_person_does_not_stop_whoever_shares_none_of_their_numbers(ledger):
    assert stopped(ledger, entry(ONE), among=(THREE,), pairs=[(ONE, THREE)]) == set()


def test_a_pair_may_be_told_twice_and_no_pair_at_all(ledger):
    assert stopped(ledger, entry(TWO), among=(ONE,), pairs=[(ONE, TWO), (ONE, TWO)]) == {ONE}
    assert stopped(ledger, among=(ONE,), pairs=[]) == {ONE}


def test_the_same_word_from_the_same_source_is_kept_once_and_counted_once(ledger):
    with ledger.write() as connection:
        assert suppress(connection, []) == 0
        assert suppress(connection, [entry(ONE), entry(TWO)]) == 2
        assert suppress(connection, [entry(ONE, at_us=9), entry(THREE)]) == 1
        different = [entry(ONE, source="shop"), entry(ONE, reason="complaint"), entry(ONE, scope="all")]
        assert suppress(connection, different) == 3
        kept = suppressions_of(connection, ONE)
    assert kept == [entry(ONE), *different]
