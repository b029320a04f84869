"""Telling whoever listens what each stage did; Prefect takes only data as parameters, so listeners stand here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

from chuda.results import StageResult
from chuda.workspace import open_workspace

Listener = Callable[[StageResult, float], None]


def _silent(_result: StageResult, _seconds: float) -> None:
    """Nobody listens."""


@dataclass
class Progress:
    """Tells a listener what each stage did and how long it took."""

    listener: Listener = _silent
    results: list[StageResult] = field(default_factory=list)

    def run(self, stage: Callable[[], StageResult]) -> StageResult:
        """Run one stage and tell about it."""
        started = perf_counter()
        result = stage()
        self.results.append(result)
        self.listener(result, perf_counter() - started)
        return result


_listeners: list[Listener] = []


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Have `listener` told about every stage of the flows run meanwhile.

    What is wrong with the workspace is told before Prefect starts: a `UsageError`, as `open_workspace` raises it.
    """
    with open_workspace():
        _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.pop()


def current_progress() -> Progress:
    """A progress that tells whoever listens now."""
    return Progress(_listeners[-1] if _listeners else _silent)
