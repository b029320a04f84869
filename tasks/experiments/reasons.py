"""How a decision came about, told step by step: each check with its outcome, in the order in which it was asked.

The last step that failed is the answer to "why did nothing win?"; what was not asked any more is said so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tasks.experiments.comparison import Comparison
from tasks.experiments.decision import Decision
from tasks.experiments.guardrails import find_harm
from tasks.experiments.intervals import normal_quantile
from tasks.experiments.power import minimum_detectable_effect
from tasks.experiments.wording import EVENT_NAMES, METRIC_NAMES, Text, p_value, points, yuan

Mark = Literal["✓", "✗", "–"]


@dataclass(frozen=True, slots=True)
class Reason:
    """One check: passed, failed or not asked, and the sentence about it."""

    mark: Mark
    text: Text


def list_reasons(decision: Decision) -> tuple[Reason, ...]:
    """The checks behind a decision, in their order."""
    gates = (_judge_health(decision), _judge_harm(decision), _judge_amount(decision))
    failed = next((i for i, gate in enumerate(gates) if gate.mark == "✗"), None)
    if failed is not None:
        return (*gates[: failed + 1], _NOT_ASKED)
    judged = [reason for c in decision.comparisons for reason in _judge_pair(decision, c)]
    return (*gates, *judged)


def describe_reach(decision: Decision) -> Text | None:
    """What an inconclusive test of this size could have found with its registered power; None where it found one."""
    if decision.verdict != "INCONCLUSIVE":
        return None
    registration = decision.registration
    if decision.reason == "margin_not_higher":
        widest = max(
            (c.margin for c in decision.comparisons if c.margin), key=lambda m: m.interval.high - m.interval.low
        )
        error = (widest.interval.high - widest.interval.low) / 2 / normal_quantile(widest.alpha)
        found = error * (normal_quantile(widest.alpha) + normal_quantile(2 * (1 - registration.power)))
        zh, en = f"每条毛利 ¥{found:.2f}", f"¥{found:.2f} of margin per message"
    else:
        base = next(r.rate for r in decision.results if r.arm == registration.fallback_arm) or 0.0
        level = registration.alpha / len(decision.comparisons)
        mde = minimum_detectable_effect(base, decision.progress.smallest_sent, level, registration.power)
        if mde is None:
            return None
        zh, en = f" {points(mde)} 个百分点", f"{points(mde)} points"
    return Text(
        zh=f"这么大的样本能发现的差别至少约为{zh}；更小的差别要更多人：在以后的活动中重复测试，"
        "或对全体各半测试（mode: full）。",
        en=f"A sample of this size finds differences of {en} or more. For smaller ones it takes more people: "
        "repeat the test in later campaigns, or test half against half of everybody (mode: full).",
    )


def _judge_health(decision: Decision) -> Reason:
    found = [finding for finding in decision.health if finding.is_invalidating]
    if found:
        return Reason("✗", Text(zh="数据不可信（见“数据健康”）", en="the data cannot be trusted (see Health)"))
    return Reason("✓", Text(zh="数据可信：分配、比例、回执、交叉触达", en="the data can be trusted (see Health)"))


def _judge_harm(decision: Decision) -> Reason:
    found = {guardrail.arm for guardrail in find_harm(decision.guardrails)}
    if found:
        names = ", ".join(sorted(found))
        return Reason(
            "✗", Text(zh=f"{names} 触发护栏（见“护栏”）", en=f"{names} breached a guardrail (see Guardrails)")
        )
    return Reason("✓", Text(zh="没有版本触发护栏", en="no variant breached a guardrail"))


def _judge_amount(decision: Decision) -> Reason:
    p, event = decision.progress, EVENT_NAMES[decision.registration.primary_metric]
    zh, en = ("数据足够", "enough data") if p.is_enough() else ("数据不足", "not enough data")
    return Reason(
        "✓" if p.is_enough() else "✗",
        Text(
            zh=f"{zh}：最少的版本发出 {p.smallest_sent:,} 条（至少 {p.needed_sent:,}），"
            f"{event.zh}最多的版本 {p.largest_events:,} 次（至少 {p.needed_events:,}）",
            en=f"{en}: {p.smallest_sent:,} sent in the smallest variant (at least {p.needed_sent:,}), "
            f"{p.largest_events:,} {event.en} in the best (at least {p.needed_events:,})",
        ),
    )


def _judge_pair(decision: Decision, c: Comparison) -> list[Reason]:
    name, is_offer = METRIC_NAMES[decision.registration.primary_metric], decision.registration.variable == "offer"
    proven, p = c.is_proven(), p_value(c.p_adjusted)
    rate = Reason(
        "✓" if proven else "✗",
        Text(
            zh=f"{c.arm} 与 {c.reference} 的{name.zh}：{'差别不是偶然' if proven else '差别可能只是偶然'}（{p}，"
            f"{'小于' if c.p_adjusted < c.alpha else '不小于'} {c.alpha:g}）",
            en=f"{name.en} of {c.arm} and {c.reference}: the difference is "
            f"{'more than chance' if proven else 'within what chance can do'} ({p}, "
            f"{'below' if c.p_adjusted < c.alpha else 'not below'} {c.alpha:g})",
        ),
    )
    return [rate, _judge_margin(c)] if is_offer and proven else [rate]


def _judge_margin(c: Comparison) -> Reason:
    better, sign = (c.arm, 1) if c.difference > 0 else (c.reference, -1)
    if c.margin is None:
        return Reason("✗", Text(zh="每条毛利没有记录", en="the margin per message was not measured"))
    low, high = sorted((sign * c.margin.interval.low, sign * c.margin.interval.high))
    told = f"{yuan(sign * c.margin.difference)}, {yuan(low)} … {yuan(high)}, {p_value(c.margin.p_value)}"
    agreed = c.is_margin_agreed()
    return Reason(
        "✓" if agreed else "✗",
        Text(
            zh=f"{better} 每条多赚（收入减短信费和优惠成本）：{'已证实' if agreed else '未证实'}（{told}）",
            en=f"{better} earns more per message (revenue less the message and the offer): "
            f"{'proven' if agreed else 'not proven'} ({told})",
        ),
    )


_NOT_ASKED = Reason(
    "–", Text(zh="所以没有再比较哪个版本更好", en="so it was not asked any more which variant is better")
)
