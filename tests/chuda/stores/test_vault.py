"""The vault gives numbers back by token, adds nobody twice, and forgets for good."""

from __future__ import annotations

import polars as pl
import pytest

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
