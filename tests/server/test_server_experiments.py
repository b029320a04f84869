"""Flows that come back by themselves: a run of a deployment is scheduled for the moment it is due, once."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flow_runs import ROOT

from chuda.keys import create_keys
from tests.server.server_world import Server

pytestmark = pytest.mark.server
_COME_BACK = """
import sys
from datetime import datetime
from flows.following import come_back
print([come_back(name, "p1", datetime.fromisoformat(sys.argv[1])) for name in sys.argv[2:]])
"""


def test_a_decision_is_scheduled_for_when_it_is_due_and_only_once(
    server: Server, deployments: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    create_keys(home / "keys")
    due_at = (datetime.now(UTC) + timedelta(days=3)).replace(microsecond=0)
    names = ("decide-experiment", "decide-experiment", "roll-out-winner", "not-deployed")
    done = subprocess.run(
        [sys.executable, "-c", _COME_BACK, due_at.isoformat(), *names], cwd=ROOT, text=True, capture_output=True,
        env=server.variables(tmp_path / "prefect", CHUDA_HOME=str(home)), timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[True, True, True, False]"
    for name in ("decide-experiment", "roll-out-winner"):
        runs = server.ask("/flow_runs/filter", flow_runs={"deployment_id": {"any_": [deployments[name]["id"]]}})
        assert [run["parameters"]["plan_id"] for run in runs] == ["p1"]
        assert datetime.fromisoformat(runs[0]["expected_start_time"]) == due_at
