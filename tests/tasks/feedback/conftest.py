"""A PostgreSQL ledger for what SQLite cannot show."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from chuda.keys import Keys
from chuda.stores.ledger import Ledger, open_ledger


@pytest.fixture
def postgres_ledger(postgres: Callable[[], str], keys: Keys) -> Iterator[Ledger]:
    ledger = open_ledger(postgres(), keys)
    yield ledger
    ledger.close()
