"""When a release stops itself: too many rejections or unknowns are something that a person should see."""

from __future__ import annotations

from dataclasses import dataclass

from chuda.stores.ledger import Connection
from chuda.stores.ledger.recording import tally
from chuda.stores.ledger.releases import Control, Release, find_control, set_control


@dataclass(frozen=True, slots=True)
class HealthLines:
    """A release pauses itself when more than this share, and at least so many messages, were rejected or are unknown.

    Looked at every `every_s` seconds, when answers came in.
    """

    share: float = 0.2
    at_least: int = 200
    every_s: float = 5.0


def pause_if_sick(connection: Connection, release: Release, lines: HealthLines, now_us: int) -> str | None:
    """Pause the plan of a release that crossed a line since it was last started; returns the reason.

    What happened before a person resumed it was seen by that person and counts no more.
    """
    control = find_control(connection, release.plan_id)
    if control is None or control.state != "running":
        return None
    counts = tally(connection, release.release_id, since_us=control.at_us)
    tried = sum(counts.values())
    for state in ("rejected", "unknown"):
        if counts[state] >= max(lines.at_least, lines.share * tried):
            reason = (
                f"{counts[state]} of {tried} messages {state} since it was last started "
                f"(line: {lines.share:.0%}, at least {lines.at_least})"
            )
            set_control(connection, release.plan_id, Control("paused", reason, "chuda"), now_us)
            return reason
    return None
