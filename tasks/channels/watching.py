"""From a canary's figures to what is done: the verdict with its evidence, cells that leave a channel or come back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from chuda.clock import to_us
from chuda.records.channel import ChannelRecord
from chuda.stores.ledger import Connection
from chuda.stores.ledger.channels import Route, Verdict, add_verdict, end_route, open_route, open_routes
from tasks.channels.canary import Cell, CellVerdict, least_visible
from tasks.channels.fitness import verdict_until
from tasks.channels.lines import ChannelLines
from tasks.channels.record import CELL, Alarm, clear_alarm, raise_alarm

STAGE = "canary"


@dataclass(frozen=True, slots=True)
class Watched:
    """What came of a canary: the cells that dropped, and those that left the channel or came back to it now."""

    dropped: tuple[CellVerdict, ...]
    switched: tuple[tuple[str, str], ...]
    returned: tuple[tuple[str, str], ...]
    verdict: Verdict


def act_on(
    connection: Connection, plan_id: str, record: ChannelRecord, judged: Sequence[CellVerdict], lines: ChannelLines,
    now: datetime,
) -> Watched:  # fmt: skip
    """Keep the verdict; where the record says so let dropped cells avoid the channel; let level ones come back."""
    dropped = tuple(each for each in judged if each.state == "dropped")
    level = {(each.cell.carrier, each.cell.province) for each in judged if each.state == "level"}
    returned = tuple(
        (route.carrier, route.province)
        for route in open_routes(connection)
        if route.channel == record.name and (route.carrier, route.province) in level
    )
    for route in open_routes(connection):
        if route.channel == record.name and (route.carrier, route.province) in returned:
            end_route(connection, route, to_us(now))
    switched = []
    for each in dropped if record.switch_cells else ():
        cell = each.cell
        route = Route(
            record.name, cell.carrier, cell.province, f"canary {plan_id}", json.dumps(asdict(each)), to_us(now)
        )
        if open_route(connection, route):
            switched.append((cell.carrier, cell.province))
    verdict = _verdict(plan_id, record, judged, lines, now)
    add_verdict(connection, verdict)
    return Watched(dropped, tuple(switched), returned, verdict)


def _verdict(
    plan_id: str, record: ChannelRecord, judged: Sequence[CellVerdict], lines: ChannelLines, now: datetime
) -> Verdict:
    dropped = [each for each in judged if each.state == "dropped"]
    looked_at = sum(each.state != "unjudged" for each in judged)
    zh, en = _words(judged, dropped, looked_at)
    evidence = {
        "zh": zh, "en": en,
        **_limits([each.cell for each in judged if each.state == "unjudged"], looked_at, lines),
        "cells": [asdict(each) for each in judged], "lines": lines.canary.model_dump(mode="json"),
    }  # fmt: skip
    state = "failed" if dropped else "passed" if looked_at else "pending"
    messages = sum(each.cell.sent for each in judged)
    text = json.dumps(evidence, ensure_ascii=False)
    return Verdict(plan_id, record.name, STAGE, state, messages, text, to_us(now), verdict_until(now, 31))


def _limits(unjudged: Sequence[Cell], looked_at: int, lines: ChannelLines) -> dict[str, str]:
    """What a canary of this size could not show, in both languages."""
    if not unjudged:
        least = f"{float(lines.canary.least_drop):.0%}"
        return {
            "limits_zh": f"所有单元都作了判断；小于 {least} 的下降不报",
            "limits_en": f"all cells are judged; drops below {least} are nobody's alarm",
        }
    needed = max((least_visible(cell, looked_at, lines) or 0 for cell in unjudged), default=0)
    zh = f"；全丢要有 {needed} 条才看得出" if needed else ""
    en = f"; a total loss would show from {needed} messages on" if needed else ""
    return {
        "limits_zh": f"{len(unjudged)} 个单元条数太少或没有历史，不作判断{zh}",
        "limits_en": f"{len(unjudged)} cells have too few messages or no history and are not judged{en}",
    }


def _words(judged: Sequence[CellVerdict], dropped: Sequence[CellVerdict], looked_at: int) -> tuple[str, str]:
    sent = sum(each.cell.sent for each in judged)
    delivered = sum(each.cell.delivered for each in judged)
    first = sum(each.cell.first_attempt for each in judged)
    zh = f"{sent:,} 条，送达 {delivered:,}，其中首次 {first:,}；判断了 {looked_at} 个运营商×省份单元"
    en = f"{sent:,} messages, {delivered:,} delivered, {first:,} of them at the first attempt; {looked_at} cells judged"
    if not dropped:
        return f"{zh}，没有骤降", f"{en}, none dropped"
    cells = "; ".join(
        f"{each.cell.carrier} {each.cell.province} {each.rate:.0%} ({each.rate_before or 0:.1%}, p={each.p_value:.2g})"
        for each in dropped
    )
    return f"{zh}，骤降：{cells}", f"{en}, dropped: {cells}"


def tell_cells(
    connection: Any, channel: str, judged: Sequence[CellVerdict], lines: ChannelLines, now: datetime
) -> None:
    """Alert the cells that dropped, and take back the alerts of those that are well again."""
    for each in judged:
        subject = f"{channel} {each.cell.carrier} {each.cell.province}"
        if each.state == "level":
            clear_alarm(connection, CELL, subject)
        if each.state == "dropped":
            raise_alarm(connection, Alarm(
                CELL, "warn", subject, "delivery_rate", each.rate,
                (each.rate_before or 0) - float(lines.canary.least_drop), each.cell.delivered, each.cell.sent,
                each.p_value, now,
                "该运营商在该省到达率骤降：换渠道发送（chuda channel switch），并向服务商报障",
                "Delivery of this carrier in this province dropped: use another channel there (`chuda channel switch`) "
                "and report it to the provider.",
            ))  # fmt: skip
