"""The second factor of an approver: six-digit codes that follow the real clock, and recovery codes for a lost phone.

Pure: secrets, codes and the time come in as arguments; what was used already is the ledger's to know (pyotp takes a
code as often as it is shown). Source: RFC 6238 with its defaults (SHA-1, 30 s, 6 digits), which every authenticator
application knows.
"""

from __future__ import annotations

import hmac
import re
import secrets

import pyotp

from chuda.keys import Keys

STEP_S = 30
TOLERANCE_STEPS = 1  # a phone's clock may be half a minute off, either way
RECOVERY_CODES = 10
_RECOVERY_ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"  # nothing that is misread: no I, L, O, 0, 1
_RECOVERY_GROUPS, _RECOVERY_GROUP = 4, 5
_ISSUER = "Chuda"


def new_secret() -> str:
    """A new secret of 160 bits in base32, as authenticator applications take it."""
    return pyotp.random_base32()


def provisioning_uri(secret: str, name: str) -> str:
    """The `otpauth://` address that an authenticator application reads (typed in, or as a QR code)."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=_ISSUER)


def is_timed_code(code: str) -> bool:
    """Whether this has the form of a timed code: six digits, spaces between them allowed."""
    return re.fullmatch(r"\d{6}", _squeeze(code)) is not None


def matching_step(secret: str, code: str, at_us: int, after_step: int) -> int | None:
    """The 30-second step whose code this is, within one step of `at_us`; the newest if several match.

    Args:
        secret: base32.
        code: what was typed.
        at_us: the real time in microseconds since 1970 UTC.
        after_step: the step last used; a match that is not later is given only if there is no later one.
    """
    totp, typed = pyotp.TOTP(secret), _squeeze(code)
    here = at_us // 1_000_000 // STEP_S
    steps = range(here - TOLERANCE_STEPS, here + TOLERANCE_STEPS + 1)
    found = [step for step in steps if hmac.compare_digest(totp.generate_otp(step), typed)]
    # The earliest unused one: whoever typed an old code may still use the next.
    return next((step for step in found if step > after_step), found[-1] if found else None)


def new_recovery_codes() -> tuple[str, ...]:
    """Ten codes of 20 characters (98 bits), to be kept on paper; each works once."""
    return tuple("-".join(_group() for _ in range(_RECOVERY_GROUPS)) for _ in range(RECOVERY_CODES))


def _group() -> str:
    return "".join(secrets.choice(_RECOVERY_ALPHABET) for _ in range(_RECOVERY_GROUP))


def recovery_digest(keys: Keys, name: str, code: str) -> str:
    """What is kept of a recovery code: an HMAC under the workspace's key, bound to its owner."""
    return keys.token(f"recovery:{name}:{_squeeze(code).upper()}")


def _squeeze(code: str) -> str:
    return re.sub(r"[\s-]", "", code)
