"""The command that receives pushes."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands.output import say, show


def serve(
    host: Annotated[str, typer.Option(help="address to listen at; put TLS in front of anything but loopback")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option()] = 8026,
) -> None:
    """Receive what providers push; each push is answered once it is on disk. Pulling alone is enough without it."""
    import os

    import uvicorn

    from chuda.workspace import open_workspace
    from tasks.content.context import load_content_reference
    from tasks.feedback.durable import DurableWriter
    from tasks.feedback.processing import Processor
    from tasks.feedback.receiving import Receiver, check_secret, make_app
    from tasks.planning.briefing import load_channels

    secret = check_secret(os.environ.get("CHUDA_PUSH_SECRET", ""))
    with open_workspace() as workspace:
        words = load_content_reference(workspace.settings.reference).reply_words
        processor = Processor(workspace.ledger, workspace.clock, words)
        adapters = {name: record.adapter for name, record in load_channels(workspace.settings).items()}
        writer = DurableWriter(workspace.ledger, processor)
        app = make_app(Receiver(workspace.keys, workspace.clock, writer, secret, adapters))
        names = ", ".join(adapters)
        show(
            {"port": port, "channels": list(adapters)},
            say(f"在 {host}:{port} 接收推送；渠道：{names}", f"receiving pushes at {host}:{port} for {names}"),
        )
        # The path holds the secret: no access log.
        uvicorn.run(app, host=host, port=port, access_log=False, log_level="warning")
