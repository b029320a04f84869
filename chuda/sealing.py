"""What a sealed batch holds: the numbers and texts of one provider request, compressed, then encrypted."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from chuda.keys import Keys


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message as it will leave: canonical number and rendered text."""

    phone: str = field(repr=False)
    text: str = field(repr=False)


def seal_envelopes(keys: Keys, batch_id: str, envelopes: Sequence[Envelope]) -> bytes:
    """Seal the members of a batch in order of position; the blob opens only under the same batch id."""
    plain = json.dumps([(e.phone, e.text) for e in envelopes], ensure_ascii=False, separators=(",", ":"))
    return keys.seal(zlib.compress(plain.encode(), level=1), f"batch:{batch_id}")


def unseal_envelopes(keys: Keys, batch_id: str, sealed: bytes) -> list[Envelope]:
    """The members of a batch in order of position.

    Raises:
        UsageError: other keys sealed it.
    """
    plain = zlib.decompress(keys.unseal(sealed, f"batch:{batch_id}"))
    return [Envelope(phone, text) for phone, text in json.loads(plain)]
