"""What a person states about an import: which columns mean what, and the consent that holds for the whole file."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class ConsentStatement(BaseModel):
    """Consent given outside the file by everybody in it: where, when and for what purpose."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = Field(min_length=1)
    at: AwareDatetime
    purpose: str = Field(min_length=1)


class CleanParameters(BaseModel):
    """How to clean one file.

    `mapping` names columns by meaning (phone: 客户联系方式). `consent_for_all` is the consent of everybody in a file
    *without* a consent column; in a file with one it only completes the evidence of those who consented. `now` bounds
    dates.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    now: AwareDatetime
    source_file: str = ""
    mapping: Mapping[str, str] = Field(default_factory=dict)
    consent_for_all: ConsentStatement | None = None
