"""The licence a provider works under, and what is wrong with it today (domain.md §1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from chuda.files import Finding, Problem, Source
from chuda.files.model import FileModel
from chuda.files.types import Day, Items, Money, Text

if TYPE_CHECKING:
    from chuda.records.channel import ChannelRecord

NATIONWIDE_CAPITAL_CNY = Decimal(10_000_000)
"""Registered capital the law asks of a provider that works nationwide."""

NORMAL_PRICE_CNY = (Decimal("0.05"), Decimal("0.08"))
"""What a message part normally costs."""

SUSPICIOUS_SHARE = Decimal("0.8")
"""Below this share of the lowest normal price somebody is cutting a corner."""

_EXPIRES_SOON = timedelta(days=30)
_VERIFIED_LONG_AGO = timedelta(days=365)


class Licence(FileModel):
    """《增值电信业务经营许可证》 of a provider, and who looked it up in the ministry's system."""

    number: Text = Field(description="许可证编号")
    scope: Literal["nationwide", "provincial"] = Field(description="nationwide 跨地区，provincial 省内")
    provinces: Items[Text] = Field((), description="scope: provincial 时的省份")
    expires_on: Day = Field(description="有效期至（含）")
    registered_capital_cny: Money = Field(description="注册资本（元）")
    verified_by: Text = Field(description="谁在工信部系统里核验过")
    verified_on: Day = Field(description="核验日期")
    evidence: Text = Field(description="证据：截图或查询编号")

    @classmethod
    def cross_check(cls, parts: Mapping[str, Any]) -> Iterable[Finding]:
        """A provincial licence names its provinces, a nationwide one none."""
        if {"scope", "provinces"} <= parts.keys():
            if parts["scope"] == "provincial" and not parts["provinces"]:
                yield Finding(("provinces",), "provinces_missing")
            if parts["scope"] == "nationwide" and parts["provinces"]:
                yield Finding(("provinces",), "provinces_of_nationwide", on_key=True)


def licence_problems(record: ChannelRecord, today: date, source: Source | None = None) -> list[Problem]:
    """Return what speaks against sending through a channel today: errors block it, warnings are for people.

    `source` comes from `read_yaml`; without it the channel's name stands for the file. A simulator needs no licence.
    """
    findings = [*_licence_findings(record, today), *_price_findings(record)]
    return (source or Source(record.name)).problems(findings)


def _licence_findings(record: ChannelRecord, today: date) -> Iterator[Finding]:
    licence = record.licence
    if licence is None:
        if not record.simulator:
            yield Finding(("licence",), "licence_missing", {"name": record.name})
        return
    context = {"name": record.name, "day": str(licence.expires_on), "today": str(today)}
    if licence.expires_on < today:
        yield Finding(("licence", "expires_on"), "licence_expired", context)
    elif licence.expires_on - today <= _EXPIRES_SOON:
        yield Finding(("licence", "expires_on"), "licence_expires_soon", context, severity="warning")
    if licence.scope == "nationwide" and licence.registered_capital_cny < NATIONWIDE_CAPITAL_CNY:
        capital = {
            "name": record.name,
            "value": str(licence.registered_capital_cny),
            "least": str(NATIONWIDE_CAPITAL_CNY),
        }
        yield Finding(("licence", "registered_capital_cny"), "licence_capital", capital)
    if licence.scope == "provincial":
        where = {"name": record.name, "provinces": "、".join(licence.provinces)}
        yield Finding(("licence", "scope"), "licence_provincial", where, severity="warning")
    if licence.verified_on > today:
        yield Finding(("licence", "verified_on"), "verified_in_future", {"day": str(licence.verified_on)})
    elif today - licence.verified_on > _VERIFIED_LONG_AGO:
        day = {"day": str(licence.verified_on)}
        yield Finding(("licence", "verified_on"), "verified_long_ago", day, severity="warning")


def _price_findings(record: ChannelRecord) -> Iterator[Finding]:
    low, high = NORMAL_PRICE_CNY
    if record.price_cny_per_part < low * SUSPICIOUS_SHARE:
        context = {"value": str(record.price_cny_per_part), "low": str(low), "high": str(high)}
        yield Finding(("price_cny_per_part",), "price_too_low", context, severity="warning")
