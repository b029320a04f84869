"""Commands around the workspace: making one, and finding out what it lacks."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from chuda.settings import Settings
from flows.commands.output import console, is_json, say, show


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(init)
    app.command()(doctor)


def init(
    approver: Annotated[str | None, typer.Option(help="enrol somebody who may approve real sends (TOTP)")] = None,
    remove: Annotated[str | None, typer.Option(help="take an approver off the list")] = None,
    voucher: Annotated[str | None, typer.Option("--as", help="who vouches: an enrolled approver")] = None,
    code: Annotated[str, typer.Option(help="the code of the one who vouches")] = "",
) -> None:
    """Make a new workspace: folders, keys, a business record and a simulator channel; enrol who may approve.

    In a workspace that exists, --approver and --remove change who may approve.
    """
    from chuda.errors import UsageError
    from chuda.settings import read_settings
    from flows.commands.approvers import show_enrolment, show_removal

    settings = read_settings()
    is_new = not settings.keys_file.exists()
    if not (is_new or approver or remove):
        raise UsageError(f"{settings.keys_file} exists: this workspace is made already; `chuda doctor` looks at it")
    if is_new:
        _make_workspace(settings)
    if remove:
        show_removal(remove, voucher, code)
    if approver:
        show_enrolment(approver, voucher, code)


def _make_workspace(settings: Settings) -> None:
    from chuda.keys import create_keys
    from chuda.stores.ledger import open_ledger

    keys = create_keys(settings.keys_file)
    for folder in ("contacts", "orders", "events", "do_not_contact"):
        (settings.home / "inbox" / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
    open_ledger(settings.ledger_target, keys).close()
    laid_out = _lay_out_campaigns(settings)
    data = {"home": str(settings.home), "keys": str(settings.keys_file), "fingerprint": keys.fingerprint(),
            "campaigns": [str(path) for path in laid_out]}  # fmt: skip
    files = "".join(f"\n  {path}" for path in laid_out)
    show(
        data,
        say(
            f"工作区 {settings.home} 已建立。\n密钥在 {settings.keys_file}（指纹 {keys.fingerprint()}）："
            "请立刻备份到别处，丢失后所有号码和退订记录都无法再认出。"
            + (f"\n示例档案，请改成自己的：{files}" if files else "")
            + "\n下一步：chuda init --approver 姓名（真实渠道的每一批都要审批人的验证码），chuda contacts import 文件…",
            f"Workspace {settings.home} is ready.\nIts keys are in {settings.keys_file} "
            f"(fingerprint {keys.fingerprint()}): back them up elsewhere now; without them no number and no opt-out "
            "can be recognised again."
            + (f"\nExamples, to be changed into your own:{files}" if files else "")
            + "\nNext: chuda init --approver NAME (every release on a real channel needs an approver's code), "
            "chuda contacts import FILE…",
        ),
    )


def _lay_out_campaigns(settings: Settings) -> list[Path]:
    """Put an example business record and the simulator's channel where there is nothing yet; returns what was put."""
    source = Settings.model_fields["campaigns"].get_default()
    if settings.campaigns.exists() or not source.is_dir():
        return []
    (settings.campaigns / "channels").mkdir(parents=True)
    names = ("business.yaml", "channels/demo.yaml")
    for name in names:
        shutil.copyfile(source / name, settings.campaigns / name)
    return [settings.campaigns / name for name in names]


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
