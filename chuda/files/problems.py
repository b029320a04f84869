"""What is wrong in a file a person wrote: the problem, where it is, what to do, and the error that carries all of them.

No phone number gets into a message: every text passes `chuda.phones.mask_phones` on its way here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from chuda.errors import UsageError

Lang = Literal["zh", "en"]
Severity = Literal["error", "warning"]
Loc = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a file, printed as a linter does: `file:line:column: what is wrong – what to do`.

    `line` and `column` count from 1; `code` is stable and the same in every language.
    """

    path: str
    line: int
    column: int
    code: str
    message: str
    advice: str
    severity: Severity = "error"

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.message} – {self.advice}"


class BadFile(UsageError):
    """A file a person wrote cannot be used; `problems` holds everything that is wrong in it (exit code 2)."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        # The arguments are what an unpickled copy is built from, so they stay structured.
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with a value, before it has a place in a file or words in a language.

    `loc` is the path of keys and indexes to the value, `offset` a position inside a text value (characters),
    `context` what the message of `code` in the catalogue names.
    """

    loc: Loc
    code: str
    context: Mapping[str, str] = field(default_factory=dict)
    severity: Severity = "error"
    offset: int | None = None
    on_key: bool = False

    def below(self, prefix: Loc) -> Finding:
        """The same finding seen from the whole file, where its model sits at `prefix`."""
        return Finding(prefix + self.loc, self.code, self.context, self.severity, self.offset, self.on_key)
