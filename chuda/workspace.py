"""One place that wires: the stores, keys and clock of a workspace, opened from its settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from chuda.clock import Clock
from chuda.keys import Keys, load_keys
from chuda.settings import Settings, environment, read_settings
from chuda.stores.ledger import Ledger, open_clock, open_ledger
from chuda.stores.vault import Vault
from chuda.stores.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class Workspace:
    """The open stores of one workspace."""

    settings: Settings
    keys: Keys
    ledger: Ledger
    clock: Clock
    warehouse: Warehouse
    vault: Vault


@contextmanager
def open_workspace(settings: Settings | None = None) -> Iterator[Workspace]:
    """Open a workspace, by default the one the environment names.

    Raises:
        UsageError: no keys, keys that are not the ledger's, settings that cannot be read.
    """
    settings = settings or read_settings()
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    keys = load_keys(settings.keys_file, environment())
    ledger = open_ledger(settings.ledger_target, keys)
    try:
        yield Workspace(
            settings=settings,
            keys=keys,
            ledger=ledger,
            clock=open_clock(ledger, settings.now),
            warehouse=Warehouse(settings.warehouse_file, settings.scratch, settings.memory_gb),
            vault=Vault(settings.vault_file, keys),
        )
    finally:
        ledger.close()
