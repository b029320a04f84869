"""How commands speak: tables and lines for people, JSON for machines, in Chinese or English."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from chuda.results import StageResult
from chuda.settings import Language

_PIPE_COLUMNS = 240
_is_piped = not sys.stdout.isatty()
# What reads a pipe looks for whole words: a table is folded on terminals only.
console = Console(highlight=False, soft_wrap=_is_piped, width=_PIPE_COLUMNS if _is_piped else None)

STAGES = {
    "contacts": ("联系人清洗", "contacts"),
    "orders": ("订单导入", "orders"),
    "events": ("事件导入", "events"),
    "do_not_contact": ("禁发名单", "do-not-contact"),
    "segments": ("分群", "segments"),
    "content": ("内容检查", "content"),
    "compliance": ("合规检查", "compliance"),
    "rendering": ("成文与逐条检查", "rendered texts"),
    "sampling": ("A/B 抽样", "A/B sample"),
    "decision": ("A/B 判定", "A/B decision"),
    "rollout": ("推广", "roll-out"),
    "approval": ("批准并封装", "approval and sealing"),
    "approvals": ("未批准的计划", "plans nobody approved"),
    "planning": ("计划", "plan"),
    "dispatch": ("发送", "dispatch"),
    "feedback": ("回执与回复", "feedback"),
    "kpi": ("指标", "KPIs"),
    "alerts": ("预警推送", "alerts told"),
    "reports": ("报告", "report"),
    "channel_test": ("渠道测试计划", "channel test planned"),
    "channel_verdict": ("渠道测试判定", "channel test judged"),
    "bill": ("账单核对", "bill reconciled"),
    "statistics": ("平台统计", "provider statistics"),
    "canary": ("质量巡检抽样", "canary drawn"),
    "canary_verdict": ("质量巡检判定", "canaries judged"),
    "proof": ("样稿", "proofs"),
}


def say(zh: str, en: str) -> str:
    """The text in the chosen language."""
    return en if language() == "en" else zh


def language() -> Language:
    """The chosen language."""
    return "en" if os.environ.get("CHUDA_LANG") == "en" else "zh"


def is_json() -> bool:
    """Whether a machine listens."""
    return os.environ.get("CHUDA_JSON") == "1"


def show(data: Mapping[str, Any], text: str) -> None:
    """Print `text` for people or `data` for machines."""
    print(json.dumps(data, ensure_ascii=False, default=str)) if is_json() else console.print(text, markup=False)


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table, or its rows as JSON lines."""
    if is_json():
        for row in rows:
            print(json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False, default=str))
        return
    table = Table(title=title, title_justify="left", header_style="bold")
    for number, column in enumerate(columns):
        is_number = bool(rows) and isinstance(rows[0][number], int | float)
        table.add_column(column, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row))
    console.print(table)


class StageLines:
    """Prints one line per stage as it ends, and remembers how long each took."""

    def __init__(self) -> None:
        self.timings: list[tuple[str, float]] = []

    def __call__(self, result: StageResult, seconds: float) -> None:
        """Tell about one stage."""
        name = say(*STAGES.get(result.stage, (result.stage, result.stage)))
        self.timings.append((f"{name} ({result.table})" if result.table else name, seconds))
        if is_json():
            data = {"stage": result.stage, "rows_in": result.rows_in, "rows_out": result.rows_out,
                    "rejected": result.rejected, "verdict": result.verdict, "seconds": round(seconds, 2)}  # fmt: skip
            print(json.dumps(data | {"details": result.details}, ensure_ascii=False))
            return
        held = ", ".join(f"{reason} {count:,}" for reason, count in list(result.rejected.items())[:6])
        mark = {"passed": "✓", "warned": "!"}.get(result.verdict, "✗")
        tail = f"  [dim]{held}[/dim]" if held else ""
        console.print(f" {mark} {name}: {result.rows_in:,} → {result.rows_out:,}  [dim]{seconds:.1f}s[/dim]{tail}")
