"""What the warehouse keeps of channels, for marts and reports: verdicts as they were given, and what is wrong now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from chuda.clock import from_us
from chuda.stores.ledger.channels import Verdict
from tasks.experiments.intervals import wilson_interval

_CREATE = Path(__file__).with_name("create_channel_tables.sql").read_text(encoding="utf-8")
CELL, TEST, BILL = "channel_cell_dropped", "channel_test_failed", "bill_differs"


@dataclass(frozen=True, slots=True)
class Alarm:
    """One thing wrong with a channel, in the order of the columns of `channel_alarm`; counts and fractions."""

    kind: str
    severity: str
    subject: str
    kpi: str | None
    value: float | None
    line: float | None
    events: int | None
    base: int | None
    p_value: float | None
    since_at: datetime
    advice_zh: str
    advice_en: str


def create_channel_tables(connection: Any) -> None:
    """Create the warehouse's tables of channels where they are missing."""
    connection.execute(_CREATE)


def raise_alarm(connection: Any, alarm: Alarm) -> None:
    """Say what is wrong; what was said of the same thing before is replaced, so that it is told once."""
    clear_alarm(connection, alarm.kind, alarm.subject)
    bounds = wilson_interval(alarm.events or 0, alarm.base) if alarm.base else None
    kind, severity, subject, kpi, value, line, events, base, *rest = astuple(alarm)
    low, high = (bounds.low, bounds.high) if bounds else (None, None)
    row = [kind, severity, None, subject, kpi, value, line, low, high, events, base, *rest]
    connection.execute(f"INSERT INTO channel_alarm VALUES ({', '.join('?' for _ in row)})", row)


def clear_alarm(connection: Any, kind: str, subject: str) -> None:
    """What was wrong is well again."""
    connection.execute("DELETE FROM channel_alarm WHERE kind = ? AND subject = ?", [kind, subject])


def keep_verdict(connection: Any, verdict: Verdict) -> None:
    """Show a verdict to analysts; that of the same stage of the same test is replaced. A failed test is an alarm."""
    connection.execute("DELETE FROM channel_judged WHERE test_id = ? AND stage = ?", [verdict.test_id, verdict.stage])
    said = json.loads(verdict.evidence)
    measures = said.get("measures", said)
    row = [verdict.test_id, verdict.channel, verdict.stage, verdict.verdict, verdict.messages,
           count_first_attempts(measures), said["zh"], said["en"], from_us(verdict.decided_us),
           from_us(verdict.expires_us), count_delivered(measures)]  # fmt: skip
    connection.execute(f"INSERT INTO channel_judged VALUES ({', '.join('?' for _ in row)})", row)
    subject = f"{verdict.channel} {verdict.stage}"
    if verdict.stage == "canary":
        return
    if verdict.verdict != "failed":
        clear_alarm(connection, TEST, subject)
        return
    raise_alarm(connection, Alarm(
        TEST, "stop", subject, None, None, None, verdict.messages, None, None, from_us(verdict.decided_us),
        f"渠道测试未通过，不再用于营销：{said['zh']}",
        f"The channel failed its test and carries no marketing any more: {said['en']}",
    ))  # fmt: skip


def count_delivered(measures: Mapping[str, Any]) -> int | None:
    """How many arrived at all, resends included, from whichever form the stage keeps it in."""
    if "cells" in measures:
        return sum(int(each["cell"]["delivered"]) for each in measures["cells"])
    return int(measures["delivered"]) if "delivered" in measures else None


def count_first_attempts(measures: Mapping[str, Any]) -> int | None:
    """How many arrived at the first attempt, from whichever form the stage keeps it in."""
    if "first_attempt" in measures:
        return int(measures["first_attempt"])
    for name in ("sends", "types"):
        if name in measures:
            counts = measures[name]
            return sum(int(each[0]) for each in (counts.values() if isinstance(counts, dict) else counts))
    if "cells" in measures:
        return sum(int(each["cell"]["first_attempt"]) for each in measures["cells"])
    return None
