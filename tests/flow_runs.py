"""Running `chuda` as a user does: a process of its own, in a workspace of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

NOW = "2026-11-20T15:05:00+08:00"
ROOT = Path(__file__).parents[1]


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def run_chuda(
    *arguments: str, home: Path | None = None, timeout: float = 240, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does."""
    environment = {**os.environ, **variables}
    if home is not None:
        environment["CHUDA_HOME"] = str(home)
    return subprocess.run(
        [sys.executable, "-m", "flows.cli", *arguments], cwd=ROOT, env=environment, text=True, capture_output=True,
        timeout=timeout,
    )  # fmt: skip


def stage_environment(folder: Path, home: Path) -> dict[str, str]:
    """The variables of a workspace laid out in `folder`: a Friday afternoon, inside the slot of the demo campaign."""
    return {
        "CHUDA_HOME": str(home), "CHUDA_CAMPAIGNS": str(folder / "campaigns"), "CHUDA_DEMO_TOKEN": "simulator",
        "CHUDA_NOW": NOW,
    }  # fmt: skip
