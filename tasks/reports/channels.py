"""The comparison of channels: which may be used, what found the others' faults, on what evidence, and the bills."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup

from chuda.files import Lang
from chuda.stores.marts import Connection
from tasks.channels.billing import KINDS
from tasks.channels.comparison import CANARY, BillStanding, Compared, StageFound, bill_standing
from tasks.channels.lines import ChannelLines
from tasks.experiments.intervals import wilson_interval
from tasks.reports.charts import Interval, draw_intervals
from tasks.reports.figures import Figure, Row, ask_figure
from tasks.reports.report import PAGE, connected, page_template
from tasks.reports.sections import VerdictBlock, show_interval
from tasks.reports.wording import MISSING, Words, count, percent, short_percent

QUERIES = Path(__file__).parent / "channel_queries"
_FIGURES = ("bills", "differences", "weeks", "freshness")
_TABLE = ("basic", "stress", "scenario", "canary")
_CANARIES_SHOWN = 6
_MARKS = {"passed": "✓", "failed": "✗"}
_CHIPS = {"passed": "met", "failed": "missed", "usable": "met", "watch": "near", "blocked": "missed"}


def render_channels(
    marts: Connection | Path, compared: Sequence[Compared], others: Sequence[str], lines: ChannelLines, now: datetime,
    language: Lang,
) -> str:  # fmt: skip
    """One self-contained HTML page that compares channels, in Chinese or English: no script, nothing to fetch.

    Args:
        marts: a marts file or an open connection to one; the bills are in it.
        compared: the channels, in their order.
        others: the names of channels that need no test.
        lines: what they were measured against.
        now: the age of verdicts is counted to it.
        language: of the page.

    Raises:
        UsageError: there are no marts.
    """
    words = Words(language)
    with connected(marts) as connection:
        figures = {name: ask_figure(connection, QUERIES / f"{name}.sql", {}) for name in _FIGURES}
    page = _lay_out(compared, others, figures, lines, now, words)
    css = Markup((PAGE / "report.css").read_text("utf-8"))
    return page_template("channels.html.j2").render(page=page, words=words, css=css)


def read_bills(marts: Connection) -> Sequence[Row]:
    """Parts and money by account and day, as the page shows them."""
    return ask_figure(marts, QUERIES / "bills.sql", {}).rows


def _lay_out(
    compared: Sequence[Compared], others: Sequence[str], figures: Mapping[str, Figure], lines: ChannelLines,
    now: datetime, words: Words,
) -> dict[str, Any]:  # fmt: skip
    bills = {each.record.name: bill_standing(each, figures["bills"].rows) for each in compared}
    weeks = {row["channel"]: row for row in figures["weeks"].rows}
    return {
        "name": words.say("channels_name", count=len(compared)),
        "facts": [words.say("as_of", moment=words.moment(now))],
        "verdict": _verdict(compared, bills, words),
        "others": words.say("channels_others", names=_join(others, words)) if others else "",
        "rows": [_row(each, bills[each.record.name], now, words) for each in compared],
        "chart": _chart(compared, bills, lines, words),
        "axis": words.say("first_attempt_axis", line=short_percent(float(lines.basic.delivery))),
        "channels": [_channel(each, weeks.get(each.record.name), words) for each in compared],
        "bills": _bills(figures["bills"], figures["differences"], words),
        "weeks": figures["weeks"],
        "notes": [words.say(f"note_{name}") for name in ("first_attempt", "small", "expiry")],
    }


def _join(names: Sequence[str], words: Words) -> str:
    return ("、" if words.lang == "zh" else ", ").join(names)


def _verdict(compared: Sequence[Compared], bills: Mapping[str, BillStanding], words: Words) -> VerdictBlock:
    usable = [each for each in compared if each.standing != "blocked"]
    watched = [each for each in usable if _standing(each, bills[each.record.name]) == "watch"]
    names = _join([each.record.name for each in usable], words)
    if not compared:
        return VerdictBlock("none", words.say("channels_none"), ())
    if not usable:
        tone, sentence = "bad", words.say("channels_all_bad", count=len(compared))
    elif len(usable) == len(compared):
        tone, sentence = "good", words.say("channels_all_good", count=len(compared))
    else:
        tone = "warn"
        sentence = words.say("channels_some", total=len(compared), usable=len(usable), names=names)
    to_watch = _join([each.record.name for each in watched], words)
    states = [words.say("channels_watch", names=to_watch)] if watched else []
    cures = [
        {"what": each.record.name, "advice": _because(each, bills[each.record.name], words)}
        for each in compared
        if _standing(each, bills[each.record.name]) != "usable"
    ]
    return VerdictBlock("warn" if watched and tone == "good" else tone, sentence, tuple(states), tuple(cures))


def _standing(channel: Compared, bill: BillStanding) -> str:
    return "watch" if channel.standing == "usable" and bill.state == "differs" else channel.standing


def _found_by(channel: Compared, bill: BillStanding, words: Words) -> str:
    found = channel.found_by or (("bill", bill.after) if bill.state == "differs" else None)
    return words.say("caught_by", stage=words.say(f"stage_{found[0]}"), messages=count(found[1])) if found else ""


def _because(channel: Compared, bill: BillStanding, words: Words) -> str:
    found = channel.found_by
    said = _found_by(channel, bill, words)
    if found:
        return f"{said}: {channel.stages[found[0]].said.get(words.lang, '')}"
    if said:
        return f"{said}: {words.say('state_differs', parts=format(bill.parts, '+,'))}"
    return "; ".join(getattr(reason, words.lang) for reason in channel.reasons)


def _row(channel: Compared, bill: BillStanding, now: datetime, words: Words) -> dict[str, Any]:
    record, standing, attempts = channel.record, _standing(channel, bill), channel.attempts
    bounds = wilson_interval(attempts.first, attempts.messages) if attempts else None
    told = "state_differs" if bill.state == "differs" else f"state_{bill.state}"
    return {
        "name": record.name, "provider": record.provider or "", "standing": words.say(f"standing_{standing}"),
        "chip": _CHIPS[standing], "found": _found_by(channel, bill, words),
        "first": percent(attempts.first / attempts.messages) if attempts else MISSING,
        "interval": show_interval(bounds.low, bounds.high) if bounds else "",
        "resent": words.say("after_resend", rate=percent(attempts.delivered / attempts.messages)) if attempts else "",
        "stages": [_cell(channel.stages[name], now, words) for name in _TABLE],
        "bill": words.say(told, parts=format(bill.parts, "+,")),
        "bill_chip": {"differs": "missed", "agrees": "met"}.get(bill.state, ""),
        "price": words.money(record.price_cny_per_part), "billing": words.say(f"billing_{record.billing}"),
        "score": percent(channel.card.score, 0),
        "missing": words.say("vetting_missing", count=len(channel.card.missing)) if channel.card.missing else "",
    }  # fmt: skip


def _cell(found: StageFound, now: datetime, words: Words) -> dict[str, str]:
    days = (now.date() - found.since.astimezone(now.tzinfo).date()).days if found.since else None
    return {
        "chip": _CHIPS.get(found.state, ""),
        "text": f"{_MARKS.get(found.state, '')} {words.say(f'state_{found.state}')}".strip(),
        "age": "" if days is None else words.say("tested_ago", days=days),
    }


def _chart(
    compared: Sequence[Compared], bills: Mapping[str, BillStanding], lines: ChannelLines, words: Words
) -> Markup:
    intervals = []
    for each in compared:
        if each.attempts:
            bounds = wilson_interval(each.attempts.first, each.attempts.messages)
            rate = each.attempts.first / each.attempts.messages
            is_bad = _standing(each, bills[each.record.name]) == "blocked"
            intervals.append(Interval(each.record.name, rate, bounds.low, bounds.high, is_bad))
    if not intervals:
        return Markup("")
    line = float(lines.basic.delivery)
    return Markup(draw_intervals(intervals, "channels", words.say("first_attempt_rate"), line))


def _channel(channel: Compared, week: Row | None, words: Words) -> dict[str, Any]:
    tested = [found for found in channel.stages.values() if found.said and found.stage != CANARY]
    stages = [_stage(found, words) for found in (*tested, *channel.canaries[-_CANARIES_SHOWN:])]
    cells = [f"{route.carrier} {route.province}" for route in channel.routes]
    return {
        "name": channel.record.name,
        "reasons": [getattr(reason, words.lang) for reason in channel.reasons],
        "cells": words.say("cells_avoided", cells=_join(cells, words)) if cells else "",
        "stages": stages,
        "week": _week(week, words) if week else "",
    }


def _week(row: Row, words: Words) -> str:
    first = f"{words.say('first_attempt_rate')} {percent(row['first_attempt_rate'])}"
    resent = words.say("after_resend", rate=percent(row["delivery_rate"]))
    return f"{row['week_start']}: {words.say('submitted')} {count(row['submitted'])}, {first}, {resent}"


def _stage(found: StageFound, words: Words) -> dict[str, Any]:
    said = found.said
    since, until = (f"{each:%Y-%m-%d}" if each else MISSING for each in (found.since, found.until))
    return {
        "title": words.say(f"stage_{found.stage}"), "chip": _CHIPS.get(found.state, ""),
        "state": f"{_MARKS.get(found.state, '')} {words.say(f'state_{found.state}')}".strip(),
        "said": said.get(words.lang, ""), "limits": said.get(f"limits_{words.lang}", ""),
        "dates": words.say("tested_on", day=since, until=until) if found.state != "pending" else "",
        "evidence": _evidence(found.stage, said, words),
    }  # fmt: skip


def _evidence(stage: str, said: Mapping[str, Any], words: Words) -> list[str]:
    """What the verdict rests on, as far as the stage keeps it: sends, who got nothing, what is known of resends."""
    if stage == CANARY:
        return []
    told = []
    if said.get("plans"):
        told.append(words.say("evidence_plans", plans=", ".join(said["plans"])))
    if said.get("not_delivered"):
        listed = said["not_delivered"]
        shown = ", ".join(sorted(set(listed))[:8]) + (f" … ({len(listed)})" if len(set(listed)) > 8 else "")
        told.append(words.say("evidence_missing", phones=shown))
    if said.get("resend"):
        told.append(words.say("evidence_resend", said=said["resend"]))
    return told


def _bills(figure: Figure, differences: Figure, words: Words) -> dict[str, Any]:
    kinds: dict[tuple[str, Any], list[str]] = {}
    for row in differences.rows:
        zh, en = KINDS[row["kind"]]
        label = zh if words.lang == "zh" else en
        text = f"{label}: {count(row['messages'])} ({row['parts']:+,}, {words.money(row['cny'])})"
        examples = words.say("first_messages", messages=row["examples"])
        kinds.setdefault((row["channel"], row["day"]), []).append(f"{text} – {examples}")
    rows = [
        {
            "channels": row["channels"], "day": str(row["day"]), "messages": count(row["messages"]),
            "ours": count(row["our_parts"]), "receipts": count(row["receipt_parts"]),
            "statistics": _told(row["provider_parts"], row["difference_parts"]),
            "bill": _told(row["bill_parts"], row["bill_difference_parts"]),
            "cost": words.money(row["cost_cny"]), "other": words.money(row["cost_other_mode_cny"]),
            "kinds": [text for name in row["channels"].split(", ") for text in kinds.get((name, row["day"]), [])],
        }
        for row in figure.rows
    ]  # fmt: skip
    return {
        "differing": [row for row in rows if row["kinds"] or "(" in row["statistics"]],
        "agreeing": [row for row in rows if not (row["kinds"] or "(" in row["statistics"])],
        "figure": figure, "differences": differences,
    }  # fmt: skip


def _told(parts: int | None, difference: int | None) -> str:
    if parts is None:
        return MISSING
    return f"{parts:,} ({difference:+,})" if difference else f"{parts:,}"
