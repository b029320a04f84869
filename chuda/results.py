"""What travels between stages: small frozen references, never frames, never phone numbers."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class StageResult:
    """What a stage published: where, how many rows came in and went out, and what it held back and why."""

    stage: str
    table: str
    rows_in: int
    rows_out: int
    rejected: dict[str, int] = field(default_factory=dict)
    verdict: str = "passed"
    details: dict[str, str] = field(default_factory=dict)
