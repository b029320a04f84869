"""Cells as a person names them: a carrier and a province, in the words of the reports or in Chinese."""

from __future__ import annotations

from collections.abc import Collection

from chuda.errors import UsageError

CARRIERS = {
    "mobile": "移动", "unicom": "联通", "telecom": "电信", "broadnet": "广电", "unknown": "未知",
}  # fmt: skip
_BY_NAME = {name: carrier for carrier, zh in CARRIERS.items() for name in (carrier, zh, f"中国{zh}")}


def read_cell(carrier: str, province: str, provinces: Collection[str]) -> tuple[str, str]:
    """The carrier and province that are meant, as the ledger writes them.

    Raises:
        UsageError: there is none of that name; a route for it would never be used.
    """
    known = _BY_NAME.get(carrier.strip().lower())
    if known is None:
        listed = ", ".join(f"{name} ({zh})" for name, zh in CARRIERS.items())
        raise UsageError(f"there is no carrier {carrier!r}; there are: {listed}")
    short = province.strip().removesuffix("省").removesuffix("市")
    if short not in provinces and short != "unknown":
        raise UsageError(f"there is no province {province!r}; there are: {', '.join(sorted(provinces))}")
    return known, short
