"""Codes of an authenticator and of the paper in the drawer, as functions of the secret and the time alone."""

from __future__ import annotations

import pyotp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chuda.keys import Keys
from chuda.totp import is_timed_code, matching_step, new_recovery_codes, new_secret, provisioning_uri, recovery_digest

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
AT_S = 1_800_000_015  # in the middle of a step
STEP = AT_S // 30


def code_at(step: int) -> str:
    return pyotp.TOTP(SECRET).generate_otp(step)


@pytest.mark.parametrize(("offset", "is_taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_phone_may_be_one_step_off_and_not_two(offset: int, is_taken: bool):
    found = matching_step(SECRET, code_at(STEP + offset), AT_S * 1_000_000, after_step=-1)
    assert found == (STEP + offset if is_taken else None)


def test_it_is_the_code_every_authenticator_shows():
    # RFC 6238, appendix B: SHA-1, time 59 s, the last six of 94287082.
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert matching_step(secret, "287 082", 59 * 1_000_000, after_step=-1) == 1


def test_a_used_step_is_named_so_that_the_ledger_can_refuse_it():
    assert matching_step(SECRET, code_at(STEP), AT_S * 1_000_000, after_step=STEP) == STEP


@settings(max_examples=50)
@given(st.text(max_size=12))
def test_nothing_that_is_not_six_digits_is_a_timed_code(text: str):
    if is_timed_code(text):
        assert len([character for character in text if character.isdigit()]) == 6


def test_recovery_codes_differ_and_their_digest_forgives_how_they_are_typed(keys: Keys):
    codes = new_recovery_codes()
    assert len(set(codes)) == 10
    assert not any(is_timed_code(code) for code in codes)
    typed = codes[0].lower().replace("-", " ")
    assert recovery_digest(keys, "mei", typed) == recovery_digest(keys, "mei", codes[0])
    assert recovery_digest(keys, "lan", codes[0]) != recovery_digest(keys, "mei", codes[0])


def test_the_address_names_issuer_and_person():
    secret = new_secret()
    assert provisioning_uri(secret, "mei") == f"otpauth://totp/Chuda:mei?secret={secret}&issuer=Chuda"
