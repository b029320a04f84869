"""The shape of an entry of the catalogue."""

from __future__ import annotations

from typing import NamedTuple


class Message(NamedTuple):
    """What is wrong and what to do, in Chinese and in English; `{names}` are filled from a finding's context."""

    zh: str
    zh_advice: str
    en: str
    en_advice: str
