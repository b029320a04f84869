"""The demo, run once per session as a user runs it: a process of its own, then looked at from outside."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flow_runs import ROOT, free_port, run_chuda, stage_environment

from flows.cli import main

ROWS = 6000


@dataclass(frozen=True)
class Demo:
    """A finished demo: its folder, what it printed, and the sample's answer key."""

    folder: Path
    printed: str

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def key(self) -> dict:
        return json.loads((self.folder / "sample" / "answer_key.json").read_text())


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """One demo for all workers of the session."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "chuda-demo"
    done = folder.with_suffix(".printed")
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            result = run_chuda("demo", "--rows", str(ROWS), "--folder", str(folder))
            assert result.returncode == 0, result.stdout + result.stderr
            done.write_text(result.stdout + result.stderr)
    return Demo(folder, done.read_text())


@pytest.fixture(scope="session")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a workspace in which one campaign is planned and nothing is approved; tests work on copies."""
    from datetime import datetime

    from chuda.clock import BUSINESS_ZONE
    from tasks.sample.generator import SampleParameters, generate_sample

    folder = tmp_path_factory.mktemp("planned")
    shutil.copytree(ROOT / "data" / "campaigns", folder / "campaigns")
    channel = folder / "campaigns" / "channels" / "demo.yaml"
    (folder / "port").write_text(str(free_port()))
    channel.write_text(channel.read_text().replace("8025", (folder / "port").read_text()))
    now = datetime(2026, 11, 20, 9, tzinfo=BUSINESS_ZONE)
    generate_sample(SampleParameters(rows=2500, seed=3, now=now), folder / "sample")
    variables = stage_environment(folder, folder / "home")
    script = (
        "import sys; from tasks.contacts.stage import *; from tasks.segments.stage import *\n"
        "from tasks.content.stage import *; from tasks.compliance.stage import *\n"
        "from tasks.experiments.stage import *; from tasks.planning.stage import *\n"
        "from flows.commands.workspace import init; init()\n"
        "sample, campaign = sys.argv[1:]\n"
        "import_contacts.fn(sample + '/contacts.csv'); import_orders.fn(sample + '/orders.csv')\n"
        "import_events.fn(sample + '/events.csv'); refresh_all_segments.fn()\n"
        "for stage in (check_content, check_compliance, render_messages, draw_sample): stage.fn(campaign)\n"
        "print(make_plan.fn(campaign).details['plan_id'])\n"
    )
    campaign = folder / "campaigns" / "demo_retail.yaml"
    result = subprocess.run(
        [sys.executable, "-c", script, str(folder / "sample"), str(campaign)], cwd=ROOT,
        env={**os.environ, **variables}, text=True, capture_output=True, timeout=120,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    (folder / "plan_id").write_text(result.stdout.split()[-1])
    return folder


@pytest.fixture
def workspace(planned: Path, tmp_path: Path) -> Path:
    """A copy of the planned workspace, to be spoilt."""
    return shutil.copytree(planned, tmp_path / "work")


@pytest.fixture
def run(
    planned: Path, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """The command line in the copied workspace, in this process: what it prints, and the code it ends with."""
    before, arguments_before = dict(os.environ), sys.argv
    # Prefect reads its folder once per process: it has to outlive this test.
    variables_here = {**stage_environment(workspace, workspace / "home"), "PREFECT_HOME": str(planned / "prefect")}

    def run_here(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        os.environ.update({**variables_here, **variables})
        sys.argv = ["chuda", *arguments]
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            os.environ.clear()
            os.environ.update(before)
        said = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, code, said.out, said.err)

    yield run_here
    sys.argv = arguments_before
