"""In the dispatch room every test runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest

from chuda.stores.ledger import Ledger


@pytest.fixture
def ledger(any_ledger: Ledger) -> Ledger:
    return any_ledger
