"""The two secrets of a workspace: one names people (tokens), one seals their numbers.

Keys come from the environment (`CHUDA_TOKEN_KEY`, `CHUDA_SEAL_KEY`, 64 hex digits each) or from the 0600 file
that `chuda init` makes. Losing them means losing every opt-out's name, so a fingerprint is kept in the ledger.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chuda.errors import UsageError

TOKEN_LENGTH = 32
_NONCE_BYTES = 12
_ENVIRONMENT = ("CHUDA_TOKEN_KEY", "CHUDA_SEAL_KEY")


@dataclass(frozen=True, slots=True)
class Keys:
    """The token key (HMAC-SHA256) and the seal key (AES-256-GCM), 32 bytes each."""

    token_key: bytes = field(repr=False)
    seal_key: bytes = field(repr=False)

    def token(self, phone: str) -> str:
        """The token of a canonical number: the first 32 hex characters of its HMAC-SHA256."""
        return hmac.new(self.token_key, phone.encode(), hashlib.sha256).hexdigest()[:TOKEN_LENGTH]

    def hmac_pads(self) -> tuple[bytes, bytes]:
        """The inner and outer padded key blocks of HMAC, for computing the same token inside DuckDB."""
        return hmac_blocks(self.token_key)

    def seal(self, plain: bytes, context: str) -> bytes:
        """Encrypt `plain`, bound to `context`: a blob moved elsewhere does not open."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + AESGCM(self.seal_key).encrypt(nonce, plain, context.encode())

    def unseal(self, sealed: bytes, context: str) -> bytes:
        """Decrypt a sealed blob.

        Raises:
            UsageError: the key is not the one that sealed it, or the blob was changed or moved.
        """
        try:
            return AESGCM(self.seal_key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context.encode())
        except InvalidTag:
            raise UsageError(
                f"sealed data ({context.partition(':')[0]}) cannot be opened: another key sealed it or it was damaged. "
                "Restore the workspace's keys from their backup."
            ) from None

    def fingerprint(self) -> str:
        """16 hex characters that identify this pair of keys and reveal neither."""
        digest = hashlib.sha256(b"chuda-keys\0")
        digest.update(hmac.new(self.token_key, b"fingerprint", hashlib.sha256).digest())
        digest.update(hmac.new(self.seal_key, b"fingerprint", hashlib.sha256).digest())
        return digest.hexdigest()[:16]


def hmac_blocks(key: bytes) -> tuple[bytes, bytes]:
    """The inner and outer padded key blocks of HMAC-SHA256 for a key of at most 64 bytes."""
    block = key.ljust(64, b"\0")
    return bytes(b ^ 0x36 for b in block), bytes(b ^ 0x5C for b in block)


def load_keys(path: Path, environment: Mapping[str, str]) -> Keys:
    """The workspace's keys, from the environment if both are set there, else from `path`.

    Raises:
        UsageError: no keys, half a pair, or a key that is not 64 hex digits.
    """
    given = [environment.get(name, "") for name in _ENVIRONMENT]
    if any(given):
        if not all(given):
            raise UsageError(f"set both {_ENVIRONMENT[0]} and {_ENVIRONMENT[1]}, or neither")
        return Keys(*(_parse(value, name) for value, name in zip(given, _ENVIRONMENT, strict=True)))
    try:
        lines = path.read_text().split()
    except FileNotFoundError:
        raise UsageError(
            f"no keys: {path} does not exist and {' / '.join(_ENVIRONMENT)} are not set. "
            "A new workspace: `chuda init`. An existing one: restore the file from its backup."
        ) from None
    if path.stat().st_mode & 0o077:
        raise UsageError(f"{path.name} can be read by others; `chmod 600` it (and consider the keys known)")
    if len(lines) != 2:
        raise UsageError(f"{path.name} must hold two lines of 64 hex digits; restore it from its backup")
    return Keys(*(_parse(line, path.name) for line in lines))


def create_keys(path: Path) -> Keys:
    """Make a new pair of keys in a 0600 file; an existing file is never replaced (FileExistsError)."""
    keys = Keys(secrets.token_bytes(32), secrets.token_bytes(32))
    save_keys(path, keys)
    return keys


def save_keys(path: Path, keys: Keys) -> None:
    """Write keys to a new 0600 file, durably; an existing file is never replaced (FileExistsError)."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{keys.token_key.hex()}\n{keys.seal_key.hex()}\n")
        file.flush()
        os.fsync(file.fileno())


def _parse(value: str, where: str) -> bytes:
    try:
        raw = bytes.fromhex(value.strip())
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise UsageError(f"the key in {where} is not 64 hex digits; restore it from its backup")
    return raw
