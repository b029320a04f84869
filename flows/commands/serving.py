"""The command that receives pushes and follows own short links."""

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
    """Receive what providers push, and follow own short links; each is answered once it is on disk.

    Pulling alone is enough without it, but for own short links.
    """
    import os

    import uvicorn

    from chuda.workspace import open_workspace
    from tasks.content.context import load_content_reference
    from tasks.feedback.durable import DurableWriter
    from tasks.feedback.processing import Processor
    from tasks.feedback.receiving import Receiver, check_secret, make_app
    from tasks.feedback.redirecting import Redirector, link_paths
    from tasks.planning.briefing import load_channels

    secret = check_secret(os.environ.get("CHUDA_PUSH_SECRET", ""))
    with open_workspace() as workspace:
        words = load_content_reference(workspace.settings.reference).reply_words
        records = load_channels(workspace.settings)
        writer = DurableWriter(workspace.ledger, Processor(workspace.ledger, workspace.clock, words))
        linked = {name: record for name, record in records.items() if record.short_links}
        targets = {name: record.link_targets for name, record in linked.items()}
        app = make_app(
            Receiver(workspace.keys, workspace.clock, writer, secret, {n: r.adapter for n, r in records.items()}),
            Redirector(workspace.ledger, workspace.clock, writer, targets) if linked else None,
            link_paths(record.short_links for record in linked.values() if record.short_links),
        )
        names, bases = ", ".join(records), ", ".join(f"{r.short_links}" for r in linked.values())
        line = say(f"在 {host}:{port} 接收推送；渠道：{names}", f"receiving pushes at {host}:{port} for {names}")
        line += say(f"；短链 {bases}", f"; short links of {bases}") if linked else ""
        show({"port": port, "channels": list(records), "short_links": list(linked)}, line)
        # The path holds the secret: no access log.
        uvicorn.run(app, host=host, port=port, access_log=False, log_level="warning")
