"""Why a text is not YAML, said in words a marketer can act on instead of the parser's.

The parser notices most mistakes one line late or somewhere else; the usual ones have a look of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from ruamel.yaml.error import MarkedYAMLError

_KEY = r"\s*(?:-\s+)*[\w.-]+"
_FULL_WIDTH_COLON = re.compile(rf"({_KEY}\s*)：")
_MISSING_SPACE = re.compile(rf"({_KEY}:)[^\s:/]")
_OPEN_QUOTE = re.compile(rf"({_KEY}:\s+|\s*-\s+)(?:\"[^\"]*|'[^']*)$")
_VALUE = re.compile(rf"({_KEY}\s*:\s+|\s*-\s+)(\S.*)")
_ODD_INDENT = re.compile(r"[ ]*[\t\u00a0\u3000]")
_STARTS_ODDLY = re.compile(r"[@`%*&!]|[{\[][^{}\[\]]*[}\]]\s*[^\s,}\]#]")
_NO_COLON = re.compile(r"\s*[\w.]+(\s+[^:#]*)?$")
_BEGINS_EARLIER = ("unclosed_quote", "unclosed_bracket", "missing_colon")
"""Mistakes that the parser notices only where something else begins."""


class NotYaml(Exception):
    """The text cannot be read as YAML; `code` names the message, `line` and `column` count from 1."""

    def __init__(self, code: str, line: int, column: int) -> None:
        super().__init__(code, line, column)
        self.code = code
        self.line = line
        self.column = column


def diagnose(lines: Sequence[str], error: MarkedYAMLError) -> NotYaml:
    """Return the likeliest cause of a parser's error, looked for where it stopped and on the line before."""
    stopped = error.problem_mark or error.context_mark
    line, column = (stopped.line, stopped.column) if stopped else (0, 0)
    for number in _suspects(lines, line):
        for code, look in _LOOKS:
            found = look(lines[number])
            if found is not None:
                return NotYaml(code, number + 1, found + 1)
    if line > 0 and "mapping values are not allowed" in str(error.problem) and _NO_COLON.match(lines[line - 1]):
        return NotYaml("missing_colon", line, len(lines[line - 1]) - len(lines[line - 1].lstrip()) + 1)
    code = _by_parser(str(error.problem), str(error.context))
    if code in _BEGINS_EARLIER and error.context_mark:
        line, column = error.context_mark.line, error.context_mark.column
    return NotYaml(code, min(line, max(len(lines) - 1, 0)) + 1, column + 1)


def _suspects(lines: Sequence[str], line: int) -> Iterator[int]:
    """Yield the parser's line and the nearest written line above it."""
    if line < len(lines) and lines[line].strip():
        yield line
    for number in range(min(line, len(lines)) - 1, -1, -1):
        if lines[number].strip() and not lines[number].lstrip().startswith("#"):
            yield number
            return


def _by_parser(problem: str, context: str) -> str:
    if "escape" in problem:
        return "bad_escape"
    if "quoted scalar" in context:
        return "unclosed_quote"
    if "flow" in context:
        return "unclosed_bracket"
    if "mapping values are not allowed" in problem or "expected <block end>" in problem or "document start" in problem:
        return "bad_indentation"
    if "could not find expected ':'" in problem:
        return "missing_colon"
    return "not_yaml"


def _odd_indent(line: str) -> int | None:
    found = _ODD_INDENT.match(line)
    return found.end() - 1 if found else None


def _full_width_colon(line: str) -> int | None:
    found = _FULL_WIDTH_COLON.match(line)
    return found.end() - 1 if found else None


def _open_quote(line: str) -> int | None:
    found = _OPEN_QUOTE.match(line)
    return found.end(1) if found else None


def _missing_space(line: str) -> int | None:
    found = _MISSING_SPACE.match(line)
    return found.end(1) if found else None


def _needs_quotes(line: str) -> int | None:
    found = _VALUE.match(line)
    if found is None or found[2][0] in "'\"#|>":
        return None
    written = found[2].split(" #")[0]
    return found.start(2) if ": " in written or _STARTS_ODDLY.match(written) else None


_LOOKS: tuple[tuple[str, Callable[[str], int | None]], ...] = (
    ("tab_indent", _odd_indent),
    ("full_width_colon", _full_width_colon),
    ("missing_space", _missing_space),
    ("unclosed_quote", _open_quote),
    ("needs_quotes", _needs_quotes),
)
