"""Fixtures every test may use: keys, a ledger in a fresh folder, and clocks that stand where they are put."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from postgres import start_postgres

from chuda.clock import BUSINESS_ZONE, FixedClock
from chuda.keys import Keys
from chuda.stores.ledger import Ledger, open_ledger

os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")


@pytest.fixture
def keys() -> Keys:
    return Keys(bytes(range(32)), bytes(range(32, 64)))


@pytest.fixture
def ledger(tmp_path: Path, keys: Keys) -> Iterator[Ledger]:
    ledger = open_ledger(tmp_path / "ledger.sqlite", keys)
    yield ledger
    ledger.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[[], str]]:
    """A running PostgreSQL; called, it makes an empty place for a ledger and returns its URL."""
    with start_postgres() as new_schema:
        yield new_schema


@pytest.fixture(params=["sqlite", "postgresql"])
def any_ledger(request: pytest.FixtureRequest, tmp_path: Path, keys: Keys) -> Iterator[Ledger]:
    """The same test on both stores."""
    is_sqlite = request.param == "sqlite"
    ledger = open_ledger(tmp_path / "ledger.sqlite" if is_sqlite else request.getfixturevalue("postgres")(), keys)
    yield ledger
    ledger.close()


@pytest.fixture
def friday_ten() -> datetime:
    """An hour in which marketing may be sent."""
    return datetime(2026, 11, 20, 10, 0, tzinfo=BUSINESS_ZONE)


@pytest.fixture
def clock(friday_ten: datetime) -> FixedClock:
    return FixedClock(friday_ten)
