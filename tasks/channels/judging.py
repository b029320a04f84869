"""Judging a channel's test: what was measured, how it stands to its line, and what a sample of this size can show.

Everything is measured at the first attempt: what the provider sent again does not count as delivered, whether it says
so or the message came too late for a first attempt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import ceil, log
from statistics import median

import numpy as np

from chuda.stores.ledger.channels import Shot
from tasks.channels.lines import ChannelLines
from tasks.experiments.significance import p_at_most, p_worse

_SHUFFLES = 2000
_SEED = 20261120
_TYPES_ZH = {"marketing": "营销", "notification": "通知", "otp": "验证码"}


@dataclass(frozen=True, slots=True)
class Arrival:
    """One test message: whether and when it arrived, and whether at the first attempt; `group` is carrier or mvno."""

    group: str
    is_delivered: bool
    is_first: bool
    latency_s: float | None
    code: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict of one stage, in words and numbers; `limits` says what the sample could not have shown."""

    stage: str
    verdict: str
    messages: int
    zh: str
    en: str
    limits_zh: str
    limits_en: str
    measures: Mapping[str, object] = field(default_factory=dict)


def read_arrivals(shots: Sequence[Shot], groups: Mapping[str, str], lines: ChannelLines) -> list[Arrival]:
    """What came of the messages of a test; `groups` maps tokens to carriers."""
    return [_arrival(shot, groups.get(shot.token, "unknown"), lines) for shot in shots]


def _arrival(shot: Shot, group: str, lines: ChannelLines) -> Arrival:
    if shot.status != "delivered" or shot.sent_us is None or shot.reported_us is None:
        return Arrival(group, False, False, None, shot.code or shot.state)
    latency_s = max(0.0, (shot.reported_us - shot.sent_us) / 1e6)
    is_first = shot.attempts == 1 if shot.attempts is not None else latency_s <= lines.first_attempt.within_seconds
    return Arrival(group, True, is_first, latency_s, shot.code or "")


def judge_basic(arrivals: Sequence[Arrival], lines: ChannelLines) -> Judgement:
    """Stage 1: every message within ten minutes, and delivery at the first attempt not below the line."""
    n, line = len(arrivals), float(lines.basic.delivery)
    in_time = [a for a in arrivals if a.latency_s is not None and a.latency_s <= lines.basic.within_seconds]
    first = sum(a.is_first for a in in_time)
    delivered, late = sum(a.is_delivered for a in arrivals), sum(a.is_delivered for a in arrivals) - len(in_time)
    is_passed = n > 0 and late == 0 and first / n >= line
    minutes = lines.basic.within_seconds // 60
    return Judgement(
        "basic", "passed" if is_passed else "failed", n,
        f"{n} 个号码：首次送达 {first}，补发或疑似补发后送达 {len(in_time) - first}，超过 {minutes} 分钟 {late}，"
        f"未送达 {n - delivered}（标准：全部在 {minutes} 分钟内，首次送达 ≥ {line:.0%}）",
        f"{n} numbers: {first} at the first attempt, {len(in_time) - first} after what was or looks like a resend, "
        f"{late} later than {minutes} minutes, {n - delivered} not at all (line: all within {minutes} minutes, "
        f"first attempt >= {line:.0%})",
        *_limits_of(n, first, line),
        {"sent": n, "delivered": delivered, "first_attempt": first, "late": late, **_by_group(arrivals)},
    )  # fmt: skip


def _limits_of(n: int, first: int, line: float) -> tuple[str, str]:
    """What so few numbers show and what not: the lowest rate that would still give this, how many would prove it."""
    needed = ceil(log(0.05) / log(line))
    low = _lowest_rate(first, n)
    allowed = int(n * (1 - line) + 1e-9)
    lucky = 0.7**n
    return (
        f"{n} 个号码的 {line:.0%} 等于最多 {allowed} 个不到。首次送达率的真值以 95% 的把握只能说不低于 {low:.0%}；"
        f"要证明 ≥ {line:.0%}，至少要 {needed} 个全部送达。丢三成的渠道仍有 {lucky:.1%} 的机会碰巧全到，"
        f"真值 98.5% 的好渠道有 {1 - 0.985**n:.0%} 的机会因偶然丢一条而不过",
        f"{line:.0%} of {n} numbers means at most {allowed} missing. With 95% confidence the true first-attempt rate "
        f"is only known to be at least {low:.0%}; proving {line:.0%} takes {needed} without a loss. A channel that "
        f"loses 30% has a chance of {lucky:.1%} to deliver all {n}, one that truly delivers 98.5% one of "
        f"{1 - 0.985**n:.0%} to lose one",
    )


def _lowest_rate(events: int, n: int) -> float:
    """The one-sided exact lower bound (95%) of a rate (Clopper and Pearson)."""
    from scipy import special

    return float(special.betaincinv(events, n - events + 1, 0.05)) if events else 0.0


