"""The notebook runs as a script on marts; marimo is an extra (`pip install chuda[notebook]`)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from kpi_world import NOW, World

from tasks.kpi.refresh import refresh_marts

NOTEBOOK = Path(__file__).parents[3] / "docs" / "notebooks" / "campaigns.py"


def test_the_notebook_runs_as_a_script(tmp_path: Path) -> None:
    pytest.importorskip("marimo")
    world = World()
    world.put("plan_made", {})
    world.put_messages(60, delivered=50, clicked=20)
    refresh_marts(world.warehouse, tmp_path / "marts.duckdb", NOW)
    done = subprocess.run(
        [sys.executable, str(NOTEBOOK)], capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "CHUDA_MARTS": str(tmp_path / "marts.duckdb")}, cwd=tmp_path,
    )  # fmt: skip
    assert "'campaigns': 1, 'segments': 1, 'causes': 1" in done.stdout, done.stderr


def test_the_notebook_writes_nothing_and_fetches_nothing() -> None:
    text = NOTEBOOK.read_text("utf-8")
    assert "read_only=True" in text
    assert "http" not in text
