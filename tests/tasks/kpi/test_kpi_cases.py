"""Every folder cases/<mart>/<case> is a test: input.yaml is put into a warehouse, the mart must equal expect.yaml."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from kpi_world import NOW, World, plain, read_yaml, same

from chuda.clock import BUSINESS_ZONE
from tasks.kpi.catalog import published_marts

CASES = sorted((Path(__file__).parent / "cases").glob("*/*/input.yaml"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.parent.name}/{path.parent.name}")
def test_mart_equals_its_expectation(path: Path, world: World) -> None:
    given = read_yaml(path)
    for table, rows in given.get("tables", {}).items():
        world.put(table, *rows)
    for messages in given.get("messages", ()):
        world.put_messages(**messages)
    expected = read_yaml(path.with_name("expect.yaml"))
    found = world.rows(path.parent.parent.name, _moment(given.get("now")))
    shown = [{name: plain(row[name]) for name in (expected[0] if expected else row)} for row in found]
    assert same(found, expected), f"found {shown}"


def test_every_mart_has_a_case() -> None:
    assert {path.parent.parent.name for path in CASES} == {mart.name for mart in published_marts()}


def _moment(text: str | None) -> datetime:
    return datetime.fromisoformat(text).astimezone(BUSINESS_ZONE) if text else NOW
