"""Segment definitions: a name, a label, a condition on tag columns; the shipped ones and those a user adds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from chuda.campaign.condition import ConditionText
from chuda.files import Finding, Lang, load_yaml
from chuda.files.model import FileModel
from chuda.files.types import Items, Slug, Text


class Segment(FileModel):
    """One segment: everybody who meets `condition`."""

    name: Slug = Field(description="分群名，活动文件里用它 / the name campaigns use")
    label: Text = Field(description="给人看的名称 / a label for people")
    condition: ConditionText = Field(description="标签条件 / a condition on tag columns")


class SegmentFile(FileModel):
    """A file of segment definitions; names are unique."""

    segments: Items[Segment]

    @classmethod
    def cross_check(cls, parts: Mapping[str, Any]) -> Iterable[Finding]:
        """No name twice."""
        seen: set[str] = set()
        for place, segment in enumerate(parts.get("segments", ())):
            if segment.name in seen:
                yield Finding(("segments", place, "name"), "listed_twice", {"raw": segment.name})
            seen.add(segment.name)


def load_segments(path: Path, *, lang: Lang = "zh") -> tuple[Segment, ...]:
    """Read segment definitions in the order of the file; raises `BadFile` with every problem."""
    return load_yaml(path, SegmentFile, lang=lang).segments
