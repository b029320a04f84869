"""The ledger: the one place that knows what was started, accepted, refused, and who must not be messaged."""

from sqlalchemy import Connection

from chuda.stores.ledger.store import Ledger, open_clock, open_ledger, open_ledger_to_read, start_simulated_clock

__all__ = ["Connection", "Ledger", "open_clock", "open_ledger", "open_ledger_to_read", "start_simulated_clock"]
