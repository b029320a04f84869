"""The command that checks drafts before anybody plans anything."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.output import is_json, language, say, show

if TYPE_CHECKING:
    from chuda.campaign.model import CampaignType
    from chuda.settings import Settings
    from tasks.content.context import ContentContext
    from tasks.content.linting import LintedDraft

_TYPES: dict[str, CampaignType] = {"marketing": "marketing", "notification": "notification", "otp": "otp"}
TypeName = Annotated[str, typer.Option("--type", help="marketing, notification or otp")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(check)


def check(
    target: Annotated[
        str, typer.Argument(help="a text, a file of texts (one a line), a campaign file, or - for stdin")
    ],
    message_type: TypeName = "marketing",
    trade: Annotated[str, typer.Option(help="the trade, for words that need an authorisation")] = "other",
    channel: Annotated[str | None, typer.Option(help="also check against this channel's rules")] = None,
) -> None:
    """Check texts as they would be checked before sending: each finding with place, law and advice."""
    from chuda.errors import Refused
    from chuda.settings import read_settings
    from tasks.content.linting import lint, read_drafts

    if target.endswith((".yaml", ".yml")) and Path(target).is_file():
        linted = _lint_campaign(Path(target))
    else:
        context = _context(read_settings(), message_type, trade, channel)
        linted = [lint(draft, context) for draft in read_drafts(target, sys.stdin)]
    found: Counter[str] = Counter(finding.severity for one in linted for finding in one.findings)
    for one in linted:
        _show(one)
    if not is_json():
        show({}, _summary(linted, found))
    if found["block"]:
        raise Refused(say(f"{found['block']} 处必须修改", f"{found['block']} findings must be mended"))


def _show(linted: LintedDraft) -> None:
    from tasks.content.findings import format_finding
    from tasks.content.linting import describe

    for finding in linted.findings:
        line = format_finding(finding, linted.draft.text, linted.draft.name, language())
        # Each draft is one line of its file, so the line is the draft's.
        where = f"{linted.draft.name}:{linted.draft.line}:"
        show(describe(linted, finding, language()), where + line.removeprefix(f"{linted.draft.name}:1:"))


def _summary(linted: list[LintedDraft], found: Counter[str]) -> str:
    blocked, flagged = found["block"], found["flag"]
    text = say(
        f"{len(linted)} 条文案：{blocked} 处必须修改，{flagged} 处请人工判断",
        f"{len(linted)} text{'' if len(linted) == 1 else 's'}: {blocked} to mend, {flagged} to judge",
    )
    if len(linted) == 1 and linted[0].units is not None:
        text += say(
            f"；{linted[0].units} 字，计费 {linted[0].parts} 条",
            f"; {linted[0].units} characters, billed as {linted[0].parts}",
        )
    return text


def _context(settings: Settings, message_type: str, trade: str, channel: str | None) -> ContentContext:
    from dataclasses import replace

    from chuda.errors import UsageError
    from tasks.planning.briefing import checking_context, load_channels

    if message_type not in _TYPES:
        raise UsageError(f"--type {message_type}: {', '.join(_TYPES)}")
    context = replace(checking_context(settings), message_type=_TYPES[message_type], trade=trade)
    if channel is None:
        return context
    records = load_channels(settings)
    if channel not in records:
        raise UsageError(f"there is no channel {channel}; on record: {', '.join(sorted(records)) or 'none'}")
    record = records[channel]
    return replace(
        context, opt_out_wording=record.opt_out_wording, variables_allowed=record.variables_allowed,
        links=record.links, filed_links=tuple(record.filed_links),
    )  # fmt: skip


def _lint_campaign(path: Path) -> list[LintedDraft]:
    """The texts of a campaign file, each named after its variant and language."""
    from chuda.workspace import open_workspace
    from tasks.content.linting import Draft, LintedDraft
    from tasks.content.template_checks import check_template
    from tasks.planning.briefing import read_briefing

    with open_workspace() as workspace:
        briefing = read_briefing(workspace.settings, path, workspace.clock.now())
    linted = []
    for variant, wording in briefing.wordings.items():
        for tongue, template in wording.items():
            name = f"{path}[{', '.join(part for part in (variant, tongue) if part)}]"
            findings = tuple(check_template(template, briefing.context))
            linted.append(LintedDraft(Draft(name, 1, template.source), findings, None, None))
    return linted
