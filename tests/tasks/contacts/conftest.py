"""What the tests of the contacts room share: the reference data, and small frames in the shape of a file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from contacts_room import Room, open_room

from chuda.clock import BUSINESS_ZONE
from chuda.stores.ledger import Ledger
from tasks.contacts.parameters import CleanParameters
from tasks.contacts.reference import ContactReference, load_reference

Rows = list[dict[str, str | None]]


@pytest.fixture(scope="session")
def reference() -> ContactReference:
    return load_reference(Path(__file__).parents[3] / "data" / "reference")


@pytest.fixture
def parameters() -> CleanParameters:
    return CleanParameters(now=datetime(2026, 11, 20, 10, tzinfo=BUSINESS_ZONE), source_file="客户.csv")


@pytest.fixture
def as_file() -> Callable[[Rows], pl.DataFrame]:
    """Rows as they come out of a file with a header: source_row begins with 2."""

    def build(rows: Rows) -> pl.DataFrame:
        columns = dict.fromkeys((name for row in rows for name in row), pl.String)
        frame = pl.DataFrame(rows, schema=columns)
        return frame.with_row_index("source_row", 2).cast({"source_row": pl.UInt32})

    return build


@pytest.fixture
def room(tmp_path: Path, ledger: Ledger, friday_ten: datetime, reference: ContactReference) -> Room:
    return open_room(tmp_path, ledger, friday_ten, reference)