def _by_group(arrivals: Sequence[Arrival]) -> dict[str, object]:
    groups = sorted({a.group for a in arrivals})
    return {
        "by_carrier": {g: [sum(a.is_first for a in arrivals if a.group == g), sum(a.group == g for a in arrivals)]
                       for g in groups},
        "failure_codes": sorted(a.code for a in arrivals if not a.is_delivered),
    }  # fmt: skip


def judge_stress(
    sends: Sequence[Sequence[Arrival]], lines: ChannelLines, rounds: int = 1, stage: str = "stress"
) -> Judgement:
    """Stage 2: the same at 9:00, 9:30 and 10:00; what lies over a line within chance is repeated, so often as allowed.

    Args:
        sends: the messages of each time of day, those of all rounds together.
        lines: what may vary, and how often a round may be repeated.
        rounds: how many rounds are in `sends`.
        stage: `stress`, or `stress_holiday`.
    """
    counts = [(sum(a.is_first for a in send), len(send)) for send in sends]
    latencies = [[a.latency_s for a in send if a.latency_s is not None] for send in sends]
    if not all(size for _, size in counts) or not all(latencies):
        text = ("有一次发送没有任何送达", "nothing arrived of one of the sends")
        return Judgement(stage, "failed", sum(size for _, size in counts), *text, "", "", {"sends": counts})
    rates = [first / size for first, size in counts]
    medians = [median(values) for values in latencies]
    spread = max(rates) - min(rates)
    excess_s = _excess(medians, lines)
    is_level = spread <= float(lines.stress.delivery_spread) + 1e-9 and excess_s <= 1e-9
    p_delivery = _delivery_p(counts, lines) if spread > float(lines.stress.delivery_spread) + 1e-9 else 1.0
    p_latency = _latency_p(latencies, lines) if excess_s > 1e-9 else 1.0
    p_first = float(p_at_most(sum(k for k, _ in counts), sum(n for _, n in counts), float(lines.basic.delivery)))
    # Three tests, and as many looks as rounds: together they may raise one false alarm in twenty.
    alpha = float(lines.alpha) / (3 * lines.stress.rounds)
    is_lossy = p_first < alpha
    is_certain = min(p_delivery, p_latency) < alpha
    verdict = "passed" if is_level else "failed" if is_certain or rounds >= lines.stress.rounds else "pending"
    zh, en = _stress_words(rates, medians, spread, rounds, verdict, p_latency < alpha, is_certain, is_lossy)
    limits = _stress_limits(min(n for _, n in counts))
    measures = {
        "sends": counts, "median_latency_s": [round(each, 2) for each in medians], "delivery_spread": round(spread, 4),
        "latency_over_line_s": round(max(0.0, excess_s), 2), "p_delivery": round(p_delivery, 4),
        "delivered": sum(a.is_delivered for send in sends for a in send),
        "p_latency": round(p_latency, 4), "p_first_attempt": round(p_first, 4), "rounds": rounds,
    }  # fmt: skip
    return Judgement(stage, "failed" if is_lossy else verdict, sum(n for _, n in counts), zh, en, *limits, measures)


def _excess(medians: Sequence[float], lines: ChannelLines) -> float:
    """By how many seconds the slowest median lies above what the fastest allows."""
    slack = float(lines.stress.latency_slack_seconds)
    return max(medians) - (min(medians) * (1 + float(lines.stress.latency_spread)) + slack)


def _worst_pair(values: Sequence[float]) -> tuple[int, int]:
    """The places of the lowest and the highest value."""
    places = range(len(values))
    return min(places, key=lambda place: values[place]), max(places, key=lambda place: values[place])


def _over_line_p(over: np.ndarray, sends: int) -> float:
    """How often a resampled pair is not over its line, for every pair of sends that could have been the worst one."""
    return min(1.0, sends * (sends - 1) * float((1 + np.sum(over <= 1e-12)) / (1 + _SHUFFLES)))


def _delivery_p(counts: Sequence[tuple[int, int]], lines: ChannelLines) -> float:
    """How likely the rates lie within the line after all, by resampling the messages of the worst and the best send."""
    low, high = _worst_pair([first / size for first, size in counts])
    generator = np.random.default_rng(_SEED)
    worse, better = (
        generator.binomial(size, first / size, _SHUFFLES) / size for first, size in (counts[low], counts[high])
    )
    return _over_line_p(better - worse - float(lines.stress.delivery_spread), len(counts))


def _latency_p(latencies: Sequence[Sequence[float]], lines: ChannelLines) -> float:
    """The same for the medians of the fastest and the slowest send.

    Against the line, not against "all the same": a difference that is real but may well be within the line is no fault.
    """
    fast, slow = _worst_pair([median(each) for each in latencies])
    generator = np.random.default_rng(_SEED)
    medians = [
        np.median(generator.choice(np.asarray(latencies[place]), (_SHUFFLES, len(latencies[place]))), axis=1)
        for place in (fast, slow)
    ]
    allowed = medians[0] * (1 + float(lines.stress.latency_spread)) + float(lines.stress.latency_slack_seconds)
    return _over_line_p(medians[1] - allowed, len(latencies))


