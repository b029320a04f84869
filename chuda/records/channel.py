"""A channel's record: where and how it sends, what it may carry, what it costs, under which licence.

Credentials are never in the file, only the names of the environment variables that hold them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from chuda.campaign.references import ChannelFacts, ClickTracking
from chuda.campaign.slot import Slot, SlotText
from chuda.files import Finding, Lang, Loaded, read_yaml
from chuda.files.model import FileModel
from chuda.files.types import Distinct, Flag, Items, Number, Slug, Text, Url, Whole, is_loopback, wrong
from chuda.records.filed import FiledTemplate
from chuda.records.licence import Licence
from chuda.records.vetting import Resend, Tested, Vetting

Adapter = Literal["generic", "aliyun", "tencent"]
MessageType = Literal["marketing", "notification", "otp"]
Billing = Literal["submitted", "delivered"]
LinkRule = Literal["none", "filed", "text", "variables"]
Region = Literal["CN", "HK", "MO", "TW"]

CREDENTIALS: Mapping[str, tuple[str, ...]] = {
    "generic": ("token",),
    "aliyun": ("access_key_id", "access_key_secret"),
    "tencent": ("secret_id", "secret_key"),
}
"""The credentials each adapter needs."""

BATCH_LIMITS: Mapping[str, int] = {"generic": 1000, "aliyun": 100, "tencent": 200}
"""The most messages each provider takes in one request (providers.md)."""

BatchRule = Literal["any", "one_template", "one_text"]

BATCH_RULES: Mapping[str, BatchRule] = {"generic": "any", "aliyun": "one_template", "tencent": "one_text"}
"""What the messages of one request must have in common."""

_ENVIRONMENT_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_SIGNATURE = re.compile(r"[^【】\[\]\s]{2,12}")
_OPT_OUT_KEYWORD = re.compile(r"(?<![A-Za-z])(R|T|TD|N|QX)$|退订$|退訂$|拒收$|取消$")


def _read_environment_name(value: Any) -> str:
    if not isinstance(value, str) or not _ENVIRONMENT_NAME.fullmatch(value):
        raise wrong("secret_in_file")
    return value


def _check_signature(value: str) -> str:
    if not _SIGNATURE.fullmatch(value):
        raise wrong("bad_signature")
    return value


def _check_opt_out_wording(value: str) -> str:
    if not _OPT_OUT_KEYWORD.search(value):
        raise wrong("opt_out_wording")
    return value


def _read_credentials(value: Any) -> Any:
    if not isinstance(value, dict):
        raise wrong("expected_mapping")
    return value


EnvironmentName = Annotated[str, BeforeValidator(_read_environment_name)]
Signature = Annotated[Text, AfterValidator(_check_signature)]
Rate = Annotated[int, Whole(1, 10_000_000)]


class ChannelRecord(FileModel):
    """One channel of one provider account. Prices are CNY per message part, rates are parts."""

    secret_keys: ClassVar[frozenset[str]] = frozenset({"credentials"})

    name: Slug = Field(description="渠道名，活动文件里用它")
    provider: Text | None = Field(None, description="服务商公司名；同一家的各渠道写同一个名字，场景测试据此配对")
    adapter: Adapter = Field(description="协议：generic / aliyun / tencent")
    simulator: Flag = Field(False, description="内置模拟器；endpoint 必须是本机")
    endpoint: Url = Field(description="接口地址")
    region: Text | None = Field(None, description="地域，tencent 必填，如 ap-guangzhou")
    account: Text = Field(description="账号；同一账号的渠道共用限速")
    credentials: Annotated[dict[Slug, EnvironmentName], BeforeValidator(_read_credentials)] = Field(
        default_factory=dict, description="密钥所在的环境变量名，不是密钥本身"
    )
    message_types: Distinct[MessageType] = Field(description="允许的消息类型；otp 与 marketing 不能同渠道")
    licence: Licence | None = Field(None, description="许可证；没有就不能发送（模拟器除外）")
    price_cny_per_part: Annotated[Decimal, Number("0", "10", "bad_money")] = Field(description="每条单价（元）")
    billing: Billing = Field(description="submitted 按提交计费，delivered 按到达计费")
    batch_size: Annotated[int, Whole(1, 1000)] = Field(100, description="每次请求最多多少条")
    rate_parts_per_second: Rate = Field(description="每秒最多多少条（按计费条数）")
    rate_parts_per_minute: Rate | None = Field(None, description="每分钟最多多少条")
    rate_parts_per_day: Rate | None = Field(None, description="每天最多多少条")
    messages_per_person_per_day: Annotated[int, Whole(1, 1000)] | None = Field(
        None, description="服务商一天最多给同一个人发多少条；不写时营销 3、通知 50"
    )
    window: SlotText = Field(Slot(8 * 60, 22 * 60), description="服务商允许发送的时间")
    opt_out_wording: Annotated[Text, AfterValidator(_check_opt_out_wording)] = Field(
        "拒收请回复R", description="营销短信末尾的退订写法"
    )
    variables_allowed: Flag = Field(True, description="营销模板是否允许变量")
    links: LinkRule = Field("filed", description="链接：none 不许，filed 仅报备过的，text 正文里，variables 变量里也可")
    filed_links: Items[Url] = Field((), description="报备过的链接")
    click_tracking: ClickTracking = Field("none", description="点击统计方式")
    short_links: Url | None = Field(
        None, description="自有短链域名，如 https://cy.example；每条短信一个短链，由 chuda feedback serve 跳转"
    )
    link_targets: Items[Url] = Field((), description="短链只许跳到这些地址或其下的页面")
    coverage: Distinct[Region] = Field(("CN",), description="覆盖地区")
    definitive_query: Flag = Field(False, description="状态查询是否可靠到“查无”即未发送")
    query_grace_seconds: Annotated[int, Whole(1, 86_400)] = Field(300, description="提交多久以后查询才算数")
    signatures: Items[Signature] = Field((), description="在该渠道报备过的签名，不带【】")
    app_id: Text | None = Field(None, description="应用编号（SmsSdkAppId），tencent 必填")
    filed_templates: Items[FiledTemplate] = Field((), description="在该渠道报备过的模板，aliyun / tencent 必填")
    template_codes: dict[Text, Text] = Field(default_factory=dict, description="模板库名称 -> 服务商模板编号")
    resend: Resend | None = Field(None, description="自动补发的状态；测试时必须关闭")
    switch_cells: Flag = Field(False, description="某省某运营商到达率骤降时，自动把它切到活动的下一个渠道")
    vetting: Vetting | None = Field(None, description="考察问卷")
    tested: Tested | None = Field(None, description="三段测试结果")

    @classmethod
    def cross_check(cls, parts: Mapping[str, Any]) -> Iterable[Finding]:
        """Types that must not meet, addresses, credentials, limits."""
        yield from _check_types(parts)
        yield from _check_endpoint(parts)
        yield from _check_credentials(parts)
        yield from _check_limits(parts)
        yield from _check_links(parts)
        yield from _check_short_links(parts)
        yield from _check_templates(parts)

    @property
    def account_key(self) -> str:
        """What shares the provider's limits: the account at the provider, whatever the channel is called."""
        return f"{self.adapter}:{self.account}"

    @property
    def batch_rule(self) -> BatchRule:
        """What the messages of one request must have in common."""
        return BATCH_RULES[self.adapter]

    def identity(self) -> dict[str, Any]:
        """The record as plain values for a plan's hash: all of it, but for the port a simulator happens to listen on.

        A simulator is this machine by its own check, whatever its port; with the port in it, no plan of a demo would
        ever be the same again. A real endpoint is part of what is approved, to the last character.
        """
        record = self.model_dump(mode="json")
        return record | {"endpoint": "simulator"} if self.simulator else record

    def facts(self) -> ChannelFacts:
        """What a campaign file has to know of this channel."""
        return ChannelFacts(frozenset(self.message_types), self.variables_allowed, self.click_tracking)


