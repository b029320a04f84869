"""An experiment told to a marketer: the verdict first, then what it rests on; the same for the shell and the report.

Input are the rows of the mart `experiment_result`, one per variant; output are sections of sentences in one language.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tasks.experiments.comparison import Comparison
from tasks.experiments.decision import Decision
from tasks.experiments.reasons import describe_reach, list_reasons
from tasks.experiments.registration import Metric, Registration
from tasks.experiments.wording import (
    METRIC_NAMES,
    describe_finding,
    describe_guardrail,
    p_value,
    percent,
    points,
    yuan,
)

Language = Literal["zh", "en"]
Row = Mapping[str, Any]
# The mart says clicked; a plan made by hand may say clicks.
_METRICS = {"clicks": "clicked", "conversions": "converted"}
_VARIABLES = {
    "send_slot": ("发送时段", "the send slot"),
    "offer": ("优惠方式", "the offer"),
    "call_to_action": ("行动方式", "the call to action"),
}


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with its sentences; `is_exploratory` marks what must not be decided on."""

    key: str
    title: str
    lines: tuple[str, ...]
    is_exploratory: bool = False


def tell_experiment(rows: Sequence[Row], segments: Sequence[Row], language: Language) -> list[Section]:
    """The sections of one experiment in the order of importance; sections without anything to say are left out.

    Args:
        rows: the experiment's rows of `experiment_result`, one per variant.
        segments: segment, variant, sent and events, for the exploratory part.
        language: zh or en.
    """
    tell = _Teller(language)
    first = rows[0]
    decision = Decision.from_json(first["record"]) if first["record"] else None
    sections = [tell.verdict(first, decision), tell.tested(first, rows, decision)]
    if decision is None:
        sections += [tell.progress_so_far(rows), tell.harm(first)]
    else:
        sections += [tell.lift(decision), tell.why(decision), tell.next_step(first, decision)]
        sections += [tell.progress(decision)]
        sections += [tell.guardrails(decision), tell.health(decision), tell.harm(first), tell.late(rows)]
        sections += [tell.realised(rows, decision), tell.incrementality(first)]
    sections += [tell.segments(segments)]
    if decision is not None:
        sections += [tell.record(first, decision)]
    return [section for section in sections if section.lines]


def headline(rows: Sequence[Row], language: Language) -> str:
    """The verdict in one sentence, or when there will be one."""
    first = rows[0]
    decision = Decision.from_json(first["record"]) if first["record"] else None
    return _Teller(language).verdict(first, decision).lines[0]


