"""The sentences a marketer reads, in Chinese and English: one per verdict, finding, harm and roll-out."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from tasks.experiments.comparison import ArmResult, Comparison
from tasks.experiments.guardrails import Guardrail, find_harm
from tasks.experiments.health import HealthCode, HealthFinding
from tasks.experiments.registration import Registration
from tasks.experiments.verdict import Outcome, Progress, RollOut, RollOutReason, find_blocked


class Text(BaseModel):
    """The same statement in both languages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    zh: str
    en: str


METRIC_NAMES = {
    "clicked": Text(zh="点击率", en="click rate"),
    "converted": Text(zh="转化率", en="conversion rate"),
    "opted_out": Text(zh="退订率", en="opt-out rate"),
    "complained": Text(zh="投诉率", en="complaint rate"),
    "undelivered": Text(zh="未送达率", en="undelivered rate"),
}

EVENT_NAMES = {"clicked": Text(zh="点击", en="clicks"), "converted": Text(zh="转化", en="conversions")}

_HEALTH: dict[HealthCode, tuple[str, str]] = {
    "assigned_differs": (
        "版本 {arm} 实际分配 {value:.0f} 人，计划 {expected:.0f} 人",
        "arm {arm} was assigned {value:.0f} people, planned were {expected:.0f}",
    ),
    "arm_not_sent": ("版本 {arm} 一条也没有发出", "nothing of arm {arm} was sent"),
    "arm_stopped_early": (
        "版本 {arm} 中途停发，只发了 {value:.0%}，其他版本发了 {expected:.0%}",
        "arm {arm} stopped half-way: {value:.0%} of it was sent, {expected:.0%} of another",
    ),
    "arm_without_receipts": (
        "版本 {arm} 已发 {expected:.0f} 条，却没有任何回执",
        "arm {arm} has no receipt at all for {expected:.0f} messages",
    ),
    "receipts_missing": (
        "版本 {arm} 还有 {value:.0f} 条没有回执",
        "{value:.0f} messages of arm {arm} still have no receipt",
    ),
    "sample_ratio_sent": (
        "各版本发送数与计划比例不符（卡方检验 {p}）",
        "the arms' sent counts do not fit the planned ratio (chi-square {p})",
    ),
    "sample_ratio_delivered": (
        "各版本送达数与计划比例不符（卡方检验 {p}）",
        "the arms' delivered counts do not fit the planned ratio (chi-square {p})",
    ),
    "cross_exposure": (
        "版本 {arm} 有 {value:.1%} 的人也收到了别的版本",
        "{value:.1%} of arm {arm} also received another arm",
    ),
}

_ROLL_OUT: dict[RollOutReason, tuple[str, str]] = {
    "invalid_nothing_sent": (
        "不自动发送：先查明原因，再由人决定",
        "nothing is sent by itself: find the cause, then a person decides",
    ),
    "harm_nothing_sent": (
        "不再发送：连后备版本也触发了护栏",
        "nothing more is sent: the fallback itself breached a guardrail",
    ),
    "fallback_after_harm": ("它是后备版本，没有触发护栏", "it is the fallback and breached no guardrail"),
    "winner": ("它胜出", "it won"),
    "cheaper": ("效果相当，它更便宜", "they perform alike and it costs less"),
    "fallback": (
        "它是事先登记的后备版本，没有证据表明别的版本更好",
        "it is the fallback registered beforehand, and nothing proves another variant better",
    ),
    "leader_unproven": (
        "它暂时领先，但未经证实；成本相同，按事先登记发送领先者",
        "it leads, unproven; for variants of equal cost that was registered beforehand",
    ),
}
_GOES_OUT = {
    "rest": Text(zh="其余的人都收到版本 {arm}：", en="the rest of the audience gets {arm}: "),
    "next_time": Text(zh="下次发送版本 {arm}：", en="next time, send {arm}: "),
}


def describe_finding(finding: HealthFinding) -> Text:
    """One health finding in words."""
    zh, en = _HEALTH[finding.code]
    values = {"arm": finding.arm or "", "value": finding.value, "expected": finding.expected}
    return Text(zh=zh.format(p=p_value(finding.value), **values), en=en.format(p=p_value(finding.value), **values))


