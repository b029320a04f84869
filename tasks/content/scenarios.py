"""The library of ready templates: one file per trade, each template with typical values that show how it reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from chuda.errors import UsageError
from chuda.files.model import FileModel
from chuda.files.reader import load_yaml
from chuda.files.types import Constants, Slug, Text
from tasks.content.lexicon import MessageType
from tasks.content.templates import Template, TemplateError, parse_template
from tasks.content.variables import Language

LIBRARY_FOLDER = "templates"


class LanguagesFile(FileModel):
    """The texts of one template by language."""

    zh_hans: Text
    zh_hant: Text | None = None
    en: Text | None = None


class ScenarioFile(FileModel):
    """One ready template; `shorter` stands in where values make it too long, `typical` overrides the trade's values."""

    id: Slug
    name: Text
    type: Literal["marketing", "notification", "otp"]
    texts: LanguagesFile
    shorter: Text | None = None
    typical: Constants = Field(default_factory=dict)


class LibraryFile(FileModel):
    """The templates of one trade and the values typical for it."""

    trade: Slug
    name: Text
    typical: Constants
    typical_en: Constants = Field(default_factory=dict)
    templates: tuple[ScenarioFile, ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A ready template; `id` is `trade/name`, the key of a channel's template codes.

    `typical` holds, by language, values for previews.
    """

    id: str
    name: str
    trade: str
    message_type: MessageType
    texts: Mapping[Language, Template]
    shorter: Template | None
    typical: Mapping[Language, Mapping[str, str]]


def load_library(directory: Path) -> dict[str, Scenario]:
    """Load every file of the library, by template id; raises `UsageError` with file and template for a mistake."""
    scenarios: dict[str, Scenario] = {}
    for path in sorted(directory.glob("*.yaml")):
        for scenario in load_trade(path):
            if scenario.id in scenarios:
                raise UsageError(f"{path}: the template id “{scenario.id}” is used twice; give each its own id")
            scenarios[scenario.id] = scenario
    return scenarios


def load_trade(path: Path) -> list[Scenario]:
    """Load the templates of one file."""
    file = load_yaml(path, LibraryFile)
    return [_build(item, file, path) for item in file.templates]


def _build(item: ScenarioFile, file: LibraryFile, path: Path) -> Scenario:
    written: dict[Language, str | None] = {
        "zh-Hans": item.texts.zh_hans,
        "zh-Hant": item.texts.zh_hant,
        "en": item.texts.en,
    }
    texts = {language: _parse(text, language, item, path) for language, text in written.items() if text is not None}
    return Scenario(
        id=f"{file.trade}/{item.id}",
        name=item.name,
        trade=file.trade,
        message_type=item.type,
        texts=texts,
        shorter=None if item.shorter is None else _parse(item.shorter, "zh-Hans", item, path),
        typical={
            language: {**file.typical, **item.typical, **(file.typical_en if language == "en" else {})}
            for language in texts
        },
    )


def _parse(text: str, language: Language, item: ScenarioFile, path: Path) -> Template:
    try:
        return parse_template(text, language)
    except TemplateError as error:
        raise TemplateError(f"{path}: template “{item.id}” ({language}): {error}", error.offset) from None
