"""The states of a message and how one follows another: written down once, for the statements and for the reader.

A batch carries the state of all its members without an exception of their own. Receipts are not in this table: they lie
over it, and one always wins. docs/reliability.md shows the same table; a test compares them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

TRANSITIONS: Mapping[str, tuple[str, ...]] = {
    "planned": ("intent", "suppressed", "expired", "cancelled"),
    "intent": ("accepted", "rejected", "not_sent", "unknown"),
    "unknown": ("accepted", "rejected", "not_sent", "unconfirmed"),
    # Sent again as a new attempt – unless the provider's late word on the old one comes first.
    "not_sent": ("intent", "suppressed", "expired", "cancelled", "accepted", "rejected"),
    "expired": ("accepted", "rejected"),  # what was closed as unsent, and the provider's late word says otherwise
    "cancelled": ("accepted", "rejected"),
    "accepted": (),
    "rejected": (),
    "unconfirmed": (),
    "suppressed": (),
}
OPEN = ("planned", "not_sent")
"""What may still be started."""
IN_QUESTION = ("intent", "unknown")
"""What was started and has no answer."""


def before(state: str) -> str:
    """The states from which `state` may be reached, as a list for SQL's IN."""
    return quoted(old for old, following in TRANSITIONS.items() if state in following)


def quoted(states: Iterable[str]) -> str:
    """States as a list for SQL's IN."""
    return ", ".join(f"'{state}'" for state in states)
