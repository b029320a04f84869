"""The lines of `channel_lines.yaml`: what a channel's test, canary and vetting are measured against."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated

from chuda.campaign.slot import SlotText
from chuda.files import load_yaml
from chuda.files.model import FileModel
from chuda.files.types import Fraction, Number, Whole

FILE_NAME = "channel_lines.yaml"
Seconds = Annotated[int, Whole(1, 86_400)]
Days = Annotated[int, Whole(1, 3650)]
Weight = Annotated[int, Whole(0, 100)]


class BasicLine(FileModel):
    """Stage 1: how many numbers, how fast, how many of them."""

    numbers: Annotated[int, Whole(4, 1000)]
    within_seconds: Seconds
    delivery: Fraction


class StressLine(FileModel):
    """Stage 2: sends on a workday morning, and how far apart their results may lie."""

    sends: Annotated[int, Whole(2, 10)]
    within: SlotText
    apart_minutes: Annotated[int, Whole(1, 240)]
    delivery_spread: Fraction
    latency_spread: Fraction
    latency_slack_seconds: Annotated[Decimal, Number("0", "60")]
    rounds: Annotated[int, Whole(1, 10)]


class ScenarioLine(FileModel):
    """Stage 3: how far the three kinds of text may differ in delivery."""

    spread: Fraction


class FirstAttemptLine(FileModel):
    """How soon a message arrives that was not sent a second time, where the provider does not say so."""

    within_seconds: Seconds


class CanaryLine(FileModel):
    """The monthly canary: how large, against what history, what is a drop."""

    share: Fraction
    history_days: Days
    watch_hours: Annotated[int, Whole(1, 240)]
    least_drop: Fraction
    least_messages: Annotated[int, Whole(1, 10_000)]


class VettingWeights(FileModel):
    """What each vetting question is worth."""

    licence: Weight
    capital: Weight
    verified: Weight
    price: Weight
    overseas: Weight
    languages: Weight
    capacity: Weight
    console: Weight
    references: Weight
    distribution: Weight
    resend: Weight


class ChannelLines(FileModel):
    """All of them; `alpha` is the chance of a false alarm that each test allows itself."""

    basic: BasicLine
    stress: StressLine
    scenario: ScenarioLine
    first_attempt: FirstAttemptLine
    alpha: Fraction
    valid_days: Days
    canary: CanaryLine
    vetting: VettingWeights


def load_channel_lines(reference: Path) -> ChannelLines:
    """Read the lines of a reference folder; raises `BadFile` with every problem."""
    return load_yaml(reference / FILE_NAME, ChannelLines)
