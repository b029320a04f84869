"""Everything a person can run: `chuda`. The commands live in flows/commands; heavy imports wait until they run."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from chuda.errors import ChudaError
from chuda.phones import mask_phones
from flows.commands import (
    approvers,
    campaigns,
    channels,
    checking,
    complaints,
    contacts,
    demo,
    diagnose,
    experiments,
    feedback,
    inbox,
    kpi,
    notify,
    recurring,
    testphones,
    watching,
    workspace,
)

app = typer.Typer(
    name="chuda",
    help="触达：合规、可度量的营销短信活动 / lawful, measured marketing SMS campaigns as data pipelines.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for group in (
    demo,
    workspace,
    contacts,
    checking,
    campaigns,
    approvers,
    recurring,
    channels,
    testphones,
    feedback,
    inbox,
    complaints,
    diagnose,
    watching,
    notify,
    kpi,
    experiments,
):
    group.register(app)


@app.callback()
def settings(
    lang: Annotated[str | None, typer.Option(help="zh or en; also CHUDA_LANG")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable output")] = False,
) -> None:
    """Options for every command."""
    if lang is not None:
        os.environ["CHUDA_LANG"] = lang
    if as_json:
        os.environ["CHUDA_JSON"] = "1"


def main() -> None:
    """Run a command; a known error is one message and its exit code, never a traceback."""
    _quiet_prefect()
    try:
        app()
    except ChudaError as error:
        print(f"chuda: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("chuda: interrupted; repeating the command is safe", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        if os.environ.get("CHUDA_DEBUG"):
            raise
        where = _innermost(error)
        said = mask_phones(str(error)).partition("\n")[0][:300]
        print(f"chuda: unforeseen {type(error).__name__} at {where}: {said}", file=sys.stderr)
        print("Please report it; CHUDA_DEBUG=1 shows the whole trace (it may hold personal data).", file=sys.stderr)
        sys.exit(1)


def _quiet_prefect() -> None:
    """Flows run from the shell speak through the command; Prefect keeps its records inside the workspace."""
    from pathlib import Path

    home = Path(os.environ.get("CHUDA_HOME") or "data/state")
    if "PREFECT_API_URL" not in os.environ and home.is_dir():
        os.environ.setdefault("PREFECT_HOME", str((home / "prefect").absolute()))
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
    # Prefect gives its own short-lived server 20 s, which a busy machine may need longer than.
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "180")
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("DO_NOT_TRACK", "1")


def _innermost(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "?"
    return f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"  # noqa: PTH119


if __name__ == "__main__":
    main()
