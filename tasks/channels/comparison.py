"""Channels side by side: where each stands in every stage, since when, on what evidence, and what found its fault."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from chuda.clock import from_us
from chuda.records.business import load_business
from chuda.records.channel import ChannelRecord
from chuda.stores.ledger.channels import Route, Verdict, open_routes, verdicts_of
from chuda.workspace import Workspace
from tasks.channels.fitness import HOLIDAY, STAGES, Reason, reasons_against, standing_of
from tasks.channels.lines import VettingWeights, load_channel_lines
from tasks.channels.record import count_delivered, count_first_attempts
from tasks.channels.scorecard import Scorecard, score_channel
from tasks.planning.briefing import load_channels

CANARY = "canary"
COMPARED = (*STAGES, HOLIDAY, CANARY)
Standing = Literal["usable", "watch", "blocked"]


@dataclass(frozen=True, slots=True)
class StageFound:
    """What is known of one stage: its state, and the newest verdict with what was measured (empty: none of ours)."""

    stage: str
    state: str
    since: datetime | None
    until: datetime | None
    messages: int
    first_attempt: int | None
    delivered: int | None
    said: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Attempts:
    """Test messages, those that arrived at the first attempt, and those that arrived at all."""

    messages: int
    first: int
    delivered: int


@dataclass(frozen=True, slots=True)
class Compared:
    """One channel: its stages, its scorecard, what speaks against it, the cells that avoid it, what found its fault;
    `canaries` are all of them, the newest last."""

    record: ChannelRecord
    stages: Mapping[str, StageFound]
    card: Scorecard
    reasons: tuple[Reason, ...]
    routes: tuple[Route, ...]
    canaries: tuple[StageFound, ...] = ()

    @property
    def standing(self) -> Standing:
        """May it carry its messages now, and is there something to be watched?"""
        if self.reasons:
            return "blocked"
        return "watch" if self.routes or self.stages[CANARY].state == "failed" else "usable"

    @property
    def found_by(self) -> tuple[str, int] | None:
        """The first stage that failed, and after how many messages: the stages of a test add up."""
        spent = 0
        for name in COMPARED:
            found = self.stages[name]
            spent = found.messages if name == CANARY else spent + found.messages
            if found.state == "failed":
                return name, spent
        return None

    @property
    def was_found_by(self) -> tuple[str, int] | None:
        """The same, canaries counted that failed before the newest: what dropped may be well again."""
        earlier = next((each for each in self.canaries if each.state == "failed"), None)
        return self.found_by or ((CANARY, earlier.messages) if earlier else None)

    @property
    def attempts(self) -> Attempts | None:
        """What arrived over the stages of its test; None without a verdict of ours."""
        found = [each for name in (*STAGES, HOLIDAY) if (each := self.stages[name]).first_attempt is not None]
        if not found:
            return None
        return Attempts(sum(each.messages for each in found), sum(each.first_attempt or 0 for each in found),
                        sum(each.delivered or 0 for each in found))  # fmt: skip


@dataclass(frozen=True, slots=True)
class BillStanding:
    """How a channel's bills and figures stand to our count: agrees, differs or unknown; parts beyond ours, and after
    how many messages that was first to be seen."""

    state: Literal["agrees", "differs", "unknown"]
    parts: int
    after: int


def bill_standing(channel: Compared, days: Sequence[Mapping[str, Any]]) -> BillStanding:
    """The standing of a channel's account by its days, the oldest first (rows of the report's `bills.sql`)."""
    spent, parts, after, is_told = 0, 0, 0, False
    for day in days:
        if day["account"] not in (channel.record.account_key, channel.record.name):
            continue
        spent += day["messages"]
        is_told |= day["provider_parts"] is not None or day["bill_parts"] is not None
        differing = _differing_parts(day)
        after = after or (spent if differing else 0)
        parts += differing
    return BillStanding("differs" if after else "agrees" if is_told else "unknown", parts, after)


def _differing_parts(day: Mapping[str, Any]) -> int:
    """The bill's difference where there is a bill, else that of the figures beyond what is still unknown to us."""
    if day["bill_difference_parts"] is not None:
        return int(day["bill_difference_parts"])
    told = day["difference_parts"]
    return 0 if told is None or 0 <= told <= day["unknown_parts"] else int(told)


def compare_workspace(workspace: Workspace) -> list[Compared]:
    """The channels of a workspace as they stand now."""
    settings = workspace.settings
    business = settings.campaigns / "business.yaml"
    signatures = load_business(business).value.allowed_signatures if business.exists() else None
    with workspace.ledger.read() as ledger:
        verdicts, routes = verdicts_of(ledger), open_routes(ledger)
    weights = load_channel_lines(settings.reference).vetting
    return compare_channels(load_channels(settings), verdicts, routes, weights, workspace.clock.now(), signatures)


def compare_channels(
    records: Mapping[str, ChannelRecord], verdicts: Sequence[Verdict], routes: Sequence[Route],
    weights: VettingWeights, now: datetime, signatures: frozenset[str] | None,
) -> list[Compared]:  # fmt: skip
    """Every channel that carries marketing or was tested, the usable ones first, then by name."""
    tested = {verdict.channel for verdict in verdicts}
    compared = [
        Compared(
            record, {stage: _find(record, stage, verdicts, now) for stage in COMPARED},
            score_channel(record, weights, now.date()),
            tuple(reasons_against(record, record.message_types[0], verdicts, now, signatures)),
            tuple(route for route in routes if route.channel == name),
            tuple(_told(each, each.verdict) for each in verdicts if each.channel == name and each.stage == CANARY),
        )
        for name, record in records.items()
        if "marketing" in record.message_types or name in tested
    ]  # fmt: skip
    order = ("usable", "watch", "blocked")
    return sorted(compared, key=lambda each: (order.index(each.standing), each.record.name))


def _find(record: ChannelRecord, stage: str, verdicts: Sequence[Verdict], now: datetime) -> StageFound:
    standing = standing_of(record, stage, verdicts, now)
    verdict = next((v for v in verdicts if v.test_id == standing.test_id and v.stage == stage), None)
    if verdict is None:
        return StageFound(stage, standing.state, standing.since, standing.until, 0, None, None, {})
    return _told(verdict, standing.state)


def _told(verdict: Verdict, state: str) -> StageFound:
    said = json.loads(verdict.evidence)
    measures = said.get("measures", said)
    return StageFound(
        verdict.stage, state, from_us(verdict.decided_us), from_us(verdict.expires_us), verdict.messages,
        count_first_attempts(measures), count_delivered(measures), said,
    )  # fmt: skip
