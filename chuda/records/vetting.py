"""What was asked of a provider before it was trusted, and how its channel did in the tests (domain.md §1, §2)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import Field

from chuda.files.model import FileModel
from chuda.files.types import Day, Flag, Fraction, Items, Text, Whole

Check = Literal["contract_page", "tender_site", "court_and_shareholding"]
Verdict = Literal["passed", "failed", "pending"]
VALID_FOR = timedelta(days=180)
"""How long a test counts whose record says nothing else."""


class Reference(FileModel):
    """A reference customer, and the ways in which it was verified."""

    customer: Text
    verified: Items[Check] = ()
    evidence: Text | None = None


class VolumeDistribution(FileModel):
    """How a provider's volume is spread: 30 % from a few large customers, 70 % from many small ones is healthy."""

    large_customers_share: Fraction
    """Share of the volume that its few largest customers make."""


class Vetting(FileModel):
    """The answers to the vetting questions; an absent one was not asked yet."""

    asked_on: Day | None = None
    hong_kong_macau_taiwan: Flag | None = None
    traditional_and_english: Flag | None = None
    peak_per_day: Annotated[int, Whole(0, 1_000_000_000)] | None = None
    self_service_console: Flag | None = None
    references: Items[Reference] = ()
    volume: VolumeDistribution | None = None


class Resend(FileModel):
    """Whether the provider sends a lost message again by itself: off while a channel is tested, and who says so."""

    is_off: Flag = Field(description="自动补发是否已关闭")
    told_by: Literal["provider", "declared"] = Field(description="provider 平台配置可查，declared 对方声明")
    by: Text = Field(description="谁确认的")
    on: Day = Field(description="确认日期")
    evidence: Text | None = Field(None, description="证据")


class StageResult(FileModel):
    """The verdict of one stage of the channel test, run elsewhere; `chuda channel test` keeps its own."""

    verdict: Verdict
    on: Day
    evidence: Text
    valid_until: Day | None = Field(None, description="有效期至（含）；不写为 180 天")

    @property
    def last_day(self) -> date:
        """The last day on which it counts."""
        return self.valid_until or self.on + VALID_FOR


class Tested(FileModel):
    """The three stages of the channel test; an absent one was not run yet."""

    basic: StageResult | None = Field(None, description="10 个号码，10 分钟内，到达率 ≥ 98%")
    stress: StageResult | None = Field(None, description="工作日 9–10 点三次")
    scenario: StageResult | None = Field(None, description="三类文案各走各的渠道")
