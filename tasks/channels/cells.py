"""Cells as a person names them: a carrier and a province, in the words of the reports or in Chinese."""

from __future__ import annotations

from chuda.errors import UsageError

CARRIERS = {
    "mobile": "移动", "unicom": "联通", "telecom": "电信", "broadnet": "广电", "unknown": "未知",
}  # fmt: skip
PROVINCES = (
    "北京", "天津", "河北", "山西", "内蒙古", "辽宁", "吉林", "黑龙江", "上海", "江苏", "浙江",
    "安徽", "福建", "江西", "山东", "河南", "湖北", "湖南", "广东", "广西", "海南", "重庆",
    "四川", "贵州", "云南", "西藏", "陕西", "甘肃", "青海", "宁夏", "新疆",
)  # fmt: skip
"""As the numbers' table writes them."""
_BY_NAME = {name: carrier for carrier, zh in CARRIERS.items() for name in (carrier, zh, f"中国{zh}")}


def read_cell(carrier: str, province: str) -> tuple[str, str]:
    """The carrier and province that are meant, as the ledger writes them.

    Raises:
        UsageError: there is none of that name; a route for it would never be used.
    """
    known = _BY_NAME.get(carrier.strip().lower())
    if known is None:
        listed = ", ".join(f"{name} ({zh})" for name, zh in CARRIERS.items())
        raise UsageError(f"there is no carrier {carrier!r}; there are: {listed}")
    short = province.strip().removesuffix("省").removesuffix("市")
    if short not in PROVINCES and short != "unknown":
        raise UsageError(f"there is no province {province!r}; there are: {', '.join(PROVINCES)}")
    return known, short
