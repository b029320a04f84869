"""A plan in words, for the person who decides whether it is sent: whom, when, at what cost, with what text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Literal

from tasks.compliance.rules import explain_reason
from tasks.content.findings import Finding
from tasks.planning.figures import PlanFigures

Language = Literal["zh", "en"]
_WEEKDAYS = {"zh": "一二三四五六日", "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")}


def plan_lines(
    figures: PlanFigures, language: Language, flags: Sequence[Finding] = (), warnings: Sequence[str] = (),
    segments: Mapping[str, str] | None = None,
) -> list[str]:  # fmt: skip
    """The plan as lines of text: people, times, cost, texts, the test, and what to do next.

    Args:
        figures: the plan.
        language: of the lines.
        flags: content findings that a person has to judge; blocking ones make no plan.
        warnings: what the timing warns of, beside what is stored with the plan.
        segments: what segments are called, by name; others by their name.
    """
    words = Words(language)
    name = f"{figures.campaign_name} ({figures.campaign_id}, {figures.occurrence})"
    return [
        words.say(f"计划 {figures.plan_id}：{name}", f"Plan {figures.plan_id}: {name}"),
        *_people(figures, words, segments or {}),
        *_times(figures, words, warnings),
        *_cost(figures, words),
        *_texts(figures, words, flags),
        *_test(figures, words),
        *_next(figures, words),
    ]


class Words:
    """Chooses between the two languages, and writes what both write alike."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def say(self, zh: str, en: str) -> str:
        """The text in the chosen language."""
        return zh if self.language == "zh" else en

    def reason(self, reason: str) -> str:
        """Why somebody is left out, for people."""
        return explain_reason(reason, self.language)

    def day(self, moment: datetime) -> str:
        """Month, day, weekday and time."""
        return f"{moment:%m-%d} {self.weekday(moment)} {moment:%H:%M}"

    def weekday(self, day: date) -> str:
        """The day of the week."""
        return self.say("周", "") + _WEEKDAYS[self.language][day.weekday()]

    def counts(self, counts: dict[str, int]) -> str:
        """Names with their people, in one line."""
        return self.say("，", ", ").join(f"{name} {people:,}" for name, people in counts.items())


def _people(figures: PlanFigures, words: Words, segments: Mapping[str, str]) -> Iterator[str]:
    yield words.say("\n发给谁", "\nWho gets it")
    yield words.say(
        f"  圈定 {figures.asked_for:,} 人，发送 {figures.planned:,} 人，不发 {figures.excluded:,} 人",
        f"  {figures.asked_for:,} people asked for, {figures.planned:,} get it, {figures.excluded:,} do not",
    )
    for reason, people in figures.reasons.items():
        yield f"  {people:>10,}  {words.reason(reason)} [{reason}]"
    if len(figures.by_segment) > 1:
        yield words.say("  按分群：", "  by segment: ") + words.counts(
            {segments.get(name, name): people for name, people in figures.by_segment.items()}
        )
    if figures.by_variant:
        yield words.say("  按方案：", "  by variant: ") + words.counts(figures.by_variant)
    if figures.waiting_for_rollout:
        yield words.say(
            f"  其余 {figures.waiting_for_rollout:,} 人等测试判定后再发（chuda rollout）",
            f"  the other {figures.waiting_for_rollout:,} wait for the verdict of the test (chuda rollout)",
        )
    kind = words.say("，模拟器，不会真正发出", ", a simulator: nothing really leaves") if figures.is_simulator else ""
    yield words.say(f"  渠道：{figures.channel}{kind}", f"  channel: {figures.channel}{kind}")
    if figures.standby:
        names = ", ".join(figures.standby)
        yield words.say(
            f"  发送中渠道停了，没发的改走：{names}",
            f"  if it stops while sending, what was not sent goes on by: {names}",
        )


