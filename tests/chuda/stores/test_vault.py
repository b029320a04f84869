"""The vault gives numbers back by token, adds nobody twice, and forgets for good."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chuda.errors import UsageError
from chuda.keys import Keys
from chuda.stores.vault import Vault


def people(keys: Keys, count: int, start: int = 0) -> pl.DataFrame:
    phones = [str(13_900_000_000 + number) for number in range(start, start + count)]
    return pl.DataFrame({"token": [keys.token(phone) for phone in phones], "phone": phones})


@pytest.fixture
def vault(tmp_path, keys):
    return Vault(tmp_path / "vault.sqlite", keys)


def test_what_was_put_in_comes_out(vault, keys):
    everybody = people(keys, 2500)
    assert vault.append(everybody) == 2500
    assert vault.read().sort("token").equals(everybody.sort("token"))
    some = everybody[100:1300]
    assert vault.read(some["token"]).sort("token").equals(some.sort("token"))
    assert vault.read(everybody["token"][:1]).rows() == everybody[:1].rows()


def test_adding_again_adds_nobody(vault, keys):
    vault.append(people(keys, 50))
    assert vault.append(people(keys, 60)) == 10
    assert vault.read().height == 60


def test_the_file_is_private_and_holds_no_number(vault, keys, tmp_path):
    vault.append(people(keys, 1500))
    assert (tmp_path / "vault.sqlite").stat().st_mode & 0o077 == 0
    assert b"1390000" not in (tmp_path / "vault.sqlite").read_bytes()


def test_the_erased_are_gone_and_the_others_stay(vault, keys):
    everybody = people(keys, 1200)
    vault.append(everybody)
    assert vault.erase([everybody["token"][3], "0" * 32]) == 1
    assert vault.read().height == 1199
    assert vault.read(everybody["token"][3:4]).is_empty()


def test_another_key_opens_nothing(vault, keys, tmp_path):
    vault.append(people(keys, 5))
    with pytest.raises(UsageError, match="backup"):
        Vault(tmp_path / "vault.sqlite", Keys(keys.token_key, b"q" * 32)).read()


def test_a_lost_vault_is_an_error_not_everybody_erased(vault, keys, tmp_path):
    vault.append(people(keys, 5))
    (tmp_path / "vault.sqlite").unlink()
    with pytest.raises(UsageError, match="nobody was taken for erased"):
        vault.read(people(keys, 1)["token"])
    assert vault.read().is_empty()
    assert vault.read(people(keys, 0)["token"]).is_empty()


def test_two_appenders_at_once_add_nobody_twice(vault, keys):
    one, other = vault.appender(), vault.appender()
    assert (one.append(people(keys, 30)), other.append(people(keys, 40))) == (30, 10)
    assert (one.append(people(keys, 50)), other.append(people(keys, 50))) == (10, 0)
    assert vault.read().height == 50


def test_a_token_twice_in_one_frame_is_stored_once(vault, keys):
    assert vault.append(pl.concat([people(keys, 3), people(keys, 2)])) == 3


def test_numbers_open_only_beside_their_own_tokens(vault, keys, tmp_path):
    vault.append(people(keys, 3))
    with closing(sqlite3.connect(tmp_path / "vault.sqlite")) as connection, connection:
        connection.execute("UPDATE sealed_block SET tokens = zeroblob(48)")
    with pytest.raises(UsageError, match="damaged"):
        vault.read()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(appends=st.lists(st.lists(st.integers(0, 60), max_size=40), max_size=5))
def test_whatever_is_appended_everybody_is_there_once(appends, keys, tmp_path_factory):
    vault = Vault(tmp_path_factory.mktemp("vault") / "v.sqlite", keys)
    everybody, appender = people(keys, 61), vault.appender()
    added = sum(appender.append(everybody[numbers]) for numbers in appends)
    expected = {everybody["phone"][number] for numbers in appends for number in numbers}
    found = vault.read()
    assert found["phone"].is_unique().all()
    assert (set(found["phone"]), added) == (expected, len(expected))


def test_what_was_added_and_not_settled_is_left_over(vault, keys):
    vault.append(people(keys, 30))
    appender = vault.appender(is_to_settle=True)
    appender.append(people(keys, 1500))
    appender.append(people(keys, 1600))
    left = vault.left_over()
    assert sorted(left) == sorted(people(keys, 1600)["token"][30:])
    assert vault.erase(left) == 1570
    assert sorted(vault.read()["token"]) == sorted(people(keys, 30)["token"])
    vault.settle()
    assert vault.left_over().is_empty()
