"""The page about campaign files says what the code does: every key, choice and column, and examples that work."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from chuda.campaign import (
    TAG_COLUMNS,
    Audience,
    Campaign,
    Experiment,
    Layer,
    Recurring,
    Reply,
    Schedule,
    Template,
    Variant,
)
from chuda.campaign.schedule import OFFSETS_OF_EVENTS
from chuda.files import BadFile, FileModel, parse_yaml
from chuda.files.reader import choices_of
from tests.chuda.campaign.campaign_cases import SOUND

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/campaign-file.md").read_text(encoding="utf-8")
MODELS = (Campaign, Audience, Template, Schedule, Recurring, Experiment, Layer, Variant, Reply)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_key_and_choice_is_documented(model: type[FileModel]) -> None:
    words = set(re.findall(r"[\w-]+", PAGE))
    for name, info in model.model_fields.items():
        assert name in words, name
        for choice in choices_of(info.annotation):
            assert choice in words, f"{name}: {choice}"


def test_every_column_is_documented_with_its_values() -> None:
    for column in TAG_COLUMNS.values():
        values = " ".join(f"`{value}`" for value in column.values)
        assert re.sub(r" +", " ", f"| `{column.name}` | {column.kind} | {column.meaning} | {values} |") in PAGE
    header = (ROOT / "data/reference/segments.yaml").read_text(encoding="utf-8").split("segments:")[0]
    assert set(TAG_COLUMNS) <= set(re.findall(r"\w+", header))


def test_the_offsets_of_events_are_documented() -> None:
    for event, (low, high) in OFFSETS_OF_EVENTS.items():
        assert f"| `{event}` | {low} to {high}" in PAGE


def blocks(language: str) -> list[str]:
    """The fenced blocks of the page in one language."""
    found: list[Any] = re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)
    return found


def test_the_whole_file_of_the_page_is_sound() -> None:
    whole = next(block for block in blocks("yaml") if block.startswith("id:"))
    assert parse_yaml(whole, "page.yaml", Campaign).value.id == "spring-sale"


def test_the_messages_of_the_page_are_the_real_ones() -> None:
    sound = SOUND.split("\n", 1)[1]
    broken = sound.replace(": marketing", ": markting").replace('"10:30-11:30"', "10:30").replace("0.15", "0.5")
    with pytest.raises(BadFile) as caught:
        parse_yaml(broken, "data/campaigns/spring.yaml", Campaign)
    assert str(caught.value).splitlines() == blocks("")[0].splitlines()
