"""Keys: made once, private, recognised by their fingerprint, and never shown."""

from __future__ import annotations

import pytest

from chuda.errors import UsageError
from chuda.keys import Keys, create_keys, load_keys
from chuda.sealing import seal_messages, unseal_messages
from chuda.stores.ledger import open_ledger


def test_made_keys_are_private_and_load_again(tmp_path):
    keys = create_keys(tmp_path / "keys")
    assert (tmp_path / "keys").stat().st_mode & 0o077 == 0
    assert load_keys(tmp_path / "keys", {}) == keys


def test_an_existing_key_file_is_never_replaced(tmp_path):
    create_keys(tmp_path / "keys")
    with pytest.raises(FileExistsError):
        create_keys(tmp_path / "keys")


def test_the_environment_wins_and_half_a_pair_is_refused(tmp_path):
    create_keys(tmp_path / "keys")
    both = {"CHUDA_TOKEN_KEY": "ab" * 32, "CHUDA_SEAL_KEY": "cd" * 32}
    assert load_keys(tmp_path / "keys", both).token_key == b"\xab" * 32
    with pytest.raises(UsageError, match="both"):
        load_keys(tmp_path / "keys", {"CHUDA_TOKEN_KEY": "ab" * 32})


@pytest.mark.parametrize("content", ["", "zz\nzz\n", "ab" * 32, "ab" * 31 + "\n" + "cd" * 32])
def test_a_damaged_key_file_says_to_restore_it(tmp_path, content):
    path = tmp_path / "keys"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(UsageError, match="backup"):
        load_keys(path, {})


def test_a_key_file_others_can_read_is_refused(tmp_path):
    create_keys(tmp_path / "keys")
    (tmp_path / "keys").chmod(0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        load_keys(tmp_path / "keys", {})


def test_keys_are_not_shown(keys):
    assert keys.token_key.hex() not in repr(keys)
    assert repr(keys.token_key) not in repr(keys)


def test_a_ledger_refuses_other_keys(tmp_path, keys):
    open_ledger(tmp_path / "ledger.sqlite", keys).close()
    open_ledger(tmp_path / "ledger.sqlite", keys).close()
    with pytest.raises(UsageError, match="other keys"):
        open_ledger(tmp_path / "ledger.sqlite", Keys(b"x" * 32, b"y" * 32))


def test_sealed_messages_open_only_in_their_own_batch_and_with_their_own_key(keys):
    sealed = seal_messages(keys, "b1", ["13800138000"], ["【橙柚生活】您好"])
    assert b"13800138000" not in sealed
    assert unseal_messages(keys, "b1", sealed) == (["13800138000"], ["【橙柚生活】您好"])
    with pytest.raises(UsageError, match="sealed"):
        unseal_messages(keys, "b2", sealed)
    with pytest.raises(UsageError, match="sealed"):
        unseal_messages(Keys(keys.token_key, b"z" * 32), "b1", sealed)
