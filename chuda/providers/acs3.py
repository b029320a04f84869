"""Aliyun's signature ACS3-HMAC-SHA256: over method, path, query, the signed headers and the body's hash."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import quote

ALGORITHM = "ACS3-HMAC-SHA256"


def percent_encode(text: str) -> str:
    """RFC 3986: everything but letters, digits and `-_.~`."""
    return quote(text, safe="-_.~")


def canonical_query(query: Mapping[str, str]) -> str:
    """The query string as it is signed and sent: sorted by name."""
    return "&".join(f"{percent_encode(name)}={percent_encode(query[name])}" for name in sorted(query))


def canonical_request(method: str, query: str, headers: Mapping[str, str], body_hash: str) -> str:
    """What is hashed for the string to sign; `headers` are the signed ones, names in lower case; the path is `/`."""
    names = sorted(headers)
    lines = [f"{name}:{headers[name].strip()}\n" for name in names]
    return "\n".join([method, "/", query, "".join(lines), ";".join(names), body_hash])


def sign(canonical: str, secret: str) -> str:
    """The signature (64 hex digits) of a canonical request."""
    to_sign = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return hmac.new(secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()


def authorization(key_id: str, secret: str, method: str, query: str, headers: Mapping[str, str]) -> str:
    """The Authorization header; `headers` must hold host, every x-acs-* header and content-type where there is one."""
    signature = sign(canonical_request(method, query, headers, headers["x-acs-content-sha256"]), secret)
    return f"{ALGORITHM} Credential={key_id},SignedHeaders={';'.join(sorted(headers))},Signature={signature}"
