"""A real Prefect server and a real worker for a test, each a process of its own on loopback, ended whatever happens."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
from flow_runs import ROOT, free_port

POOL = "chuda"
PREFECT = (sys.executable, "-m", "prefect", "--no-prompt")
# As prefect.yaml advises.
LEASES = "prefect.server.concurrency.lease_storage.filesystem"
_START_S = 90
_COMMAND_S = 120
_POLL_S = 0.3


@dataclass(frozen=True)
class Server:
    """A running server: where its files are, and its REST interface."""

    home: Path
    address: str
    client: httpx.Client

    def read(self, path: str) -> Any:
        """What is at `path` of the API."""
        return self.client.get(path).raise_for_status().json()

    def ask(self, path: str, **body: Any) -> Any:
        """The answer to a POST (filters, mostly; what is not written lists everything up to 200)."""
        answer = self.client.post(path, json=body).raise_for_status()
        return answer.json() if answer.content else None

    def variables(self, home: Path, **more: str) -> dict[str, str]:
        """The environment of a process that speaks to this server and keeps its own Prefect files in `home`."""
        return clean_environment(home, PREFECT_API_URL=f"{self.address}/api", **more)


def clean_environment(home: Path, **more: str) -> dict[str, str]:
    """The environment of a process that knows nothing of other Prefects and workspaces on this machine."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "CHUDA_"))}
    quiet = {"DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "NO_PROXY": "127.0.0.1"}
    return {**inherited, **quiet, "PREFECT_HOME": str(home), **more}


@dataclass(frozen=True)
class Workspaces:
    """What lies on disk: a workspace with a sample and a campaign, and a second one that was only just made."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "state"

    @property
    def new_home(self) -> Path:
        return self.folder / "new"

    @property
    def campaign(self) -> Path:
        return self.folder / "campaigns" / "demo_retail.yaml"

    @property
    def misspelt(self) -> Path:
        return self.folder / "campaigns" / "misspelt.yaml"

    @property
    def sample(self) -> Path:
        return self.folder / "sample"

    @property
    def provider(self) -> Path:
        return self.folder / "provider"


@contextmanager
def running(
    command: tuple[str, ...], variables: Mapping[str, str], folder: Path, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A process with what it prints in `log`; it and all that it started are dead afterwards."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env=dict(variables), cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        # Runs live in process groups of their own: only the tree finds them, and only while the root is there.
        end_tree(process)


def end_tree(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and everything below it."""
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(process.pid)
        tree = [*root.children(recursive=True), root]
        for each in tree:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        psutil.wait_procs(tree, timeout=20)
    process.wait(timeout=20)


@contextmanager
def running_server(folder: Path) -> Iterator[Server]:
    """`prefect server start` on a free port with everything it keeps in `folder/server`; yields when it answers."""
    home = folder / "server"
    home.mkdir()
    port = str(free_port())
    address = f"http://127.0.0.1:{port}"
    command = (*PREFECT, "server", "start", "--host", "127.0.0.1", "--port", port)
    log = folder / "server.log"
    variables = clean_environment(home, PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE=LEASES)
    with (
        running(command, variables, folder, log) as process,
        httpx.Client(base_url=f"{address}/api", trust_env=False, timeout=30) as client,
    ):
        server = Server(home, address, client)

        def is_up() -> bool:
            assert process.poll() is None, log.read_text()
            with suppress(httpx.TransportError):
                return client.get("/health").is_success
            return False

        wait_until(is_up, _START_S, "the server answers")
        yield server


def run_prefect(server: Server, *arguments: str) -> str:
    """Run a `prefect` command in the repository; what it printed."""
    done = subprocess.run(
        [*PREFECT, *arguments], cwd=ROOT, env=server.variables(server.home.parent / "client"), text=True,
        capture_output=True, timeout=_COMMAND_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def wait_until(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Return as soon as `condition` holds; fail after `seconds`, naming what was waited for."""
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, f"waited {seconds:.0f} s in vain until {what}"
        time.sleep(_POLL_S)
