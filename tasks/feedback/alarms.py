"""Alerts about feedback itself: what could not be read, processed or fetched, and clocks that have run out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chuda.clock import from_us, to_us
from chuda.stores.ledger import Ledger
from chuda.stores.ledger.feedback_trouble import Trouble, find_troubles

_ADVICE = {
    "feed_rejects": ("stop", "平台发来无法识别的内容，其中可能有退订：chuda inbox 逐条处理",
                     "Items that could not be read, opt-outs may be among them: go through `chuda inbox`."),
    "feed_stuck": ("stop", "有反馈页反复处理失败：请报告，原文仍在账本中",
                   "Pages could not be processed again and again: please report it; they are still in the ledger."),
    "feed_trouble": ("warn", "该渠道的回执和回复没有取到：检查网络与凭据后重取",
                     "Receipts and replies were not fetched: check network and credentials, pull again."),
    "opt_out_late": ("warn", "退订超过24小时才生效：缩短拉取间隔或改用推送",
                     "Opt-outs took effect more than 24 hours late: pull more often, or let the provider push."),
    "complaint": ("warn", "24小时内登记投诉原因与处理措施，由专人关闭",
                  "State cause and action within 24 hours and have a person close it."),
    "complaint_not_closed": ("stop", "投诉已超过24小时仍未关闭：登记原因与处理措施",
                             "The complaint has been open for more than 24 hours: state cause and action."),
    "coupons_used_up": ("warn", "优惠码已发完：补充券码文件后重新计划",
                        "The pool of codes is empty: add codes to its file and plan again."),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alert as the marts take it in."""

    kind: str
    severity: str
    campaign_id: str | None
    subject: str
    events: int
    since_at: datetime
    advice_zh: str
    advice_en: str


def find_alarms(ledger: Ledger, channel_trouble: Sequence[str], now: datetime) -> list[Alarm]:
    """Everything a person has to know now; `channel_trouble` is what went wrong while pulling, `channel: what`."""
    with ledger.read() as connection:
        troubles = find_troubles(connection, to_us(now))
    troubles += [Trouble("feed_trouble", said.partition(":")[0], 1, to_us(now)) for said in channel_trouble]
    return [_alarm(trouble) for trouble in troubles]


def _alarm(trouble: Trouble) -> Alarm:
    severity, zh, en = _ADVICE[trouble.kind]
    since_at = from_us(trouble.since_us)
    return Alarm(trouble.kind, severity, trouble.campaign_id, trouble.subject, trouble.events, since_at, zh, en)


def publish_alarms(connection: Any, alarms: Sequence[Alarm]) -> None:
    """Replace the warehouse's alarms by these; the marts show them, and tell whoever is to be told."""
    connection.execute("DELETE FROM feedback_alarm")
    for alarm in alarms:
        connection.execute(
            "INSERT INTO feedback_alarm (kind, severity, campaign_id, subject, events, since_at, advice_zh, advice_en) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [alarm.kind, alarm.severity, alarm.campaign_id, alarm.subject, alarm.events, alarm.since_at,
             alarm.advice_zh, alarm.advice_en],
        )  # fmt: skip