def _stress_words(
    rates: Sequence[float], medians: Sequence[float], spread: float, rounds: int, verdict: str, is_slow: bool,
    is_certain: bool, is_lossy: bool,
) -> tuple[str, str]:  # fmt: skip
    shown = " / ".join(f"{rate:.1%}" for rate in rates)
    times = " / ".join(f"{each:.1f}" for each in medians)
    zh = f"三次首次送达率 {shown}，相差 {100 * spread:.1f} 个百分点；延迟中位数 {times} 秒（{rounds} 轮）"
    en = f"first-attempt delivery {shown}, {100 * spread:.1f} points apart; median latency {times} s "
    en += f"({rounds} round{'s' if rounds > 1 else ''})"
    if is_slow:
        return f"{zh}。高峰时明显变慢：拥堵", f"{en}. Significantly slower at the peak: congestion"
    if is_lossy:
        return (
            f"{zh}。首次送达率显著低于 98%：有丢失，或在暗中补发",
            f"{en}. Significantly below 98%: loss or hidden resends",
        )
    if verdict == "pending":
        return (
            f"{zh}。超线，但可能是偶然：下个工作日再测一轮，合并计算",
            f"{en}. Over the line, maybe by chance: repeated",
        )
    if verdict == "failed":
        tail = ("差异显著", "significant") if is_certain else ("各轮合并后仍超线", "still over the line, rounds pooled")
        return f"{zh}。{tail[0]}", f"{en}. {tail[1]}"
    return f"{zh}。平稳", f"{en}. Level"


def _stress_limits(n: int) -> tuple[str, str]:
    """From which difference on so many messages a send would show it: two standard errors of a difference."""
    points = 2 * (2 * 0.02 * 0.98 / n) ** 0.5 * 100
    return (
        f"每次 {n} 条：小于约 {points:.0f} 个百分点的到达率差异分辨不出来",
        f"with {n} messages a send, differences below about {points:.0f} points cannot be told from chance",
    )


def _spread_p(counts: Sequence[tuple[int, int]]) -> float:
    """How likely rates this far apart are by chance: Fisher's exact test of the worst pair, for all pairs looked at."""
    pairs = list(combinations(counts, 2))
    tails = []
    for (k_a, n_a), (k_b, n_b) in pairs:
        worse, better = sorted(((k_a, n_a), (k_b, n_b)), key=lambda each: each[0] / each[1])
        tails.append(2 * float(p_worse(worse[1] - worse[0], worse[1], better[1] - better[0], better[1])))
    return min(1.0, len(pairs) * min(tails))


def judge_scenario(by_type: Mapping[str, Sequence[Arrival]], lines: ChannelLines) -> Judgement:
    """Stage 3: delivery of the kinds of text is level within the line, or not significantly different.

    Every kind in `by_type` must have messages; one without leaves the stage pending.
    """
    counts = {kind: (sum(a.is_first for a in sent), len(sent)) for kind, sent in by_type.items()}
    total = sum(n for _, n in counts.values())
    if missing := [kind for kind, (_, n) in counts.items() if not n]:
        zh = f"{'、'.join(_TYPES_ZH[kind] for kind in missing)}没有发出，无法比较；重新开始测试"
        en = f"{', '.join(missing)} did not leave: nothing to compare with; begin the test again"
        return Judgement("scenario", "pending", total, zh, en, "", "", {"types": counts})
    if len(counts) < 2:
        only = ", ".join(counts)
        zh = f"这家服务商只登记了 {only} 渠道，没有可比的类型；其余类型有渠道后再测"
        en = f"only a channel for {only} is on record of this provider: nothing to compare with"
        return Judgement("scenario", "passed", total, zh, en, "", "", {"types": counts})
    rates = {kind: k / n for kind, (k, n) in counts.items()}
    spread = max(rates.values()) - min(rates.values())
    is_level = spread <= float(lines.scenario.spread) + 1e-9
    p_value = 1.0 if is_level else _spread_p(list(counts.values()))
    verdict = "failed" if not is_level and p_value < float(lines.alpha) else "passed"
    worst = min(rates, key=lambda kind: rates[kind])
    shown = ", ".join(f"{kind} {rate:.1%}" for kind, rate in rates.items())
    shown_zh = "、".join(f"{_TYPES_ZH[kind]} {rate:.1%}" for kind, rate in rates.items())
    tail = {
        ("passed", True): ("持平", "level"),
        ("passed", False): (f"相差 {100 * spread:.1f} 个百分点，不显著", f"{100 * spread:.1f} points, not significant"),
        ("failed", False): (f"{_TYPES_ZH[worst]}明显偏低", f"{worst} is significantly lower"),
    }[verdict, is_level]
    return Judgement(
        "scenario", verdict, total, f"首次送达率 {shown_zh}：{tail[0]}", f"first-attempt delivery {shown}: {tail[1]}",
        *_stress_limits(min(n for _, n in counts.values())),
        {"types": counts, "delivered": sum(a.is_delivered for sent in by_type.values() for a in sent),
         "spread": round(spread, 4), "p_value": round(p_value, 4)},
    )  # fmt: skip
