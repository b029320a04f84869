"""What a provider's answer codes mean for the message and the channel; the codes are data: `answer_codes.csv`.

`accept`; `retry`: nothing was taken, the channel pauses; `defer`: this person waits, others do not; `stop`: the
channel cannot be used until somebody mends it, nothing is lost; `reject`: this message never; `unknown`: it may have
been taken.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from chuda.providers.protocol import MessageResult, RequestState, SendResult

Action = Literal["accept", "retry", "defer", "stop", "reject", "unknown"]
_FILE = Path(__file__).with_name("answer_codes.csv")
_STATES: dict[Action, RequestState] = {
    "accept": "accepted",
    "retry": "not_sent",
    "defer": "not_sent",
    "stop": "not_sent",
    "reject": "rejected",
    "unknown": "unknown",
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What to do about one answer code; a `code` that ends in `*` stands for all that begin so.

    `message_has` narrows a row to answers whose message contains it; `wait_s` belongs to retry and defer.
    """

    code: str
    message_has: str
    action: Action
    wait_s: float
    note: str

    def result(self, code: str) -> MessageResult:
        """The result of a message that was answered with this code."""
        said = "" if self.action == "accept" else code
        return MessageResult(_STATES[self.action], said, self.wait_s if self.action == "defer" else 0.0)


_UNLISTED = Meaning("*", "", "unknown", 0.0, "a code nobody has described: it may have been taken")


@cache
def read_meanings(provider: str) -> tuple[Meaning, ...]:
    """The rows of one provider in the order of the file: the first that fits counts."""
    with _FILE.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["provider"] == provider]
    assert all(row["action"] in get_args(Action) for row in rows)
    return tuple(
        Meaning(row["code"], row["message_has"], row["action"], float(row["wait_s"]), row["note"])  # type: ignore[arg-type]
        for row in rows
    )


def find_meaning(provider: str, code: str, message: str = "") -> Meaning:
    """What a code means at a provider; one that is not listed may have been taken."""
    for meaning in read_meanings(provider):
        is_code = code == meaning.code or (meaning.code.endswith("*") and code.startswith(meaning.code[:-1]))
        if is_code and meaning.message_has in message:
            return meaning
    return _UNLISTED


def whole_request(provider: str, code: str, message: str = "") -> SendResult:
    """What came of a request that was answered with one code for all its messages."""
    meaning = find_meaning(provider, code, message)
    return _collect(meaning.result(code), (), [(code, meaning)])


def each_message(provider: str, answers: Sequence[tuple[str, str, str]], default: MessageResult) -> SendResult:
    """What came of a request that was answered per message: (message id, code, the code's message)."""
    meanings = [(code, find_meaning(provider, code, message)) for _, code, message in answers]
    results = [(name, meaning.result(code)) for (name, _, _), (code, meaning) in zip(answers, meanings, strict=True)]
    return _collect(default, results, meanings)


def _collect(
    default: MessageResult, results: Iterable[tuple[str, MessageResult]], meanings: Sequence[tuple[str, Meaning]]
) -> SendResult:
    waits = [meaning.wait_s for _, meaning in meanings if meaning.action == "retry"]
    stops = [f"{meaning.note} ({code})" for code, meaning in meanings if meaning.action == "stop"]
    return SendResult(default, dict(results), max(waits, default=0.0), stops[0] if stops else None)
