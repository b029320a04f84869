"""The messages about files: what each code says in each language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from chuda.files.catalogue.campaign_messages import CAMPAIGN_MESSAGES
from chuda.files.catalogue.condition_messages import CONDITION_MESSAGES
from chuda.files.catalogue.experiment_messages import EXPERIMENT_MESSAGES
from chuda.files.catalogue.record_messages import RECORD_MESSAGES
from chuda.files.catalogue.value_messages import VALUE_MESSAGES
from chuda.files.catalogue.words import Message
from chuda.files.catalogue.yaml_messages import YAML_MESSAGES

CATALOGUE: Mapping[str, Message] = {
    **YAML_MESSAGES,
    **VALUE_MESSAGES,
    **CONDITION_MESSAGES,
    **CAMPAIGN_MESSAGES,
    **EXPERIMENT_MESSAGES,
    **RECORD_MESSAGES,
}

_TERMS: Mapping[str, tuple[str, str]] = {
    "@column": ("列名", "a column"),
    "@number": ("数字", "a number"),
    "@quoted": ("单引号里的文字，如 '广东'", "a text in single quotes, such as 'Guangdong'"),
}


def render(code: str, context: Mapping[str, str], lang: Literal["zh", "en"]) -> tuple[str, str]:
    """What is wrong and what to do, in words; a code without an entry (a check of pydantic's own) gets general ones."""
    entry = CATALOGUE.get(code, CATALOGUE["invalid_value"])
    chinese = lang == "zh"
    words = {key: _TERMS[value][not chinese] if value in _TERMS else value for key, value in context.items()}
    message, advice = (entry.zh, entry.zh_advice) if chinese else (entry.en, entry.en_advice)
    return message.format_map(words), advice.format_map(words)


__all__ = ["CATALOGUE", "Message", "render"]
