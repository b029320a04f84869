"""Every query of the analysts' pages runs on the marts as it stands there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from kpi_world import NOW, World

from tasks.kpi.refresh import refresh_marts

DOCS = Path(__file__).parents[3] / "docs" / "howto"


def queries(page: str) -> list[str]:
    return re.findall(r"```sql\n(.*?)\n```", (DOCS / page).read_text("utf-8"), re.S)


@pytest.fixture(scope="module")
def marts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    world = World()
    world.put("plan_made", {"experiment_variable": "offer", "primary_metric": "clicks"})
    world.put_messages(60, delivered=40, clicked=20, variant="A", wave="sample")
    world.put_messages(60, delivered=50, clicked=20, variant="B", wave="sample")
    token = world.warehouse.execute("select token from plan_message limit 1").fetchall()[0][0]
    world.put("reply_received", {"token": token, "kind": "complaint"})
    world.put("order_clean", {"token": token})
    world.put("plan_exclusion", {})
    path = tmp_path_factory.mktemp("marts") / "marts.duckdb"
    refresh_marts(world.warehouse, path, NOW)
    with duckdb.connect(str(path), read_only=True) as connection:
        yield connection


@pytest.mark.parametrize("page", ["analyst.md", "analyst-cookbook.md"])
def test_every_query_runs(page: str, marts: duckdb.DuckDBPyConnection) -> None:
    for query in queries(page):
        assert marts.execute(query).description, query


def test_fifteen_questions_with_their_output() -> None:
    text = (DOCS / "analyst-cookbook.md").read_text("utf-8")
    questions = re.split(r"^## \d+\. ", text, flags=re.M)[1:]
    assert len(questions) == 15
    for question in questions:
        assert question.count("```sql") == question.count("```text") >= 1, question.splitlines()[0]
