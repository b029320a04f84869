"""Templates as they were filed with a provider that takes a template's code and parameters instead of a text.

What is checked, counted and sealed is the text a person will read. The parameters are read back out of that text by
the filed wording, so that code + parameters can give nothing but that very text; a text that no filed template gives
does not leave.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from pydantic import Field

from chuda.files import Finding
from chuda.files.model import FileModel
from chuda.files.types import Text

_SIGNATURE = re.compile(r"【([^【】]+)】")
# `${name}` at Aliyun, `{1}` at Tencent Cloud.
_VARIABLE = re.compile(r"\$?\{([A-Za-z0-9_]{1,32})\}")


class FiledTemplate(FileModel):
    """One approved template: its code at the provider and its wording there, without the signature."""

    code: Text = Field(description="服务商的模板编号，如 SMS_460001 / 1110")
    text: Text = Field(description="报备的正文，不含签名；变量按服务商写法：${name} 或 {1}")

    @classmethod
    def cross_check(cls, parts: Mapping[str, Any]) -> Iterable[Finding]:
        """No signature in it; variables apart from each other, or nobody could tell where one ends."""
        text = parts.get("text")
        if text is None:
            return
        if _SIGNATURE.match(text):
            yield Finding(("text",), "filed_with_signature")
        if any(left.end() == right.start() for left, right in pairwise(_VARIABLE.finditer(text))):
            yield Finding(("text",), "filed_variables_touch")

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Its variables in their order, repeated ones repeatedly."""
        return tuple(found[1] for found in _VARIABLE.finditer(self.text))

    @cached_property
    def pattern(self) -> str:
        """A regular expression for the texts it gives, signature included; understood by Python, RE2 and Rust."""
        literals = [re.escape(piece) for piece in _VARIABLE.split(self.text)[::2]]
        return "^【[^【】]+】" + "(.+?)".join(literals) + "$"

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.pattern, re.DOTALL)

    @cached_property
    def _has_distinct_names(self) -> bool:
        return len(set(self.names)) == len(self.names)

    def read_parameters(self, text: str) -> dict[str, str] | None:
        """The parameters that give `text`, by name; None if it cannot give it."""
        found = self._compiled.match(text)
        if found is None:
            return None
        if self._has_distinct_names:
            return dict(zip(self.names, found.groups(), strict=True))
        parameters: dict[str, str] = {}
        for name, value in zip(self.names, found.groups(), strict=True):
            if parameters.setdefault(name, value) != value:
                return None
        return parameters


@dataclass(frozen=True, slots=True)
class FiledMessage:
    """A text taken apart: signature, template code and parameters in the order of the template."""

    signature: str
    code: str
    parameters: tuple[tuple[str, str], ...]


def take_apart(text: str, templates: Sequence[FiledTemplate]) -> FiledMessage | None:
    """The filed template that gives a text, or None if none does; of several the first."""
    signed = _SIGNATURE.match(text)
    if signed is None:
        return None
    for template in templates:
        parameters = template.read_parameters(text)
        if parameters is not None:
            return FiledMessage(signed[1], template.code, tuple(parameters.items()))
    return None