def describe_guardrail(guardrail: Guardrail, fallback_arm: str) -> Text:
    """One kind of harm on one arm in words: counts, rate, limit, and what is proven."""
    name, counts = METRIC_NAMES[guardrail.metric], f"{guardrail.events:,}/{guardrail.sent:,}"
    rate, limit = percent(guardrail.rate or 0.0), percent(guardrail.limit)
    if "above_limit" in guardrail.breaches:
        return Text(
            zh=f"版本 {guardrail.arm} 的{name.zh} {rate}（{counts}）超过上限 {limit}",
            en=f"the {name.en} of arm {guardrail.arm}, {rate} ({counts}), is above the limit of {limit}",
        )
    if guardrail.verdict == "STOP":
        return Text(
            zh=f"版本 {guardrail.arm} 的{name.zh} {rate}（{counts}）高于后备版本 {fallback_arm}",
            en=f"the {name.en} of arm {guardrail.arm}, {rate} ({counts}), is worse than that of {fallback_arm}",
        )
    zh, en = ("已证实", "proven") if guardrail.verdict == "PROVEN_OK" else ("尚未证实", "not proven")
    return Text(
        zh=f"版本 {guardrail.arm} 的{name.zh} {rate}（{counts}）：{zh}低于 {limit}",
        en=f"the {name.en} of arm {guardrail.arm}, {rate} ({counts}): {en} below {limit}",
    )


def describe_roll_out(roll_out: RollOut) -> Text:
    """What happens next, in words."""
    zh, en = _ROLL_OUT[roll_out.reason]
    if roll_out.arm is None:
        return Text(zh=zh, en=en)
    lead = _GOES_OUT[roll_out.scope]
    return Text(zh=lead.zh.format(arm=roll_out.arm) + zh, en=lead.en.format(arm=roll_out.arm) + en)


def explain(
    registration: Registration,
    outcome: Outcome,
    health: tuple[HealthFinding, ...],
    guardrails: tuple[Guardrail, ...],
    progress: Progress,
    results: tuple[ArmResult, ...],
    comparisons: tuple[Comparison, ...],
    unbeaten: tuple[str, ...],
) -> Text:
    """The verdict in one sentence."""
    if outcome.verdict == "INVALID":
        invalidating = [finding for finding in health if finding.is_invalidating]
        # A named arm explains a sample ratio mismatch; only without one is the mismatch itself the news.
        named = [finding for finding in invalidating if finding.arm is not None] or invalidating
        found = [describe_finding(finding) for finding in named]
        return Text(
            zh=f"实验无效，数字不可用：{'；'.join(text.zh for text in found)}。",
            en=f"The experiment is invalid and its numbers cannot be used: {'; '.join(text.en for text in found)}.",
        )
    if outcome.verdict == "STOP":
        harm = [describe_guardrail(guardrail, registration.fallback_arm) for guardrail in find_harm(guardrails)]
        return Text(
            zh=f"触发护栏，停止：{'；'.join(text.zh for text in harm)}。",
            en=f"Stopped by a guardrail: {'; '.join(text.en for text in harm)}.",
        )
    if outcome.verdict == "INCONCLUSIVE_NOT_ENOUGH_DATA":
        return _explain_minimum(registration, progress)
    if outcome.winner is not None:
        return _explain_winner(registration, outcome.winner, results, comparisons, unbeaten)
    return _explain_inconclusive(registration, outcome, results, comparisons)


def percent(fraction: float) -> str:
    """A fraction as a percentage with three significant digits: 5.03%."""
    return f"{100 * fraction:.3g}%"


def yuan(amount: float) -> str:
    """An amount of money per message with its sign: +¥0.08."""
    return f"{'-' if amount < 0 else '+'}¥{abs(amount):.2f}"


def p_value(p: float) -> str:
    """A p-value with two significant digits; below 0.0001 only that."""
    return "p<0.0001" if p < 0.0001 else f"p={p:.2g}"


def points(fraction: float) -> str:
    """A difference of fractions in percentage points with three significant digits, without a sign for plus: -1.2."""
    return f"{100 * fraction:.3g}"


def _explain_minimum(registration: Registration, progress: Progress) -> Text:
    event = EVENT_NAMES[registration.primary_metric]
    return Text(
        zh=(
            f"数据不足，不下结论：每个版本至少要发 {progress.needed_sent} 条，"
            f"且至少一个版本有 {progress.needed_events} 次{event.zh}；"
            f"现在最少的版本发了 {progress.smallest_sent} 条，最多的版本有 {progress.largest_events} 次。"
        ),
        en=(
            f"Not enough data for a verdict: every arm needs {progress.needed_sent} messages sent and at least one arm "
            f"{progress.needed_events} {event.en}; the smallest arm has {progress.smallest_sent} messages, the best "
            f"{progress.largest_events} {event.en}."
        ),
    )


