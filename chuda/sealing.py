"""What a sealed batch holds: the numbers and texts of one provider request, compressed, then encrypted."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence

from chuda.keys import Keys


def seal_messages(keys: Keys, batch_id: str, phones: Sequence[str], texts: Sequence[str]) -> bytes:
    """Seal the members of a batch in order of position; the blob opens only under the same batch id."""
    plain = json.dumps([list(phones), list(texts)], ensure_ascii=False, separators=(",", ":"))
    return keys.seal(zlib.compress(plain.encode(), level=1), f"batch:{batch_id}")


def unseal_messages(keys: Keys, batch_id: str, sealed: bytes) -> tuple[list[str], list[str]]:
    """The phones and texts of a batch, in order of position.

    Raises:
        UsageError: other keys sealed it.
    """
    phones, texts = json.loads(zlib.decompress(keys.unseal(sealed, f"batch:{batch_id}")))
    return phones, texts
