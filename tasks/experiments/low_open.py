"""Segments whose open rate (unique clickers / delivered) stays under the line: flagged only where it is not noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from chuda.errors import UsageError
from tasks.experiments.significance import p_at_most

OpenFlag = Literal["LOW", "WATCH", "OK"]

OPEN_RATE_LINE = 0.15
ALPHA = 0.05
CAMPAIGNS_TO_STAY = 2


def flag_open_rate(
    opens: int | None, delivered: int, line: float = OPEN_RATE_LINE, alpha: float = ALPHA
) -> OpenFlag | None:
    """LOW: proven under the line (one-sided exact binomial); WATCH: under it, unproven; OK: not under it.

    None where it cannot be known: clicks not measured, or nothing delivered. Raises UsageError on more opens than
    deliveries.
    """
    if opens is None or delivered == 0:
        return None
    if not 0 <= opens <= delivered:
        raise UsageError(f"{opens} openers of {delivered} delivered messages: count people, not clicks.")
    if opens >= line * delivered:
        return "OK"
    return "LOW" if float(p_at_most(opens, delivered, line)) < alpha else "WATCH"


def stays_low(flags: Sequence[OpenFlag | None]) -> bool:
    """Whether the last two measured campaigns (oldest first) were both LOW: then change approach or channel."""
    measured = [flag for flag in flags if flag is not None]
    return len(measured) >= CAMPAIGNS_TO_STAY and set(measured[-CAMPAIGNS_TO_STAY:]) == {"LOW"}