def _explain_winner(
    registration: Registration,
    winner: str,
    results: tuple[ArmResult, ...],
    comparisons: tuple[Comparison, ...],
    unbeaten: tuple[str, ...],
) -> Text:
    # If the fallback won, it is told against the strongest challenger, with the signs turned round.
    closest = max(comparisons, key=lambda c: c.difference)
    pair = next((c for c in comparisons if c.arm == winner), closest)
    loser, sign = (pair.reference, 1) if pair.arm == winner else (pair.arm, -1)
    low, high = sorted((sign * pair.interval.low, sign * pair.interval.high))
    rates = {result.arm: percent(result.rate or 0.0) for result in results}
    name, alike = METRIC_NAMES[registration.primary_metric], "、".join(unbeaten)
    tail_zh = f"；与 {alike} 的差别未证实" if unbeaten else ""
    tail_en = f"; it is not shown to beat {', '.join(unbeaten)}" if unbeaten else ""
    gain = points(sign * pair.difference)
    return Text(
        zh=(
            f"版本 {winner} 胜出：{name.zh} {rates[winner]}，{loser} 为 {rates[loser]}，高 {gain} 个百分点"
            f"（{_level(pair)} 区间 {points(low)} 至 {points(high)}，{p_value(pair.p_adjusted)}）{tail_zh}。"
        ),
        en=(
            f"Arm {winner} wins: {name.en} {rates[winner]} against {rates[loser]} of {loser}, {gain} percentage points "
            f"more ({_level(pair)} interval {points(low)} to {points(high)}, {p_value(pair.p_adjusted)}){tail_en}."
        ),
    )


def _explain_inconclusive(
    registration: Registration, outcome: Outcome, results: tuple[ArmResult, ...], comparisons: tuple[Comparison, ...]
) -> Text:
    name, level = METRIC_NAMES[registration.primary_metric], _level(comparisons[0])
    told = "; ".join(
        f"{c.arm} − {c.reference}: {points(c.interval.low)} … {points(c.interval.high)}" for c in comparisons
    )
    rates = {result.arm: percent(result.rate or 0.0) for result in results}
    listed = ", ".join(f"{arm} {rate}" for arm, rate in rates.items())
    if outcome.reason == "within_indifference_zone":
        zone = points(registration.indifference_zone or 0.0)
        return Text(
            zh=f"效果相当：{name.zh}（{listed}）之差的 {level} 区间（{told} 个百分点）都在事先约定的 ±{zone} 之内。",
            en=f"Equivalent: the {level} intervals of the {name.en} difference ({told} points; {listed}) lie within "
            f"±{zone}, which was called no difference beforehand.",
        )
    if outcome.reason == "not_significant":
        return Text(
            zh=f"没有胜者：{name.zh}的差别（{listed}）可能只是偶然（{level} 区间 {told} 个百分点）。",
            en=f"No winner: the {name.en} ({listed}) differs by no more than chance can explain ({level} interval "
            f"{told} points).",
        )
    return _explain_margin(registration, rates, comparisons)


def _explain_margin(registration: Registration, rates: dict[str, str], comparisons: tuple[Comparison, ...]) -> Text:
    """The rates differ for certain, but for an offer the margin decides too."""
    name = METRIC_NAMES[registration.primary_metric]
    c = max(find_blocked(registration, comparisons), key=lambda c: abs(c.difference))
    better, other, sign = (c.arm, c.reference, 1) if c.difference > 0 else (c.reference, c.arm, -1)
    low, high = sorted((sign * c.interval.low, sign * c.interval.high))
    zh = (
        f"没有胜者：{better} 的{name.zh}更高（{rates[better]}，{other} 为 {rates[other]}；"
        f"高 {points(sign * c.difference)} 个百分点，{_level(c)} 区间 {points(low)} 至 {points(high)}）"
    )
    en = (
        f"No winner: {better} has the higher {name.en} ({rates[better]} against {rates[other]} of {other}; "
        f"{points(sign * c.difference)} points more, {_level(c)} interval {points(low)} to {points(high)})"
    )
    if c.margin is None:
        return Text(
            zh=f"{zh}，但每条毛利没有记录；比较优惠时两者都要更高。",
            en=f"{en}, but the margin per message was not measured; an offer wins only with both.",
        )
    least, most = sorted((sign * c.margin.interval.low, sign * c.margin.interval.high))
    gain = yuan(sign * c.margin.difference)
    return Text(
        zh=f"{zh}，但没有证实每条多赚钱（{gain}，区间 {yuan(least)} 至 {yuan(most)}）；比较优惠时两者都要更高。",
        en=f"{en}, but is not proven to earn more per message ({gain}, interval {yuan(least)} to {yuan(most)}); an "
        "offer wins only with both.",
    )


def _level(comparison: Comparison) -> str:
    return f"{1 - comparison.alpha:.0%}"
