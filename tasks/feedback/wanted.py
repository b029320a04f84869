"""Replies a campaign asked for: told from all others by what the person was sent, and owed an answer once."""

from __future__ import annotations

from chuda.stores.ledger import Connection
from chuda.stores.ledger.coupons import Asked, KeywordOffer, ask_for_answer, find_offer, open_keywords
from tasks.content.replies import KEYWORD_PREFIX, OTHER, ReplyWords, classify_reply


class Wanted:
    """The meaning of replies inside one transaction of the ledger."""

    def __init__(self, connection: Connection, words: ReplyWords) -> None:
        self._connection = connection
        self._words = words
        self._keywords: dict[int, list[str]] = {}

    def classify(self, text: str, token: str, at_us: int) -> str:
        """As `classify_reply`; a keyword from somebody who was not sent it is for a person to read."""
        kind = classify_reply(text, self._words, self._open_at(at_us))
        if kind.startswith(KEYWORD_PREFIX) and not self._offer(kind, token, at_us):
            return OTHER
        return kind

    def ask(self, kind: str, token: str, at_us: int) -> Asked | None:
        """Note that whoever replied with a keyword is owed its answer; None for other replies."""
        found = self._offer(kind, token, at_us) if kind.startswith(KEYWORD_PREFIX) else None
        return ask_for_answer(self._connection, *found, token, at_us) if found else None

    def _offer(self, kind: str, token: str, at_us: int) -> tuple[KeywordOffer, str] | None:
        return find_offer(self._connection, kind.removeprefix(KEYWORD_PREFIX), token, at_us)

    def _open_at(self, at_us: int) -> list[str]:
        # A minute's precision keeps the query off every reply.
        minute = at_us // 60_000_000
        if minute not in self._keywords:
            self._keywords[minute] = open_keywords(self._connection, at_us)
        return self._keywords[minute]