def _check_types(parts: Mapping[str, Any]) -> Iterator[Finding]:
    types = parts.get("message_types")
    if types is None:
        return
    if not types:
        yield Finding(("message_types",), "no_message_type")
    if {"otp", "marketing"} <= set(types):
        yield Finding(("message_types",), "otp_with_marketing")


def _check_endpoint(parts: Mapping[str, Any]) -> Iterator[Finding]:
    if not {"endpoint", "simulator"} <= parts.keys():
        return
    local = is_loopback(parts["endpoint"])
    if parts["simulator"] and not local:
        yield Finding(("endpoint",), "simulator_not_local")
    if not parts["simulator"] and not local and not parts["endpoint"].startswith("https://"):
        yield Finding(("endpoint",), "endpoint_not_https")
    if parts.get("adapter") == "tencent":
        for key in ("region", "app_id"):
            if key in parts and parts[key] is None:
                yield Finding((key,), f"{key}_missing")


def _check_credentials(parts: Mapping[str, Any]) -> Iterator[Finding]:
    if not {"adapter", "credentials"} <= parts.keys():
        return
    needed = CREDENTIALS[parts["adapter"]]
    for key in needed:
        if key not in parts["credentials"]:
            yield Finding(("credentials",), "credential_missing", {"key": key}, on_key=True)
    for key in parts["credentials"]:
        if key not in needed:
            yield Finding(("credentials", key), "credential_unknown", {"key": ", ".join(needed)}, on_key=True)


