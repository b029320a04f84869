"""The rules that exclude a person from an audience, in the order in which their reasons are given.

Each rule is one SQL condition over `audience_candidate` (columns below) and names one reason. The first that holds is
the reason on record. The law comes first, then who the person is, then what the channel can do, then the caps; what
only shows later (a text that cannot be made, the budget, the holdout) comes last, in `LATER_REASONS`.

Columns: token, consent, consent_source, consent_at, consent_purpose, number_type, phone_region, suppression (reason or
NULL), is_test_contact, is_duplicate, is_event_done, event_over_at, number_trouble (`cannot_receive`, `frequency` or
NULL), messages_this_week, messages_this_day.
Parameters: $regions (list of the channel's regions), $weekly_cap, $daily_cap, $opens_at, $trade_authorised.
"""

from __future__ import annotations

from dataclasses import dataclass

from chuda.message_types import MESSAGE_TYPES, types_where

WEEKLY_CAP = 3
CAP_DAYS = 7
# What providers take for one person in 24 hours where a channel's record does not say (domain: providers, caps).
DAILY_CAPS = {"marketing": 3, "notification": 50}
# A reminder that leaves less than this before the event is of no use.
EVENT_MARGIN_MINUTES = 60
_PARAMETERS = ("regions", "weekly_cap", "daily_cap", "opens_at", "trade_authorised")


@dataclass(frozen=True, slots=True)
class ComplianceRule:
    """One reason to leave somebody out, and the message types it binds."""

    reason: str
    condition: str
    meaning: str
    meaning_en: str
    binds: frozenset[str]


_ALL = frozenset(MESSAGE_TYPES)
_CONSENT = types_where(lambda rules: rules.consent == "marketing")
_SUPPRESSED = types_where(lambda rules: bool(rules.stopped_by))
_CAPPED = types_where(lambda rules: rules.capped)

RULES: tuple[ComplianceRule, ...] = (
    ComplianceRule("complained", "suppression = 'complaint'", "已投诉，不再发送", "complained", _SUPPRESSED),
    ComplianceRule(
        "suppressed",
        "suppression IS NOT NULL",
        "已退订或在禁发名单",
        "opted out or told us not to",
        _SUPPRESSED,
    ),
    ComplianceRule("consent_denied", "consent = 'denied'", "明确不同意接收", "said no to marketing", _CONSENT),
    ComplianceRule(
        "no_consent", "consent IS DISTINCT FROM 'granted'", "没有同意记录", "no consent on record", _CONSENT
    ),
    ComplianceRule(
        "consent_without_evidence",
        "consent_source IS NULL OR consent_at IS NULL OR consent_purpose IS NULL",
        "同意缺少来源、时间或用途",
        "consent without source, time or purpose",
        _CONSENT,
    ),
    ComplianceRule(
        "consent_other_purpose",
        "NOT regexp_matches(consent_purpose, '营销|推广|促销|优惠|活动|(?i)marketing|promo')",
        "同意的用途不是营销",
        "consent is for another purpose",
        _CONSENT,
    ),
    ComplianceRule(
        "trade_not_authorised",
        "NOT $trade_authorised",
        "行业授权在发送日已过期或没有登记",
        "the trade's authorisation is not valid on the day of sending",
        _SUPPRESSED,
    ),
    ComplianceRule("test_contact", "is_test_contact", "测试手机，不计入活动", "a test phone", _SUPPRESSED),
    ComplianceRule(
        "duplicate_person",
        "is_duplicate",
        "与名单里另一个号码是同一个人",
        "the same person as another number of the audience",
        _SUPPRESSED,
    ),
    ComplianceRule("event_done", "is_event_done", "这次事件已经发过", "has had the message of this event", _SUPPRESSED),
    ComplianceRule(
        "event_over",
        f"event_over_at - INTERVAL {EVENT_MARGIN_MINUTES} MINUTE <= $opens_at",
        "事件已过，补发没有意义",
        "the event is over before the message could leave",
        _SUPPRESSED,
    ),
    ComplianceRule(
        "cannot_receive",
        "number_trouble = 'cannot_receive'",
        "回执显示是空号或停机",
        "receipts say the number does not exist or is suspended",
        _ALL,
    ),
    ComplianceRule(
        "region_not_covered",
        "NOT list_contains($regions, phone_region)",
        "渠道不覆盖该地区",
        "the channel does not cover the region",
        _ALL,
    ),
    ComplianceRule(
        "weekly_cap", "messages_this_week >= $weekly_cap", "7 天内已达上限", "had all messages of 7 days", _CAPPED
    ),
    ComplianceRule(
        "provider_cap",
        "messages_this_day >= $daily_cap",
        "当天在该渠道已达上限",
        "had all messages the provider takes in a day",
        _SUPPRESSED,
    ),
    ComplianceRule(
        "carrier_cap",
        "number_trouble = 'frequency'",
        "运营商近 7 天因频次拒收过",
        "the carrier refused a message for frequency within 7 days",
        _CAPPED,
    ),
)

LATER_REASONS: dict[str, tuple[str, str]] = {
    "over_nightly_limit": ("超过每晚上限，次日在补发期内再选", "over the campaign's limit of the night"),
    "missing_variable": ("缺少变量，无法成文", "a variable has no value"),
    "over_length": ("内容超长", "the text would be too long"),
    "template_not_filed": (
        "渠道没有报备过能生成这条内容的模板",
        "no template filed with the channel renders this text",
    ),
    "text_blocked": ("成文后未通过内容检查", "the rendered text fails a content check"),
    "over_budget": ("超出预算", "the budget does not reach so far"),
    "holdout": (
        "对照组，不发送，用来衡量活动本身带来多少",
        "control group: left out, to measure what the campaign brings",
    ),
}
"""Reasons given after the rules, in this order: (Chinese, English)."""

PRECEDENCE: tuple[str, ...] = (*(rule.reason for rule in RULES), *LATER_REASONS)
"""Every reason of exclusion, the first one first."""


def reason_expression(message_type: str) -> str:
    """The SQL expression that gives a candidate's first reason, NULL for those who may be messaged."""
    cases = " ".join(f"WHEN {rule.condition} THEN '{rule.reason}'" for rule in RULES if message_type in rule.binds)
    return f"CASE {cases} END"


def parameters_used(message_type: str) -> frozenset[str]:
    """The names of the parameters in `reason_expression`."""
    expression = reason_expression(message_type)
    return frozenset(name for name in _PARAMETERS if f"${name}" in expression)


def explain_reason(reason: str, language: str) -> str:
    """What a reason of exclusion means to a person; the reason itself where it is none of ours."""
    place = 1 if language == "en" else 0
    meanings = {rule.reason: (rule.meaning, rule.meaning_en) for rule in RULES} | LATER_REASONS
    return meanings.get(reason, (reason, reason))[place]
