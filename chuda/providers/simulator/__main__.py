"""`python -m chuda.providers.simulator`: the company as a process of its own, on loopback only.

Prints one line of JSON, `{"port": …}`, when it answers; ends on SIGTERM or SIGINT.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from chuda.clock import Clock, RealClock
from chuda.errors import ChudaError, UsageError
from chuda.providers.simulator.app import build_app, open_provider
from chuda.providers.simulator.profile import load_profile
from chuda.providers.simulator.transport import CuttableProtocol

_HOST = "127.0.0.1"
_BACKLOG = 2048
# Longer than any client keeps an idle connection: a server that closes first makes a send's outcome unknown.
_KEEP_ALIVE_S = 300


class _AnnouncingServer(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        port = sockets[0].getsockname()[1] if sockets else self.config.port
        print(json.dumps({"port": port}), flush=True)


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="chuda.providers.simulator", description="Chuda's provider simulator")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--home", type=Path, required=True, help="where simulator.sqlite lives")
    parser.add_argument("--seed", type=int, required=True, help="fixes the fate of every message")
    parser.add_argument("--profile", type=Path, help="YAML: rules, world, faults")
    parser.add_argument("--ledger", help="path or URL of the ledger whose clock to share")
    parser.add_argument("--token", default="simulator", help="the bearer token clients must send")
    return parser.parse_args(argv)


def build_clock(arguments: argparse.Namespace) -> Clock:
    """The ledger's clock where one is named, else the real one."""
    if arguments.ledger is None:
        return RealClock()
    from chuda.stores.ledger import open_clock, open_ledger  # costs SQLAlchemy's import, only then

    return open_clock(open_ledger(arguments.ledger), os.environ.get("CHUDA_NOW"))


def bind(port: int) -> socket.socket:
    """A loopback socket that listens on `port`.

    Raises:
        UsageError: the port is taken.
    """
    # With the protocol spelled out asyncio sets TCP_NODELAY; without it every answer waits 40 ms for an ACK.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((_HOST, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        raise UsageError(f"port {port} on {_HOST} cannot be used ({error.strerror}); choose another or 0") from error
    return listening


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until told to stop; returns the exit code."""
    arguments = parse_arguments(argv)
    try:
        profile = load_profile(arguments.profile)
        listening = bind(arguments.port)
        provider = open_provider(arguments.home, build_clock(arguments), arguments.seed, profile)
    except ChudaError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    config = uvicorn.Config(
        build_app(provider, arguments.token),
        http=CuttableProtocol,
        ws="none",
        loop="asyncio",
        log_level="error",
        access_log=False,  # its lines would carry batch ids and cursors, and cost more than the work
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=1,
    )
    # A request makes hundreds of objects and frees them all: looking for cycles after every 700 is wasted work.
    gc.freeze()
    gc.set_threshold(100_000)
    _AnnouncingServer(config).run(sockets=[listening])
    return 0


if __name__ == "__main__":
    sys.exit(main())