def _check_limits(parts: Mapping[str, Any]) -> Iterator[Finding]:
    if {"adapter", "batch_size"} <= parts.keys():
        limit = BATCH_LIMITS[parts["adapter"]]
        if parts["batch_size"] > limit:
            context = {"adapter": parts["adapter"], "limit": str(limit), "value": str(parts["batch_size"])}
            yield Finding(("batch_size",), "batch_too_large", context)
    second, minute, day = (parts.get(f"rate_parts_per_{unit}") for unit in ("second", "minute", "day"))
    for key, larger, smaller in (("minute", minute, second), ("day", day, minute or second)):
        if larger is not None and smaller is not None and larger < smaller:
            context = {"value": str(larger), "other": str(smaller)}
            yield Finding((f"rate_parts_per_{key}",), "rates_contradict", context)


def _check_links(parts: Mapping[str, Any]) -> Iterator[Finding]:
    if not {"links", "click_tracking"} <= parts.keys():
        return
    if parts["links"] == "none" and parts["click_tracking"] != "none":
        yield Finding(("click_tracking",), "tracking_without_links")
    if parts["click_tracking"] == "per_message" and parts["links"] in ("filed", "text"):
        yield Finding(("click_tracking",), "tracking_needs_variable_links", {"links": parts["links"]})


def _check_short_links(parts: Mapping[str, Any]) -> Iterator[Finding]:
    """Own links are per message, lead only where they may, and stand in the filed texts as address + variable."""
    if not {"short_links", "link_targets", "click_tracking", "adapter", "variables_allowed"} <= parts.keys():
        return
    base, targets = parts["short_links"], parts["link_targets"]
    if base is None:
        if targets:
            yield Finding(("link_targets",), "link_targets_unused", on_key=True)
        return
    if parts["click_tracking"] != "per_message" or not parts["variables_allowed"]:
        yield Finding(("short_links",), "short_links_need_per_message")
    if not base.startswith("https://") and not is_loopback(base):
        yield Finding(("short_links",), "short_links_not_https")
    if "?" in base or "#" in base:
        yield Finding(("short_links",), "short_links_not_plain")
    if not targets:
        yield Finding(("short_links",), "link_targets_missing")
    filed = parts.get("filed_templates", ())
    if BATCH_RULES[parts["adapter"]] != "any" and filed and not any(_holds_code(each, base) for each in filed):
        yield Finding(("short_links",), "short_links_not_filed", {"base": base.rstrip("/")})


def _holds_code(template: FiledTemplate, base: str) -> bool:
    """Whether a filed text has the address written out and only the code as a variable, as providers want it."""
    return re.search(rf"{re.escape(base.rstrip('/'))}/\$?\{{\w+\}}", template.text) is not None


def _check_templates(parts: Mapping[str, Any]) -> Iterator[Finding]:
    if {"adapter", "filed_templates"} <= parts.keys():
        takes_codes = BATCH_RULES[parts["adapter"]] != "any"
        if takes_codes and not parts["filed_templates"]:
            yield Finding(("filed_templates",), "filed_templates_missing", {"adapter": parts["adapter"]})
        if parts["filed_templates"] and not takes_codes:
            yield Finding(("filed_templates",), "filed_templates_unused", on_key=True)


def load_channel(path: Path, *, lang: Lang = "zh") -> Loaded[ChannelRecord]:
    """Read a channel's record; raises `BadFile` with every problem."""
    return read_yaml(path, ChannelRecord, lang=lang)
