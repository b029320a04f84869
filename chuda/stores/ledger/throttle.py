"""The exact throttle: GCRA, one row per limit, advanced in the transaction that commits the intent.

Its time is the store's (or the simulated clock's), so that several machines share one rate. A request of n parts is n
at once: in any second at most the rate plus one request leaves.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

_MICROSECONDS = 1_000_000


class Throttle:
    """One limit inside one transaction: `departure` books, `save` writes what was booked."""

    def __init__(self, connection: Connection, name: str, parts_per_second: float) -> None:
        self._connection = connection
        self._name = name
        self._us_per_part = _MICROSECONDS / parts_per_second
        lock = "" if connection.dialect.name == "sqlite" else " FOR UPDATE"
        connection.execute(
            text("INSERT INTO throttle (name, tat_us) VALUES (:name, 0) ON CONFLICT (name) DO NOTHING"), {"name": name}
        )
        self._tat_us = int(
            connection.execute(
                text(f"SELECT tat_us FROM throttle WHERE name = :name{lock}"), {"name": name}
            ).scalar_one()
        )

    def next_departure(self, now_us: int) -> int:
        """When the next request may leave, in microseconds of the store's time."""
        return max(self._tat_us, now_us)

    def book(self, now_us: int, parts: int) -> int:
        """Take `parts` at the next departure, which is returned."""
        departure = self.next_departure(now_us)
        self._tat_us = departure + round(parts * self._us_per_part)
        return departure

    def hold_until(self, moment_us: int) -> None:
        """Let nothing leave before `moment_us` (a provider's Retry-After)."""
        self._tat_us = max(self._tat_us, moment_us)

    def save(self) -> None:
        """Write what was booked."""
        self._connection.execute(
            text("UPDATE throttle SET tat_us = :tat WHERE name = :name"), {"tat": self._tat_us, "name": self._name}
        )
