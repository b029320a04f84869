"""Commands around the workspace: making one, and finding out what it lacks."""

from __future__ import annotations

import typer

from flows.commands.output import console, is_json, say, show


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(init)
    app.command()(doctor)


def init() -> None:
    """Make a new workspace: folders and keys; says how to back them up and what to do next."""
    from chuda.errors import UsageError
    from chuda.keys import create_keys
    from chuda.settings import read_settings
    from chuda.stores.ledger import open_ledger

    settings = read_settings()
    try:
        keys = create_keys(settings.keys_file)
    except FileExistsError:
        raise UsageError(
            f"{settings.keys_file} exists: this workspace is made already; `chuda doctor` looks at it"
        ) from None
    for folder in ("contacts", "orders", "events", "do_not_contact"):
        (settings.home / "inbox" / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
    open_ledger(settings.ledger_target, keys).close()
    show(
        {"home": str(settings.home), "keys": str(settings.keys_file), "fingerprint": keys.fingerprint()},
        say(
            f"工作区 {settings.home} 已建立。\n密钥在 {settings.keys_file}（指纹 {keys.fingerprint()}）："
            "请立刻备份到别处，丢失后所有号码和退订记录都无法再认出。\n下一步：chuda contacts import 文件…",
            f"Workspace {settings.home} is ready.\nIts keys are in {settings.keys_file} "
            f"(fingerprint {keys.fingerprint()}): back them up elsewhere now; without them no number and no opt-out "
            "can be recognised again.\n"
            "Next: chuda contacts import FILE…",
        ),
    )


def doctor() -> None:
    """Is everything in place? What to do about it if not."""
    from flows.checkup import examine

    findings = examine()
    for finding in findings:
        mark = {"ok": "✓", "warn": "!", "bad": "✗"}[finding.state]
        text = f" {mark} {finding.what}" + (f" → {finding.advice}" if finding.advice else "")
        show({"state": finding.state, "what": finding.what, "advice": finding.advice}, text)
    bad = sum(finding.state == "bad" for finding in findings)
    if bad:
        raise typer.Exit(2)
    if not is_json():
        console.print(say("可以使用", "ready"))
