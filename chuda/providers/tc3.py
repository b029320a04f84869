"""Tencent Cloud's signature TC3-HMAC-SHA256: a key derived per day and service, over a canonical request."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache

ALGORITHM = "TC3-HMAC-SHA256"


def canonical_request(headers: Mapping[str, str], body: bytes) -> str:
    """What is hashed for the string to sign: a POST of `/`; `headers` are the signed ones, names in lower case."""
    names = sorted(headers)
    lines = [f"{name}:{headers[name].strip().lower()}\n" for name in names]
    return "\n".join(["POST", "/", "", "".join(lines), ";".join(names), hashlib.sha256(body).hexdigest()])


def sign(canonical: str, secret_key: str, service: str, timestamp: int) -> str:
    """The signature (64 hex digits) of a canonical request made at `timestamp` (seconds UTC)."""
    day = datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"{ALGORITHM}\n{timestamp}\n{day}/{service}/tc3_request\n{hashed}"
    return hmac.digest(_day_key(secret_key, service, day), to_sign.encode(), "sha256").hex()


@lru_cache(maxsize=16)
def _day_key(secret_key: str, service: str, day: str) -> bytes:
    key = f"TC3{secret_key}".encode()
    for step in (day, service, "tc3_request"):
        key = hmac.digest(key, step.encode(), "sha256")
    return key


def authorization(
    secret_id: str, secret_key: str, service: str, timestamp: int, headers: Mapping[str, str], body: bytes
) -> str:
    """The Authorization header of a POST of `/`; `headers` are all that is signed."""
    day = datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")
    signature = sign(canonical_request(headers, body), secret_key, service, timestamp)
    scope = f"{secret_id}/{day}/{service}/tc3_request"
    return f"{ALGORITHM} Credential={scope}, SignedHeaders={';'.join(sorted(headers))}, Signature={signature}"
