"""Approvals and approvers in the ledger: what is approved, by which code, how often, and what takes it back."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pyotp
import pytest
from fakes import phones, put_release

from chuda.clock import to_us
from chuda.stores.ledger.approvals import (
    RELEASE_GAP_US,
    approval_of,
    approve,
    events_of,
    find_approval,
    find_hold,
    is_approved,
    is_finished,
    void,
)
from chuda.stores.ledger.approvers import CodeCheck, check_code, enrol, list_approvers, remove
from chuda.totp import new_recovery_codes

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
STEP = 60_000_000
REAL_US = (STEP * 30 + 15) * 1_000_000
MINUTE_US = 60 * 1_000_000
RECOVERY = new_recovery_codes()


def code(step: int = STEP) -> str:
    return pyotp.TOTP(SECRET).generate_otp(step)


WRONG = next(f"{n:06d}" for n in range(10) if f"{n:06d}" not in {code(STEP + k) for k in range(-3, 4)})


@pytest.fixture
def check(ledger, keys):
    """Check a code as `mei` unless told otherwise."""
    with ledger.write() as connection:
        enrol(connection, keys, "mei", SECRET, RECOVERY, REAL_US)

    def run(typed: str, name: str = "mei", real_us: int = REAL_US) -> CodeCheck:
        with ledger.write() as connection:
            return check_code(connection, keys, name, typed, real_us)

    return run


def test_a_code_is_accepted_once(check):
    assert check(code()) == CodeCheck("accepted", "totp")
    assert check(code()).verdict == "replayed"
    assert check(code(STEP + 1)).verdict == "accepted"


def test_an_older_code_than_the_last_one_used_is_a_replay(check):
    assert check(code(STEP + 1)).verdict == "accepted"
    assert check(code(STEP)).verdict == "replayed"


def test_a_code_of_somebody_unknown_is_worth_nothing(check):
    assert check(code(), name="lan").verdict == "unknown"


def test_a_recovery_code_works_once_and_is_counted(check, ledger):
    assert check(RECOVERY[3].lower()) == CodeCheck("accepted", "recovery")
    assert check(RECOVERY[3]).verdict == "replayed"
    with ledger.read() as connection:
        assert list_approvers(connection)[0].recovery_codes_left == 9


def test_five_wrong_codes_block_for_a_quarter_of_an_hour_even_the_right_one(check):
    verdicts = [check(WRONG) for _ in range(5)]
    assert [one.verdict for one in verdicts] == ["wrong"] * 5
    until_us = verdicts[-1].blocked_until_us
    assert until_us == REAL_US + 15 * MINUTE_US
    assert check(code()) == CodeCheck("blocked", blocked_until_us=until_us)
    later = until_us // 1_000_000 // 30
    assert check(code(later), real_us=until_us).verdict == "accepted"


def test_who_goes_on_guessing_is_blocked_twice_as_long(check):
    for _ in range(4):
        check("999999 no")
    first = check("no").blocked_until_us
    for _ in range(4):
        assert check("no", real_us=first).blocked_until_us == 0
    assert check("no", real_us=first).blocked_until_us == first + 30 * MINUTE_US


def test_a_right_code_forgets_the_wrong_ones(check):
    for _ in range(4):
        check(WRONG)
    assert check(code()).verdict == "accepted"
    assert check(WRONG).blocked_until_us == 0


def test_of_two_that_use_one_code_at_once_only_one_gets_through(check):
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(check(code()).verdict)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == ["accepted", "replayed", "replayed", "replayed"]


def test_enrolling_anew_makes_all_old_codes_worthless(check, ledger, keys):
    with ledger.write() as connection:
        enrol(connection, keys, "mei", pyotp.random_base32(), new_recovery_codes(), REAL_US)
    assert check(code()).verdict == "wrong"
    assert check(RECOVERY[0]).verdict == "wrong"


def test_who_was_removed_approves_nothing(check, ledger):
    with ledger.write() as connection:
        assert remove(connection, "mei")
        assert not remove(connection, "mei")
    assert check(code()).verdict == "unknown"


def test_the_secret_is_sealed_and_no_recovery_code_is_readable(check, tmp_path):
    raw = b"".join(path.read_bytes() for path in tmp_path.glob("ledger.sqlite*"))
    assert SECRET.encode() not in raw
    assert not any(one.encode() in raw or one.replace("-", "").encode() in raw for one in RECOVERY)


@pytest.fixture
def release(ledger, keys, clock):
    return put_release(ledger, keys, clock.now(), people=phones(10))


@pytest.mark.parametrize(
    "change",
    [{"plan_hash": "x"}, {"channel_record": '{"endpoint": "https://other"}'}, {"window_end_minute": 1320},
     {"not_after_us": 2**60}, {"size": 11}, {"channel": "other"}, {"message_type": "notification"}],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_any_change_of_a_release_voids_its_approval(ledger, clock, release, change):
    now_us = to_us(clock.now())
    with ledger.read() as connection:
        assert is_approved(connection, release, now_us)
        assert find_hold(connection, release, now_us) is None
        changed = replace(release, **change)
        assert not is_approved(connection, changed, now_us)
        assert find_hold(connection, changed, now_us).stop == "not_approved"


def test_when_it_was_sealed_is_no_part_of_what_was_approved(ledger, clock, release):
    with ledger.read() as connection:
        assert is_approved(connection, replace(release, sealed_us=0), to_us(clock.now()))


def test_a_voided_approval_is_gone_and_stays_on_record(ledger, clock, release):
    with ledger.write() as connection:
        assert void(connection, release, "channel record: endpoint", to_us(clock.now()))
        assert not void(connection, release, "again", to_us(clock.now()))
    with ledger.read() as connection:
        assert find_approval(connection, release.release_id) is None
        assert [(one.event, one.by, one.detail) for one in events_of(connection, "p1")] == [
            ("approved", "test", "simulator"), ("voided", "", "channel record: endpoint"),
        ]  # fmt: skip


def test_a_second_factor_releases_the_next_one_ten_minutes_after_the_last(ledger, keys, clock):
    now_us = to_us(clock.now())
    first, second = (put_release(ledger, keys, clock.now(), people=phones(10), number=n) for n in (1, 2))
    with ledger.write() as connection:
        for one in (first, second):
            approve(connection, approval_of(one, "mei", "totp", now_us, one.not_after_us), "p1")
        connection.exec_driver_sql(
            f"INSERT INTO attempt VALUES ('p1-1-0', 1, 'p1-1', 'me', 1, 10, 10, {now_us}, NULL, NULL, NULL)"
        )
        later_us = now_us + 4 * MINUTE_US
        assert find_hold(connection, first, later_us) is None
        held = find_hold(connection, second, later_us)
        assert (held.stop, held.wait_us) == ("release_gap", 6 * MINUTE_US)
        assert find_hold(connection, second, now_us + RELEASE_GAP_US) is None


def test_an_approval_ends_with_the_time_of_its_release(ledger, clock, release):
    end_us = to_us(clock.now() + timedelta(hours=10))
    with ledger.read() as connection:
        assert find_hold(connection, release, end_us - 1) is None
        assert find_hold(connection, release, end_us).stop == "approval_expired"


def test_a_release_is_finished_when_nothing_of_it_is_open(ledger, release):
    with ledger.write() as connection:
        assert not is_finished(connection, "p9-1")
        assert not is_finished(connection, release.release_id)
        connection.exec_driver_sql("UPDATE batch SET state = 'accepted'")
        assert is_finished(connection, release.release_id)
