"""A workspace of its own, named by this process's environment, on the simulated clock."""

from __future__ import annotations

from pathlib import Path

import pytest

from chuda.keys import save_keys
from chuda.stores.ledger import open_ledger, start_simulated_clock
from tasks.content.context import load_content_reference

ROOT = Path(__file__).parents[3]


@pytest.fixture
def workspace_ledger(tmp_path, keys, clock, monkeypatch):
    """The ledger of that workspace."""
    for name, value in {"HOME": tmp_path, "CAMPAIGNS": tmp_path, "REFERENCE": ROOT / "data/reference"}.items():
        monkeypatch.setenv(f"CHUDA_{name}", str(value))
    monkeypatch.setenv("CHUDA_DEMO_TOKEN", "secret")
    save_keys(tmp_path / "keys", keys)
    ledger = open_ledger(tmp_path / "ledger.sqlite", keys)
    start_simulated_clock(ledger, clock.now())
    yield ledger
    ledger.close()


@pytest.fixture(scope="session")
def words():
    return load_content_reference(ROOT / "data" / "reference").reply_words