@dataclass(frozen=True, slots=True)
class _Teller:
    language: Language

    def say(self, zh: str, en: str) -> str:
        return en if self.language == "en" else zh

    def section(self, key: str, zh: str, en: str, lines: Sequence[str], is_exploratory: bool = False) -> Section:
        return Section(key, self.say(zh, en), tuple(lines), is_exploratory)

    def text(self, text: Any) -> str:
        return str(getattr(text, self.language))

    def verdict(self, first: Row, decision: Decision | None) -> Section:
        if decision is not None:
            return self.section("verdict", "结论", "Verdict", [self.text(decision.explanation)])
        due = first["decision_due_at"]
        line = self.say("还没有发出，没有什么可判定。", "Nothing has been sent yet, so there is nothing to decide.")
        if due is not None:
            line = self.say(
                f"还在观察，{due:%Y-%m-%d %H:%M} 判定；在那之前只检查危害，不看输赢。",
                f"Still observed; it is decided at {due:%Y-%m-%d %H:%M}. Until then only harm is looked at.",
            )
        return self.section("verdict", "结论", "Verdict", [line])

    def tested(self, first: Row, rows: Sequence[Row], decision: Decision | None) -> Section:
        zh, en = _VARIABLES.get(first["experiment_variable"], (first["experiment_variable"],) * 2)
        names = self.say("、", ", ").join(str(row["variant"]) for row in rows)
        metric = METRIC_NAMES["converted" if _metric_of(first) == "converted" else "clicked"]
        is_offer = first["experiment_variable"] == "offer"
        both = (
            self.say("，并且每条毛利也要更高", ", and the margin per message has to be higher too") if is_offer else ""
        )
        lines = [self.say(f"只有{zh}不同：{names}。", f"One thing differs, {en}: {names}.")]
        if decision is not None:
            lines = [lines[0], *self._variants(decision.registration)]
        lines.append(self.say(f"按{metric.zh}判定（占发出条数）{both}。",
                              f"Decided by the {metric.en} (of the messages sent){both}."))  # fmt: skip
        if first["mode"] == "full":
            lines.append(self.say(
                "这是全量学习测试：结论用于下次，没有推广。",
                "A learning test over everybody: it is for next time, nothing is rolled out.",
            ))  # fmt: skip
        elif decision is not None:
            lines.append(self._sample(decision.registration))
        return self.section("tested", "测试了什么", "What was tested", lines)

    def _variants(self, registration: Registration) -> list[str]:
        told = []
        for arm in registration.arms:
            value = getattr(arm, registration.variable)
            mark = self.say("（后备版本）", " (the fallback)") if arm.name == registration.fallback_arm else ""
            told.append(f"{arm.name}{mark}" + (self.say("：", ": ") + value if value else ""))
        return told

    def _sample(self, registration: Registration) -> str:
        held = registration.holdout_fraction
        share, hours = f"{registration.sample_fraction:.0%}", f"{registration.window_hours:g}"
        zh = f"受众中抽取 {share} 参加测试，其余的人等结论；每条观察 {hours} 小时"
        en = f"{share} of the audience took part, the rest waited; each message was observed for {hours} hours"
        zh_held, en_held = f"；另有 {held:.0%} 作为对照组，什么也不收", f"; {held:.0%} are held out and get nothing"
        return self.say(f"{zh}{zh_held if held else ''}。", f"{en}{en_held if held else ''}.")

    def why(self, decision: Decision) -> Section:
        lines = [f"{reason.mark} {self.text(reason.text)}" for reason in list_reasons(decision)]
        reach = describe_reach(decision)
        return self.section("why", "怎样得出结论", "How the verdict came about",
                            [*lines, *([self.text(reach)] if reach else [])])  # fmt: skip

    def lift(self, decision: Decision) -> Section:
        rates = [
            f"{result.arm}: {percent(result.rate)} ({result.events:,}/{result.sent:,}, "
            f"{percent(result.interval.low)}–{percent(result.interval.high)})"
            for result in decision.results
            if result.rate is not None and result.interval is not None
        ]
        metric = decision.registration.primary_metric
        compared = [self._compared(c, metric) for c in decision.comparisons]
        return self.section("lift", "提升（95% 区间）", "Lift (95% intervals)", [*rates, *compared])

    def _compared(self, c: Comparison, metric: Metric) -> str:
        name = METRIC_NAMES[metric]
        lift = "–" if c.lift is None else f"{_signed(c.lift)}%"
        interval = f"{points(c.interval.low)} … {points(c.interval.high)}"
        relative = f"{_signed(c.lift_interval.low)}% … {_signed(c.lift_interval.high)}%"
        line = self.say(
            f"{c.arm} 比 {c.reference}：{_signed(c.difference)} 个百分点（{interval}），相对 {lift}（{relative}），"
            f"{p_value(c.p_adjusted)}，{name.zh}更高的概率 {percent(c.chance_to_win)}",
            f"{c.arm} against {c.reference}: {_signed(c.difference)} points ({interval}), relative {lift} "
            f"({relative}), {p_value(c.p_adjusted)}, chance of the higher {name.en} {percent(c.chance_to_win)}",
        )
        if c.margin is None:
            return line
        m = c.margin
        return line + self.say(
            f"；每条毛利差 {yuan(m.difference)}（{yuan(m.interval.low)} … {yuan(m.interval.high)}）",
            f"; margin per message {yuan(m.difference)} ({yuan(m.interval.low)} … {yuan(m.interval.high)})",
        )

    def next_step(self, first: Row, decision: Decision) -> Section:
        ended = first[f"rollout_sentence_{self.language}"]
        lines = [_sentence(self.text(decision.next_step), self.language)]
        if first["rollout_outcome"] == "running":
            lines.append(self.say(
                f"推广进行中：已排 {first['rollout_waves_planned']}/{first['rollout_waves']} 批，"
                f"{first['rollout_people']:,} 人，已发 {first['rollout_sent']:,} 条。",
                f"The roll-out is under way: {first['rollout_waves_planned']} of {first['rollout_waves']} waves "
                f"planned, {first['rollout_people']:,} people, {first['rollout_sent']:,} sent.",
            ))  # fmt: skip
        if ended and first["rollout_outcome"] != "next_time":
            lines.append(_sentence(ended, self.language))
        return self.section("next", "接下来", "What happens next", lines)

    def progress(self, decision: Decision) -> Section:
        p = decision.progress
        return self._progress(p.smallest_sent, p.needed_sent, p.largest_events, p.needed_events)

    def progress_so_far(self, rows: Sequence[Row]) -> Section:
        if rows[0]["needed_sent"] is None:
            return self._progress(0, 0, 0, 0)
        events = [row[_metric_of(rows[0])] or 0 for row in rows]
        sent = min(row["sent"] for row in rows)
        return self._progress(sent, rows[0]["needed_sent"], max(events), rows[0]["needed_events"])

    def _progress(self, sent: int, needed_sent: int, events: int, needed_events: int) -> Section:
        line = self.say(
            f"最少的版本发出 {sent:,} 条（至少 {needed_sent:,}）；"
            f"事件最多的版本 {events:,} 次（至少 {needed_events:,}）",
            f"{sent:,} sent in the smallest variant (at least {needed_sent:,}); {events:,} events in the best "
            f"(at least {needed_events:,})",
        )
        return self.section("progress", "样本进度", "Progress", [line] if needed_sent else [])

    def guardrails(self, decision: Decision) -> Section:
        fallback = decision.registration.fallback_arm
        mark = {"STOP": "✗", "PROVEN_OK": "✓", "NOT_PROVEN": "·"}
        lines = [f"{mark[g.verdict]} {self.text(describe_guardrail(g, fallback))}" for g in decision.guardrails]
        legend = self.say(
            "✗ 触发，停止；✓ 已证实低于上限；· 没有危害的迹象，但条数太少，还不能证实低于上限。",
            "✗ breached, it stops; ✓ proven below the limit; · no sign of harm, but too few messages to prove it.",
        )
        return self.section("guardrails", "护栏", "Guardrails", [*lines, legend])

    def health(self, decision: Decision) -> Section:
        found = [
            ("✗ " if finding.is_invalidating else "! ") + self.text(describe_finding(finding))
            for finding in decision.health
        ]
        fine = self.say(
            "✓ 分配、比例、回执、交叉触达都没有问题", "✓ assignment, ratios, receipts and exposure are in order"
        )
        return self.section("health", "数据健康", "Health", found or [fine])

    def harm(self, first: Row) -> Section:
        found = first[f"harm_{self.language}"]
        return self.section("harm", "提前发现的危害", "Harm found early", [found] if found else [])

    def late(self, rows: Sequence[Row]) -> Section:
        lines = [f"{row['variant']}: {row['late_changes']}" for row in rows if row["late_changes"]]
        note = self.say("结论不变，这里只是列出判定之后的变化。", "The decision stands; these changes came after it.")
        return self.section(
            "late", "判定之后才到的数据", "What came after the decision", [*lines, note] if lines else []
        )

    def realised(self, rows: Sequence[Row], decision: Decision) -> Section:
        row = next((row for row in rows if row["realised_rate"] is not None), None)
        if row is None:
            return self.section("realised", "", "", [])
        fallback, promised = decision.registration.fallback_arm, row["difference"]
        against = (
            f"{_signed(row['realised_difference'])}",
            f"{points(row['realised_low'])} … {points(row['realised_high'])}",
        )
        if promised is None:
            line = self.say(
                f"推广 {row['variant']} 实际 {percent(row['realised_rate'])}，比它自己在测试中 {against[0]} 个百分点"
                f"（{against[1]}）。发的是后备版本，没有预测提升。",
                f"The roll-out of {row['variant']} brought {percent(row['realised_rate'])}, {against[0]} points "
                f"against its own rate in the test ({against[1]}). It is the fallback: no lift was predicted.",
            )
            return self.section("realised", "实际与预测", "Realised beside predicted", [line])
        line = self.say(
            f"推广 {row['variant']} 实际 {percent(row['realised_rate'])}，比测试中的 {fallback} {against[0]} 个百分点"
            f"（{against[1]}）；",
            f"The roll-out of {row['variant']} brought {percent(row['realised_rate'])}, {against[0]} points against "
            f"{fallback} in the test ({against[1]}); ",
        )
        fits = row["is_as_predicted"]
        line += self.say(
            f"预测 {_signed(promised)}：{'相符' if fits else '不符'}。",
            f"predicted were {_signed(promised)}: {'as predicted' if fits else 'not as predicted'}.",
        )
        note = self.say(
            "胜者因偏高而被选中，实际通常低于预测；时间也不同，无偏的尺度是对照组。",
            "A winner is picked for being high, so less than predicted is usual; and it is another time. The unbiased "
            "measure is the holdout.",
        )
        return self.section("realised", "实际与预测", "Realised beside predicted", [line, note])

    def incrementality(self, first: Row) -> Section:
        if first["holdout_people"] is None:
            return self.section("incrementality", "", "", [])
        treated = first["treated_converted"] / first["treated_people"]
        held = first["holdout_converted"] / first["holdout_people"]
        proven = first["incremental_low"] > 0 or first["incremental_high"] < 0
        line = self.say(
            f"下单：应发 {percent(treated)}（{first['treated_converted']:,}/{first['treated_people']:,}），"
            f"对照 {percent(held)}（{first['holdout_converted']:,}/{first['holdout_people']:,}），"
            f"增量 {_signed(first['incremental_rate'])} 个百分点（{points(first['incremental_low'])} … "
            f"{points(first['incremental_high'])}），约 {first['extra_converted']:,.0f} 人："
            f"{'已证实' if proven else '尚未证实'}{'' if first['is_incrementality_final'] else '（归因期未完）'}。",
            f"Orders: {percent(treated)} of those meant to get a message "
            f"({first['treated_converted']:,}/{first['treated_people']:,}), {percent(held)} of the holdout "
            f"({first['holdout_converted']:,}/{first['holdout_people']:,}): "
            f"{_signed(first['incremental_rate'])} points "
            f"({points(first['incremental_low'])} … {points(first['incremental_high'])}), about "
            f"{first['extra_converted']:,.0f} people; {'proven' if proven else 'not proven'}"
            f"{'' if first['is_incrementality_final'] else ' (attribution still open)'}.",
        )
        return self.section("incrementality", "对照组衡量的增量", "Incrementality against the holdout", [line])

    def segments(self, segments: Sequence[Row]) -> Section:
        lines = [
            f"{row['segment']} · {row['variant']}: {percent(row['events'] / row['sent'])} "
            f"({row['events']:,}/{row['sent']:,})"
            for row in segments
            if row["sent"] and row["events"] is not None
        ]
        count = len({row["segment"] for row in segments})
        note = self.say(
            f"只供探索，不能据此下结论：{count} 个人群各看一次，总会有一个偶然“显著”。",
            f"Exploratory: nothing may be decided on this. Of {count} segments one is easily “significant” by chance.",
        )
        return self.section(
            "segments", "按人群（探索）", "By segment (exploratory)", [note, *lines] if lines else [], True
        )

    def record(self, first: Row, decision: Decision) -> Section:
        line = self.say(
            f"判定于 {first['decided_at']:%Y-%m-%d %H:%M}，方法 {decision.method}，只判一次。"
            f"重放：chuda experiment {first['plan_id']} --replay",
            f"Decided at {first['decided_at']:%Y-%m-%d %H:%M} by method {decision.method}, once. "
            f"Replay: chuda experiment {first['plan_id']} --replay",
        )
        return self.section("record", "决策记录", "Decision record", [line])


def _metric_of(first: Row) -> str:
    metric = first["primary_metric"] or "clicked"
    return _METRICS.get(metric, metric)


def _sentence(text: str, language: Language) -> str:
    """With a capital letter and a full stop, as a sentence of its own."""
    if text.endswith((".", "。")):
        return text
    return f"{text[:1].upper()}{text[1:]}." if language == "en" else f"{text}。"


def _signed(fraction: float) -> str:
    return f"{100 * fraction:+.3g}"
