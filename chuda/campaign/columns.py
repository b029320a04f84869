"""The columns of a contact that a condition may name, with what they mean and which values they take.

The table of tags is filled by the segments room; a segment's condition and a campaign's `audience.where` see exactly
these columns. Life stages and days move by themselves every night.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

ColumnKind = Literal["number", "text", "list"]


@dataclass(frozen=True, slots=True)
class TagColumn:
    """One column: `values` lists every value it takes where that is a closed list; `meaning` is for readers."""

    name: str
    kind: ColumnKind
    meaning: str
    values: tuple[str, ...] = ()


_COLUMNS = (
    TagColumn("recency_days", "number", "距最近一次下单的天数；没有订单时为空"),
    TagColumn("order_count", "number", "订单数"),
    TagColumn("total_spent", "number", "累计消费（元）"),
    TagColumn("average_amount", "number", "客单价（元）；没有订单时为空"),
    TagColumn("r_score", "number", "RFM 的 R：1–5，5 最近；没有订单时为空"),
    TagColumn("f_score", "number", "RFM 的 F：1–5，5 最频繁；没有订单时为空"),
    TagColumn("m_score", "number", "RFM 的 M：1–5，5 消费最高；没有订单时为空"),
    TagColumn("spending", "text", "消费层级", ("high", "middle", "low", "none")),
    TagColumn("frequency", "text", "购买频次", ("frequent", "regular", "occasional", "once", "none")),
    TagColumn("lifecycle", "text", "客户生命周期", ("new", "active", "sleeping", "lost", "prospect")),
    TagColumn("price_sensitivity", "text", "价格敏感度", ("high", "middle", "low", "unknown")),
    TagColumn("discount_share", "number", "用了优惠的订单占比（0–1）；没有订单时为空"),
    TagColumn("province", "text", "省份简称，如 广东"),
    TagColumn("city", "text", "城市简称，如 深圳"),
    TagColumn("region_tier", "text", "城市级别：一线、新一线、其他、港澳台", ("tier1", "new_tier1", "other", "hmt")),
    TagColumn(
        "carrier",
        "text",
        "运营商；回执表明已携号转网的为 ported；港澳台号码为空",
        ("mobile", "unicom", "telecom", "broadnet", "ported"),
    ),
    TagColumn("number_type", "text", "号码类型：基础运营商或虚拟运营商", ("mobile", "mvno")),
    TagColumn("phone_region", "text", "号码所属地区", ("CN", "HK", "MO", "TW")),
    TagColumn("gender", "text", "性别；未知时为空", ("f", "m")),
    TagColumn("language", "text", "短信语言", ("zh-Hans", "zh-Hant", "en")),
    TagColumn("life_stage", "text", "母婴阶段，随日期自动推进", ("pregnant", "age_0_1", "age_1_3", "age_3_6", "none")),
    TagColumn("points", "number", "现有积分"),
    TagColumn("points_expire_in_days", "number", "积分还有几天到期；没有到期日时为空"),
    TagColumn("birthday_in_days", "number", "离下一个生日的天数；生日未知时为空"),
    TagColumn("tags", "list", "导入时带来的标签，用 list_contains(tags, 'vip') 判断"),
)

TAG_COLUMNS: Mapping[str, TagColumn] = MappingProxyType({column.name: column for column in _COLUMNS})
"""Every column a condition may name, by name, in the order of the documentation."""
