"""A plan in words for the person who approves it."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from chuda.records.channel import ChannelRecord
from chuda.windows import DailyWindow
from tasks.compliance.rules import explain_reason
from tasks.experiments.feasibility import BaseRates, assess_feasibility
from tasks.experiments.registration import Registration
from tasks.planning.schedule import finish_time

Language = Literal["zh", "en"]
# What is expected where the business has no history of its own: the middle of the usual lines (domain: KPIs).
EXPECTED_RATES = BaseRates(clicked=0.25, converted=0.05)
_SAMPLES = """
SELECT coalesce(variant, '-'), any_value(text), count(*), sum(parts) FROM (
    SELECT variant, text, parts FROM plan_message WHERE plan_id = $plan AND text IS NOT NULL ORDER BY token
) GROUP BY 1 ORDER BY 1
"""


def plan_lines(connection: Any, plan_id: str, language: Language) -> list[str]:
    """The plan as lines of text: counts, exclusions by reason, cost under both modes, finish, texts, feasibility."""
    plan = _read(connection, plan_id)
    en = language == "en"
    cost = (Decimal(plan["parts"]) * plan["price_cny"]).quantize(Decimal("0.01"))
    lines = [
        f"{plan['campaign_name']} ({plan['campaign_id']}, {plan['occurrence']})",
        f"{'asked for' if en else '人群'} {plan['audience_size']:,}  "
        f"{'planned' if en else '计划'} {plan['planned']:,}  "
        f"{'excluded' if en else '排除'} {plan['excluded']:,}",
    ]
    for reason, people in connection.execute(
        "SELECT reason, count(*) FROM plan_exclusion WHERE plan_id = ? GROUP BY 1 ORDER BY 2 DESC, 1", [plan_id]
    ).fetchall():
        lines.append(f"  {people:>8,}  {reason} {explain_reason(reason, language)}")
    lines.append(
        f"{'parts' if en else '计费条数'} {plan['parts']:,} × ¥{plan['price_cny']} = ¥{cost:,} "
        f"({'at most; billed by' if en else '上限；计费方式'} {plan['billing']})"
    )
    lines += _timing_lines(plan, en)
    lines += _warning_lines(connection, plan_id)
    for variant, text, messages, _parts in connection.execute(_SAMPLES, {"plan": plan_id}).fetchall():
        lines.append(f"[{variant}] {messages:,}: {text}")
    return lines + _feasibility_lines(connection, plan, language)


def _read(connection: Any, plan_id: str) -> dict[str, Any]:
    cursor = connection.execute("SELECT * FROM plan_made WHERE plan_id = ?", [plan_id])
    return dict(zip([column[0] for column in cursor.description], cursor.fetchone(), strict=True))


def _timing_lines(plan: dict[str, Any], en: bool) -> list[str]:
    rate = ChannelRecord.model_validate_json(plan["channel_record"]).rate_parts_per_second
    window = DailyWindow(plan["window_start_minute"], plan["window_end_minute"])
    opens_at: datetime = plan["opens_at"]
    done = finish_time(opens_at, plan["parts"], rate, window)
    line = f"{'opens' if en else '开始'} {opens_at:%Y-%m-%d %H:%M}  {'window' if en else '时间窗'} {window}  "
    lines = [line + f"{'last part leaves about' if en else '最后一条约'} {done:%Y-%m-%d %H:%M:%S}"]
    if done.date() != opens_at.date():
        lines.append("! cannot finish on its day" if en else "! 当天发不完，次日窗口继续")
    return lines


def _warning_lines(connection: Any, plan_id: str) -> list[str]:
    rows = connection.execute("SELECT warning FROM plan_warning WHERE plan_id = ? ORDER BY number", [plan_id])
    return [f"! {said}" for (said,) in rows.fetchall()]


def _feasibility_lines(connection: Any, plan: dict[str, Any], language: Language) -> list[str]:
    if plan["registration"] is None:
        return []
    registration = Registration.model_validate(json.loads(plan["registration"]))
    arms = connection.execute(
        "SELECT variant, count(*) FROM plan_message WHERE plan_id = ? AND variant IS NOT NULL AND wave <> 'rollout' "
        "GROUP BY 1 ORDER BY 1",
        [plan["plan_id"]],
    ).fetchall()
    people = ", ".join(f"{name} {count:,}" for name, count in arms)
    found = assess_feasibility(registration, plan["planned"], EXPECTED_RATES)
    said = found.text.en if language == "en" else found.text.zh
    remedies = [f"  - {remedy.text.en if language == 'en' else remedy.text.zh}" for remedy in found.remedies]
    return [f"A/B {registration.variable}: {people}; {said}", *remedies]
