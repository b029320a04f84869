"""The base of every model that a person fills in by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, model_validator

from chuda.files.problems import Finding
from chuda.files.types import wrong


class FileModel(BaseModel):
    """A frozen section of a file: unknown keys are refused, and what its keys say must fit together."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    secret_keys: ClassVar[frozenset[str]] = frozenset()
    """Keys whose values appear in no message."""

    removed_keys: ClassVar[Mapping[str, str]] = {}
    """Keys people expect here and must put elsewhere: key -> code of the message that says where."""

    @classmethod
    def cross_check(cls, parts: Mapping[str, Any]) -> Iterable[Finding]:  # noqa: ARG003 - for the models below
        """Say what does not fit together; `parts` holds the values that are right by themselves, defaults included."""
        return ()

    @model_validator(mode="after")
    def _refuse_contradictions(self) -> Self:
        # Of the models below it each has checked itself, so one level is enough.
        parts = {name: getattr(self, name) for name in type(self).model_fields}
        for finding in self.cross_check(parts):
            if finding.severity == "error":
                raise wrong(finding.code, **finding.context)
        return self
