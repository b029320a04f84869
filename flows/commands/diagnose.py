"""The command that says why something shown as sent was not received."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.output import console, is_json, say, show, show_table

if TYPE_CHECKING:
    from tasks.feedback.diagnosis.judgement import Finding

_CAUSES = {
    "blacklist": (
        "运营商黑名单",
        "carrier blacklist",
        "不要再发该号码；确认是否本人投诉过",
        "stop sending to it; ask whether they ever complained",
    ),
    "content": (
        "敏感词拦截",
        "sensitive-word filter",
        "用 chuda check 查文案，换措辞再测",
        "chuda check the text, reword, test again",
    ),
    "congestion": (
        "通道拥堵",
        "channel congestion",
        "避开该时段，或换通道发该运营商×省份",
        "avoid that hour or route the cell elsewhere",
    ),
    "signature": (
        "签名未报备",
        "signature not filed",
        "向平台核对签名报备",
        "check with the provider that the signature is filed",
    ),
    "ported": (
        "携号转网",
        "ported number",
        "按回执更新运营商，走对应通道",
        "the receipt tells the new carrier; use its channel",
    ),
    "frequency": ("频次限制", "frequency limit", "隔日再发，减少频次", "send on another day, and less often"),
    "handset": (
        "手机端拦截",
        "handset filter",
        "回执显示送达：请客户查看拦截箱",
        "receipts say delivered: ask them to look into the blocked box",
    ),
    "number": ("号码本身（空号、停机、关机）", "the number itself", "清理号码", "clean the number list"),
    "unclear": ("错误码说明不了", "the code does not tell", "向平台查询该码", "ask the provider what the code means"),
}
_LIKELIHOOD = {
    "very_likely": ("很可能", "very likely"),
    "likely": ("可能", "likely"),
    "possible": ("不能排除", "cannot be ruled out"),
    "no_sign": ("没有迹象", "no sign"),
}


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(diagnose)


def diagnose(
    asked: Annotated[str, typer.Argument(help="campaign, phone or token, template, or cell: mobile/广东")],
    days: Annotated[int, typer.Option(min=1, help="how far back")] = 30,
) -> None:
    """Why was it not received? Each cause in the order to look, how likely, and the evidence."""
    from chuda.workspace import open_workspace
    from tasks.feedback.diagnosis.asking import diagnose_target

    with open_workspace() as workspace:
        result = diagnose_target(workspace, asked, days)
    standing = result.evidence.one("standing")
    labels = {
        "sent": ("发出", "sent"),
        "delivered": ("(c) 回执送达", "(c) delivered"),
        "failed": ("(b) 回执失败", "(b) failed"),
        "waiting": ("(a) 等回执（72小时内）", "(a) no receipt yet (wait 72 h)"),
        "silent": ("72小时无回执", "silent for 72 h"),
    }
    line = ", ".join(f"{say(*label)} {standing[name]:,}" for name, label in labels.items())
    show({"target": result.shown, **{name: standing[name] for name in labels}}, f"{result.shown}: {line}")
    if is_json():
        _show_as_data(result.findings)
    else:
        _show_findings(result.findings, int(standing["failed"]))
        _show_examples(result.evidence.rows["examples"])


def _show_as_data(findings: Sequence[Finding]) -> None:
    rows = []
    for number, finding in enumerate(findings, 1):
        zh, en, advice_zh, advice_en = _CAUSES[finding.cause]
        advice = "" if finding.likelihood == "no_sign" else say(advice_zh, advice_en)
        pattern = say(finding.pattern_zh, finding.pattern)
        rows.append([number, finding.cause, finding.likelihood, finding.messages, ", ".join(finding.codes), pattern,
                     say(zh, en), advice])  # fmt: skip
    show_table("", ("order", "cause", "likelihood", "messages", "codes", "pattern", "said", "advice"), rows)


def _show_findings(findings: Sequence[Finding], failed: int) -> None:
    """Each cause there is a sign of, in the order of looking; then those there is none of, in one line."""
    console.print(say("按此顺序排查：", "look in this order:"))
    silent = []
    for number, finding in enumerate(findings, 1):
        zh, en, advice_zh, advice_en = _CAUSES[finding.cause]
        if finding.likelihood == "no_sign":
            silent.append(say(zh, en))
            continue
        console.print(f"  {number}  {say(zh, en)} – {say(*_LIKELIHOOD[finding.likelihood])}", markup=False)
        signs = [say(f"失败 {failed} 条中的 {finding.messages} 条", f"{finding.messages} of {failed} failures")]
        signs = [f"{signs[0]}: {', '.join(finding.codes)}"] if finding.messages else []
        signs += [say(finding.pattern_zh, finding.pattern)] if finding.pattern else []
        for line in signs:
            console.print(f"     {line}", markup=False, highlight=False)
        console.print(f"     → {say(advice_zh, advice_en)}", markup=False)
    if silent:
        console.print(say("  没有迹象：", "  no sign of: ") + say("、", ", ").join(silent), markup=False)


def _show_examples(examples: Sequence[Mapping[str, Any]]) -> None:
    """The evidence, row by row."""
    if not examples:
        return
    columns = say("发出,活动,运营商 省份,状态,代码,归因,秒", "sent,campaign,carrier province,state,code,cause,s")
    cells = [
        [_cell(row["sent_at"]), row["campaign_id"], f"{row['carrier'] or '-'} {row['province'] or '-'}", row["state"],
         _cell(row["code"]), _cell(row["cause"]), _cell(row["latency_s"])]
        for row in examples
    ]  # fmt: skip
    show_table(say("未送达的消息（最近 20 条）", "messages that did not arrive (latest 20)"), columns.split(","), cells)


def _cell(value: object) -> str:
    from datetime import datetime

    if isinstance(value, datetime):
        return f"{value:%m-%d %H:%M}"
    return "" if value is None else f"{value:.0f}" if isinstance(value, float) else str(value)
