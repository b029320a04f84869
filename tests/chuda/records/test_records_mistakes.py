"""Each mistake in a channel's or the business's record is named with its place; cases are data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from chuda.files import BadFile, FileModel, parse_yaml
from chuda.records import BusinessRecord, ChannelRecord
from tests.chuda.records.record_cases import BUSINESS, CHANNEL

CASES: dict[str, list[dict[str, Any]]] = YAML(typ="safe", pure=True).load(Path(__file__).with_name("mistakes.yaml"))


def check(text: str, model: type[FileModel], case: dict[str, Any]) -> None:
    """The sound record with this mistake gives exactly these problems."""
    for old, new in case["edits"]:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    with pytest.raises(BadFile) as caught:
        parse_yaml(text, "record.yaml", model, lang="en")
    assert [problem.code for problem in caught.value.problems] == case["codes"]
    assert [str(problem) for problem in caught.value.problems] == [f"record.yaml:{line}" for line in case["en"]]


@pytest.mark.parametrize("case", CASES["channel"], ids=lambda case: case["mistake"])
def test_a_mistake_in_a_channel_is_named(case: dict[str, Any]) -> None:
    check(CHANNEL, ChannelRecord, case)


@pytest.mark.parametrize("case", CASES["business"], ids=lambda case: case["mistake"])
def test_a_mistake_in_the_business_record_is_named(case: dict[str, Any]) -> None:
    check(BUSINESS, BusinessRecord, case)


def test_the_sound_records_are_read() -> None:
    assert parse_yaml(CHANNEL, "record.yaml", ChannelRecord).value.name == "shop"
    assert parse_yaml(BUSINESS, "record.yaml", BusinessRecord).value.name == "orange-pomelo"
