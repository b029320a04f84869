"""Who a campaign is for: segments, a condition on tags, segments left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import Field

from chuda.campaign.condition import ConditionText
from chuda.files import Finding
from chuda.files.model import FileModel
from chuda.files.types import Names


class Audience(FileModel):
    """Everybody in any of `segments` who also meets `where`, but for those in any of `exclude_segments`."""

    segments: Names = Field((), description="分群，满足任一即可 / segments; being in one of them is enough")
    where: ConditionText | None = Field(None, description="标签条件（SQL 的一小部分） / a condition on tag columns")
    exclude_segments: Names = Field((), description="要排除的分群 / segments to leave out")

    @classmethod
    def cross_check(cls, parts: Mapping[str, Any]) -> Iterable[Finding]:
        """Everybody has to be asked for by name, and nobody can be both in and out."""
        return _check_audience(parts)


def _check_audience(parts: Mapping[str, Any]) -> Iterator[Finding]:
    if not {"segments", "where", "exclude_segments"} <= parts.keys():
        return
    if not parts["segments"] and parts["where"] is None:
        yield Finding((), "audience_empty")
    for place, name in enumerate(parts["exclude_segments"]):
        if name in parts["segments"]:
            yield Finding(("exclude_segments", place), "segment_in_and_out", {"name": name})
