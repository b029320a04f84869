"""Checking drafts as a linter does: texts or templates by line, each finding with file, line and column."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from chuda.errors import UsageError
from tasks.content.checks import check_text
from tasks.content.context import ContentContext
from tasks.content.findings import Finding, Language
from tasks.content.notices import TEMPLATE_UNREADABLE
from tasks.content.parts import count_parts, count_units
from tasks.content.template_checks import check_template
from tasks.content.templates import TemplateError, parse_template

_VARIABLE = re.compile(r"\{([a-z][a-z0-9_]*)(?:\|[^{}]*)?\}")
_FILE_ENDINGS = (".txt", ".md", ".csv", ".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Draft:
    """One text to check: where it stands, and what it says. `line` counts from 1 in a file, from stdin or the shell."""

    name: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class LintedDraft:
    """A draft with its findings; `units` and `parts` are None for a template, whose length depends on its values."""

    draft: Draft
    findings: tuple[Finding, ...]
    units: int | None
    parts: int | None


def read_drafts(target: str, stdin: Iterator[str]) -> list[Draft]:
    """The drafts a person means: `-` reads stdin, a file is read line by line, everything else is a text itself.

    Empty lines and lines beginning with # are left out.

    Raises:
        UsageError: a file that is not there or is no text.
    """
    if target == "-":
        return list(_by_line("stdin", stdin))
    path = Path(target)
    if len(target.encode()) < 256 and path.is_file():
        return list(_by_line(target, _decode(path).splitlines()))
    if target.endswith(_FILE_ENDINGS):
        raise UsageError(f"没有这个文件 / there is no file {target}; a text itself goes in quotes")
    return [Draft("text", 1, target)]


def _by_line(name: str, lines: Iterator[str] | Sequence[str]) -> Iterator[Draft]:
    for number, line in enumerate(lines, start=1):
        text = line.rstrip("\r\n")
        if text.strip() and not text.startswith("#"):
            yield Draft(name, number, text)


def _decode(path: Path) -> str:
    raw = path.read_bytes()
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UsageError(f"{path} 不是文本文件 / is no text file; save it as UTF-8, one text a line")


def lint(draft: Draft, context: ContentContext) -> LintedDraft:
    """Check one draft: as a template if it has `{variables}`, else as the text that somebody would get."""
    names = tuple(dict.fromkeys(_VARIABLE.findall(draft.text)))
    if not names:
        text = draft.text
        units, parts = count_units(text, context.region), count_parts(text, context.region)
        return LintedDraft(draft, tuple(check_text(text, context)), units, parts)
    try:
        template = parse_template(draft.text, constants=names)
    except TemplateError as error:
        place = min(error.offset, len(draft.text))
        found = TEMPLATE_UNREADABLE.at(draft.text, place, min(place + 1, len(draft.text)), said=str(error))
        return LintedDraft(draft, (found,), None, None)
    return LintedDraft(draft, tuple(check_template(template, context)), None, None)


def describe(linted: LintedDraft, finding: Finding, language: Language) -> dict[str, object]:
    """A finding as plain values; columns count from 1, `end_column` is the first one after it."""
    zh = language == "zh"
    return {
        "file": linted.draft.name, "line": linted.draft.line, "column": finding.start + 1,
        "end_column": finding.end + 1, "severity": finding.severity, "rule": finding.rule,
        "key": finding.message_key, "excerpt": finding.excerpt, "message": finding.message(language),
        "law": finding.law if zh else finding.law_en, "advice": finding.advice if zh else finding.advice_en,
    }  # fmt: skip
