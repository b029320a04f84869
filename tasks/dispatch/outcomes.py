"""From what a provider said to what the ledger records: the classification on which "never twice" rests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from chuda.providers.protocol import MessageResult, RequestState, SendResult
from chuda.stores.ledger.dispatching import Claim
from chuda.stores.ledger.recording import OpenQuestion, RequestOutcome

FIRST_RETRY_S = 2.0
LONGEST_RETRY_S = 60.0
_LONGEST_POSITION = 4  # a request takes at most 1,000 messages


def message_id(batch_id: str, position: int) -> str:
    """Our name of a message at the provider."""
    return f"{batch_id}.{position}"


def parse_message_id(text: str) -> tuple[str, int] | None:
    """(batch id, position) of one of our message ids; None for somebody else's."""
    batch_id, _, position = text.rpartition(".")
    is_position = position.isascii() and position.isdigit() and len(position) <= _LONGEST_POSITION
    return (batch_id, int(position)) if batch_id and is_position else None


def settle_answer(claim: Claim, answer: SendResult) -> RequestOutcome:
    """What to record after a request: per member what was said of it, else the answer's default."""
    named = answer.results
    said = {p: named.get(message_id(claim.batch_id, p), answer.default) if named else answer.default
            for p in claim.positions}  # fmt: skip
    outcome = _settle(claim.batch_id, claim.number, said)
    if outcome.outcome != "not_sent":
        return outcome
    wait = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2 ** min(claim.number - 1, 10))
    # Somebody over a limit of the provider's waits as long as it says; the rest of the batch is settled by then.
    pause = max((result.defer_s for result in said.values()), default=0.0) or answer.retry_after_s or wait
    return RequestOutcome(
        outcome.batch_id, outcome.number, outcome.outcome, outcome.code, outcome.exceptions, round(pause * 1e6)
    )


def settle_question(question: OpenQuestion, found: Mapping[str, MessageResult], is_definitive: bool) -> RequestOutcome:
    """What to record after asking about an unknown batch.

    What the provider has was accepted. What it does not have was provably not sent if its query is definitive, and
    stays unknown if it is only a hint.
    """
    absent = MessageResult("not_sent", "absent") if is_definitive else MessageResult("unknown", "absent")
    said = {p: found.get(message_id(question.batch_id, p), absent) for p in question.positions}
    return _settle(question.batch_id, question.number, said)


def _settle(batch_id: str, number: int, said: Mapping[int, MessageResult]) -> RequestOutcome:
    """One state for the batch, and exceptions for the rest.

    The state that leaves a question or a message open wins, so that only settled members become exceptions; between
    settled states the more frequent one, which keeps the exceptions few.
    """
    states = Counter(result.state for result in said.values())
    state: RequestState
    if states["unknown"]:
        state = "unknown"
    elif states["not_sent"]:
        state = "not_sent"
    else:
        state = "accepted" if states["accepted"] >= states["rejected"] else "rejected"
    codes = Counter(result.code for result in said.values() if result.state == state)
    code = codes.most_common(1)[0][0] if codes else ""
    differing = {
        position: (result.state, result.code)
        for position, result in said.items()
        if result.state in ("accepted", "rejected") and (result.state, result.code) != (state, code)
    }
    return RequestOutcome(batch_id, number, state, code, differing)
