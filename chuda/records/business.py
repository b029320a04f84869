"""The business that sends: its name on the licence, the names it may sign with, what it is authorised for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from chuda.campaign.slot import LEGAL_WINDOW, SlotText
from chuda.files import Finding, Lang, Loaded, read_yaml
from chuda.files.model import FileModel
from chuda.files.types import Day, Items, Slug, Text, wrong


def _check_name(value: str) -> str:
    if any(character in "【】[]" for character in value):
        raise wrong("name_with_brackets")
    return value


SignatureName = Annotated[Text, AfterValidator(_check_name)]


class Authorisation(FileModel):
    """Leave to advertise in a restricted trade, such as finance or medicine."""

    trade: Slug = Field(description="行业")
    number: Text = Field(description="批准文号")
    expires_on: Day = Field(description="有效期至（含）")
    evidence: Text | None = Field(None, description="证据")


class BusinessRecord(FileModel):
    """The sender of campaigns. Test phones are not kept here but encrypted in the vault."""

    removed_keys: ClassVar[Mapping[str, str]] = {
        "test_phones": "test_phones_elsewhere",
        "phones": "test_phones_elsewhere",
    }

    name: Slug = Field(description="档案名，活动文件的 sender 可以用它")
    licence_name: Text = Field(description="营业执照上的名称")
    signatures: Items[SignatureName] = Field((), description="与营业执照一致的签名（全称或简称），不带【】")
    trademarks: Items[SignatureName] = Field((), description="注册商标")
    app_names: Items[SignatureName] = Field((), description="已备案的 App 名称")
    authorisations: Items[Authorisation] = Field((), description="受限行业的授权")
    working_hours: SlotText = Field(LEGAL_WINDOW, description="账号工作时间，之外一律不发")

    @classmethod
    def cross_check(cls, parts: Mapping[str, Any]) -> Iterable[Finding]:
        """Each trade is authorised once."""
        seen: set[str] = set()
        for place, each in enumerate(parts.get("authorisations", ())):
            if each.trade in seen:
                yield Finding(("authorisations", place, "trade"), "listed_twice", {"raw": each.trade})
            seen.add(each.trade)

    @property
    def allowed_signatures(self) -> frozenset[str]:
        """Every name it may put between 【】."""
        return frozenset({self.licence_name, *self.signatures, *self.trademarks, *self.app_names})

    def is_authorised(self, trade: str, today: date) -> bool:
        """Whether an authorisation for a trade is on record and valid today."""
        return any(each.trade == trade and today <= each.expires_on for each in self.authorisations)


def load_business(path: Path, *, lang: Lang = "zh") -> Loaded[BusinessRecord]:
    """Read a business record; raises `BadFile` with every problem."""
    return read_yaml(path, BusinessRecord, lang=lang)
