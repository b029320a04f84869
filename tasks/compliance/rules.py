"""The rules that exclude a person from an audience, in the order in which their reasons are given.

Each rule is one SQL condition over `audience_candidate` (columns below) and names one reason. The first that holds is
the reason on record.

Columns: token, consent, consent_source, consent_at, consent_purpose, number_type, phone_region, suppression (reason or
NULL), messages_this_week.
Parameters: $regions (list of the channel's regions), $weekly_cap.
"""

from __future__ import annotations

from dataclasses import dataclass

from chuda.message_types import MESSAGE_TYPES, types_where

WEEKLY_CAP = 3
CAP_DAYS = 7


@dataclass(frozen=True, slots=True)
class ComplianceRule:
    """One reason to leave somebody out, and the message types it binds."""

    reason: str
    condition: str
    meaning: str
    binds: frozenset[str]


_ALL = frozenset(MESSAGE_TYPES)
_CONSENT = types_where(lambda rules: rules.consent == "marketing")
_SUPPRESSED = types_where(lambda rules: bool(rules.stopped_by))
_CAPPED = types_where(lambda rules: rules.capped)

RULES: tuple[ComplianceRule, ...] = (
    ComplianceRule("complained", "suppression = 'complaint'", "已投诉，不再发送", _SUPPRESSED),
    ComplianceRule("suppressed", "suppression IS NOT NULL", "已退订或在禁发名单", _SUPPRESSED),
    ComplianceRule("consent_denied", "consent = 'denied'", "明确不同意接收", _CONSENT),
    ComplianceRule("no_consent", "consent IS DISTINCT FROM 'granted'", "没有同意记录", _CONSENT),
    ComplianceRule(
        "consent_without_evidence",
        "consent_source IS NULL OR consent_at IS NULL OR consent_purpose IS NULL",
        "同意缺少来源、时间或用途",
        _CONSENT,
    ),
    ComplianceRule(
        "consent_other_purpose",
        "NOT regexp_matches(consent_purpose, '营销|推广|促销|优惠|活动|(?i)marketing|promo')",
        "同意的用途不是营销",
        _CONSENT,
    ),
    ComplianceRule("region_not_covered", "NOT list_contains($regions, phone_region)", "渠道不覆盖该地区", _ALL),
    ComplianceRule("weekly_cap", "messages_this_week >= $weekly_cap", "7 天内已达上限", _CAPPED),
)


def reason_expression(message_type: str) -> str:
    """The SQL expression that gives a candidate's first reason, NULL for those who may be messaged."""
    cases = " ".join(f"WHEN {rule.condition} THEN '{rule.reason}'" for rule in RULES if message_type in rule.binds)
    return f"CASE {cases} END"


def parameters_used(message_type: str) -> frozenset[str]:
    """The names of the parameters in `reason_expression`."""
    expression = reason_expression(message_type)
    return frozenset(name for name in ("regions", "weekly_cap") if f"${name}" in expression)
