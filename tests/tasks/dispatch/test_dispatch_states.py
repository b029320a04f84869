"""The table of transitions as its statements see it."""

from __future__ import annotations

import pytest

from chuda.stores.ledger.states import IN_QUESTION, OPEN, TRANSITIONS, before, quoted


@pytest.mark.parametrize(
    ("state", "earlier"),
    [
        ("intent", "'planned', 'not_sent'"),
        ("accepted", "'intent', 'unknown', 'not_sent', 'expired', 'cancelled'"),
        ("rejected", "'intent', 'unknown', 'not_sent', 'expired', 'cancelled'"),
        ("not_sent", "'intent', 'unknown'"),
        ("unknown", "'intent'"),
        ("unconfirmed", "'unknown'"),
        ("suppressed", "'planned', 'not_sent'"),
        ("expired", "'planned', 'not_sent'"),
        ("cancelled", "'planned', 'not_sent'"),
        ("planned", ""),
    ],
)
def test_what_may_come_before_a_state(state, earlier):
    assert before(state) == earlier


def test_what_is_open_may_be_started_and_what_is_in_question_may_not():
    assert quoted(OPEN) == before("intent")
    assert all("intent" not in TRANSITIONS[state] for state in IN_QUESTION)
    assert quoted(()) == ""
