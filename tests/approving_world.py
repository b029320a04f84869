"""A workspace of its own with a clock that stands: enough to approve in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from chuda.clock import Clock
from chuda.keys import Keys
from chuda.settings import Settings
from chuda.stores.ledger import Ledger
from chuda.stores.vault import Vault
from chuda.stores.warehouse import Warehouse
from chuda.workspace import Workspace


@dataclass(frozen=True)
class RealFixedClock:
    """A clock that stands and yet counts as the real one."""

    moment: datetime
    kind: str = "real"

    def now(self) -> datetime:
        return self.moment

    async def sleep_until(self, moment: datetime) -> None:
        raise AssertionError("nobody waits here")


def open_at(folder: Path, keys: Keys, ledger: Ledger, clock: Clock) -> Workspace:
    settings = Settings(home=folder, campaigns=folder / "campaigns")
    warehouse = Warehouse(settings.warehouse_file, settings.scratch, settings.memory_gb)
    return Workspace(settings, keys, ledger, clock, warehouse, Vault(settings.vault_file, keys))
