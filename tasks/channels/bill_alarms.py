"""What is told of bills: figures or bill files that differ from our count; taken back once they agree."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from chuda.providers.protocol import DailyTotals
from chuda.records.channel import ChannelRecord
from tasks.channels.billing import Difference, billed_parts, count_due, sum_parts
from tasks.channels.record import BILL, Alarm, clear_alarm, raise_alarm


def tell_statistics(connection: Any, record: ChannelRecord, totals: DailyTotals, now: datetime) -> dict[str, int]:
    """Alert a provider that counted other parts than can be due, and return by how many; today is not judged yet."""
    subject, told = f"{record.name} {totals.day} statistics", billed_parts(totals, record.billing)
    due = count_due(connection, record.name, totals.day, record.billing)
    beyond = due.beyond(told) if totals.day < now.date() else 0
    if not beyond:
        clear_alarm(connection, BILL, subject)
        return {}
    raise_alarm(connection, Alarm(
        BILL, "warn", subject, None, None, None, beyond, None, None, now,
        f"平台统计 {told:,} 条，我方 {due.parts:,} 条（{due.messages:,} 条消息）："
        "下载当天账单，用 chuda channel bill 逐条核对",
        f"The provider counts {told:,} parts, we {due.parts:,} ({due.messages:,} messages): download that day's "
        "bill and have it explained message by message by `chuda channel bill`.",
    ))  # fmt: skip
    return {subject: beyond}


def tell_bill(connection: Any, subject: str, differences: Sequence[Difference], billed: int, now: datetime) -> None:
    """Alert a bill that differs from our count, or take the alert back; `subject` is the channel and the day."""
    parts = sum_parts(differences)
    if not differences:
        clear_alarm(connection, BILL, subject)
        return
    messages, cny = sum(each.messages for each in differences), sum(each.cny for each in differences)
    raise_alarm(connection, Alarm(
        BILL, "warn", subject, None, None, None, parts, None, None, now,
        f"账单 {billed:,} 条，与我方相差 {parts:+,} 条、{cny:+.2f} 元，"
        f"涉及 {messages:,} 条消息：拿 bill_message 的明细找服务商核对",
        f"The bill says {billed:,} parts, {parts:+,} against our count (CNY {cny:+.2f}, {messages:,} messages): take "
        "the messages in bill_message to the provider.",
    ))  # fmt: skip