def _times(figures: PlanFigures, words: Words, warnings: Sequence[str]) -> Iterator[str]:
    yield words.say("\n什么时候", "\nWhen")
    opens, done = words.day(figures.opens_at), words.day(figures.done_at)
    yield words.say(
        f"  {opens} 开始，最后一条约 {done}；允许时间 {figures.window}",
        f"  starts {opens}, the last one leaves about {done}; allowed hours {figures.window}",
    )
    if len(figures.releases) > 1:
        for one in figures.releases:
            opens = words.day(one.opens_at)
            yield words.say(
                f"  {one.release_id}：{one.size:,} 条，{opens} 起", f"  {one.release_id}: {one.size:,} from {opens}"
            )
    if figures.done_at.date() != figures.opens_at.date() and not figures.warnings:
        yield words.say(
            "  ! 当天发不完，次日时间窗内继续", "  ! cannot finish on its day; goes on in the next day's hours"
        )
    late = sum(one.size for one in figures.releases if one.done_at > one.expires_at)
    if late and not figures.warnings:
        yield words.say(
            f"  ! 有 {late:,} 条所在批次过期前发不完，未发出的作废",
            f"  ! releases of {late:,} cannot be done before they expire; what has not left by then is void",
        )
    for said in dict.fromkeys((*figures.warnings, *warnings)):
        yield f"  ! {_half(said, words.language)}"


def _half(said: str, language: Language) -> str:
    """The half of a `zh / en` sentence in one language; a sentence without halves as it is."""
    zh, separator, en = said.partition(" / ")
    return (zh if language == "zh" else en) if separator else said


def _cost(figures: PlanFigures, words: Words) -> Iterator[str]:
    cost = figures.cost
    yield words.say("\n花多少", "\nWhat it costs")
    rollout = (
        words.say("（含推广时最长的方案）", " (the roll-out with its longest variant)")
        if figures.waiting_for_rollout
        else ""
    )
    yield words.say(
        f"  计费 {figures.parts:,} 条{rollout} × ¥{cost.price_cny} = 最多 ¥{cost.at_most_cny:,}",
        f"  {figures.parts:,} billed parts{rollout} × ¥{cost.price_cny} = at most ¥{cost.at_most_cny:,}",
    )
    here = words.say("← 本渠道", "<- this channel")
    for mode, amount, meaning in (
        ("submitted", cost.submitted_cny, words.say("按提交计费", "per part submitted")),
        ("delivered", cost.delivered_cny, words.say("按到达计费（预计 98%）", "per part delivered (98% expected)")),
    ):
        yield f"  {meaning}: ¥{amount:,} {here if mode == cost.billing else ''}".rstrip()
    dear = {parts: people for parts, people in figures.by_parts.items() if parts > 1}
    for parts, people in dear.items():
        yield words.say(f"  ! {people:,} 人的文字每人计 {parts} 条", f"  ! {people:,} texts cost {parts} parts each")


def _texts(figures: PlanFigures, words: Words, flags: Sequence[Finding]) -> Iterator[str]:
    yield words.say("\n内容（号码和姓名已遮盖）", "\nTexts (numbers and names masked)")
    for text in figures.texts:
        label = f"[{text.variant}] " if text.variant else ""
        shortest, longest = text.units
        length = f"{longest}" if shortest == longest else f"{shortest}–{longest}"
        yield words.say(
            f"  {label}{text.people:,} 人，{length} 字，最长的一条：",
            f"  {label}{text.people:,} people, {length} characters, the longest one:",
        )
        yield f"    {text.sample}"
    if figures.link_target:
        yield words.say(
            f"  每条短信一个短链，都跳到 {figures.link_target}",
            f"  each message has a short link of its own; all lead to {figures.link_target}",
        )
    for flag in flags:
        advice, law = words.say(flag.advice, flag.advice_en), words.say(flag.law, flag.law_en)
        yield f"  ! {flag.message(words.language)} – {advice}（{law}）"
    if not flags:
        yield words.say("  六项内容检查：没有问题", "  the six content checks: nothing found")


def _test(figures: PlanFigures, words: Words) -> Iterator[str]:
    found = figures.feasibility
    if found is None:
        return
    yield words.say("\n测试能不能得出结论", "\nCan the test answer its question?")
    yield f"  {words.say(found.text.zh, found.text.en)}"
    for remedy in found.remedies:
        yield f"  - {words.say(remedy.text.zh, remedy.text.en)}"


def _next(figures: PlanFigures, words: Words) -> Iterator[str]:
    yield words.say("\n下一步", "\nNext")
    approve = f"chuda approve {figures.plan_id}"
    if figures.is_simulator:
        yield f"  {approve}"
        return
    count = len(figures.releases)
    yield words.say(
        f"  {approve} --code 123456（共 {count} 批，每批一个验证码）",
        f"  {approve} --code 123456 ({count} release{'s' if count > 1 else ''}, a code each)",
    )
