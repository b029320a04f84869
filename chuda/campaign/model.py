"""A campaign as its file says it: frozen, checked as far as the file alone allows, with a canonical form."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, WithJsonSchema

from chuda.campaign.audience import Audience
from chuda.campaign.campaign_checks import check_campaign
from chuda.campaign.experiment import Experiment, Variant
from chuda.campaign.schedule import Schedule
from chuda.campaign.slot import Slot, SlotText
from chuda.campaign.template import MessageText, Template
from chuda.files import Finding
from chuda.files.model import FileModel
from chuda.files.types import Items, Names, Number, Slug, Text, Whole, wrong

CampaignType = Literal["marketing", "notification", "otp"]

_OPT_OUT_WORDS = frozenset({"R", "T", "TD", "N", "QX", "退订", "拒收", "取消"})


def _read_keyword(value: Any) -> str:
    if not isinstance(value, str):
        raise wrong("expected_text")
    keyword = value.strip().upper()
    if not 1 <= len(keyword) <= 8 or not keyword.isalnum():
        raise wrong("bad_keyword")
    if keyword in _OPT_OUT_WORDS:
        raise wrong("keyword_is_opt_out", keyword=keyword)
    return keyword


class Reply(FileModel):
    """An answer to people who reply with a keyword: a coupon code from the campaign's own pool, one per person."""

    keyword: Annotated[str, PlainValidator(_read_keyword), WithJsonSchema({"type": "string", "maxLength": 8})] = Field(
        description='回复的关键字，如 "Y" / what people reply'
    )
    text: MessageText = Field(description="自动回复，可含 {coupon} / the answer, may hold {coupon}")
    coupons: Text | None = Field(None, description="券码文件，每行一个 / file of coupon codes, one a line")

    @classmethod
    def cross_check(cls, parts: Mapping[str, Any]) -> Iterable[Finding]:
        """A coupon in the answer needs a pool, and a pool needs its place in the answer."""
        if {"text", "coupons"} <= parts.keys():
            named = "{coupon}" in parts["text"]
            if named and parts["coupons"] is None:
                yield Finding(("coupons",), "coupons_missing")
            if not named and parts["coupons"] is not None:
                yield Finding(("coupons",), "coupons_unused", on_key=True)


class Campaign(FileModel):
    """One campaign file. Money is in CNY, fractions are 0–1, times of day are Asia/Shanghai."""

    id: Slug = Field(description="小写字母、数字、- 和 _，全局唯一 / lower case, digits, - and _; unique")
    name: Text = Field(description="给人看的名称 / a name for people")
    type: CampaignType = Field(description="消息类型 / message type")
    trade: Slug = Field(description="行业，决定默认时段和授权 / trade; gives default slots and needed authorisations")
    sender: Text = Field(
        description="主体档案：文件（相对本文件）或名称 / the business record: a file beside this one, or its name"
    )
    channels: Names = Field(
        description="渠道，按优先顺序 / channels in order of preference", json_schema_extra={"minItems": 1}
    )
    audience: Audience | None = Field(None, description="发给谁 / who gets it")
    template: Template = Field(description="发什么 / what is sent")
    schedule: Schedule | None = Field(None, description="什么时候发 / when")
    experiment: Experiment | None = Field(None, description="A/B 测试 / A/B test")
    replies: Items[Reply] = Field((), description="关键字自动回复 / answers to keywords")
    budget_cny: Annotated[Decimal, Number("0.01", "100000000", "bad_money")] | None = Field(
        None, description="预算（元），超出不发 / budget; nothing is sent beyond it"
    )
    attribution_days: Annotated[int, Whole(1, 90)] = Field(
        7, description="订单归因天数 / days in which an order counts for it"
    )
    weekly_cap: Annotated[int, Whole(1, 3, "weekly_cap")] = Field(
        3,
        description="每人 7 天内营销短信上限，只能调低 / marketing messages per person in 7 days; can only be lowered",
    )
    working_hours: SlotText | None = Field(
        None, description='只在这段时间发，如 "09:00-20:00" / send only within these hours'
    )
    expire_after_hours: Annotated[int, Whole(1, 72)] = Field(
        24, description="多少小时内没发出就作废 / a message not sent within so many hours expires"
    )

    @classmethod
    def cross_check(cls, parts: Mapping[str, Any]) -> Iterable[Finding]:
        """What the sections demand of one another."""
        return check_campaign(parts)

    def canonical_json(self) -> str:
        """The campaign as JSON that is the same for every file that says the same: sorted, no gaps, no absent keys.

        `Campaign.model_validate_json` reads it back.
        """
        values = self.model_dump(mode="json", exclude_none=True)
        return json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    def digest(self) -> str:
        """SHA-256 (64 hex digits) of `canonical_json()`; part of a plan's hash."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()

    def arms(self) -> tuple[Variant, ...]:
        """The variants of the experiment, none if there is no experiment."""
        return self.experiment.variants if self.experiment else ()

    def constants_of(self, variant: Variant | None) -> dict[str, str]:
        """The variables that are the same for everybody who gets this variant, the link among them."""
        linked = {"link": self.template.link} if self.template.link else {}
        return linked | self.template.variables | (variant.variables if variant else {})

    def text_of(self, variant: Variant | None) -> str | None:
        """The simplified Chinese text of a variant, or None if it comes from the library."""
        return (variant.text if variant else None) or self.template.text

    def slot_of(self, variant: Variant | None) -> Slot | Literal["auto"]:
        """The send slot of a variant; `auto` without a schedule."""
        if variant and variant.slot:
            return variant.slot
        if self.schedule is None:
            return "auto"
        return self.schedule.recurring.slot if self.schedule.recurring else self.schedule.slot
