"""What a content check finds in one text: the rule, the place, the words for a person, the law behind it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from chuda.phones import mask_phones

Severity = Literal["block", "flag"]
Language = Literal["zh", "en"]


@dataclass(frozen=True, slots=True)
class Said:
    """The same sentence in Chinese and English."""

    zh: str
    en: str

    def fill(self, **values: object) -> Said:
        """The sentence with its `{placeholders}` filled, the same values in both languages."""
        return Said(self.zh.format(**values), self.en.format(**values))


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a check found; `start` and `end` are character positions in the text (from 0, end exclusive).

    `block` means that the text must not be sent, `flag` that a person has to look. `excerpt` is the text between the
    two positions with phone numbers masked. `message_key` names the finding in any language; frames of findings
    carry the same key.
    """

    rule: str
    severity: Severity
    start: int
    end: int
    excerpt: str
    message_key: str
    message_zh: str
    message_en: str
    law: str
    law_en: str
    advice: str
    advice_en: str

    def message(self, language: Language) -> str:
        """The message in the reader's language."""
        return self.message_zh if language == "zh" else self.message_en


def format_finding(finding: Finding, text: str, name: str, language: Language = "zh") -> str:
    """One line as a linter prints it: `name:line:column: severity key message – advice (law)`, counted from 1."""
    line = text.count("\n", 0, finding.start) + 1
    column = finding.start - text.rfind("\n", 0, finding.start)
    advice, law = (finding.advice, finding.law) if language == "zh" else (finding.advice_en, finding.law_en)
    message = finding.message(language)
    return f"{name}:{line}:{column}: {finding.severity} {finding.message_key} {message} – {advice} ({law})"


@dataclass(frozen=True, slots=True)
class Notice:
    """Everything about a kind of finding that does not depend on the text it is found in."""

    key: str
    severity: Severity
    message: Said
    law: Said
    advice: Said

    @property
    def rule(self) -> str:
        """The check this notice belongs to: the part of the key before the dot."""
        return self.key.partition(".")[0]

    def fill(self, **values: object) -> Notice:
        """The notice with the placeholders of message and advice filled (they must not need an excerpt)."""
        return replace(self, message=self.message.fill(**values), advice=self.advice.fill(**values))

    def at(self, text: str, start: int, end: int, **values: object) -> Finding:
        """The finding at `text[start:end]`; `values` fill the placeholders of message and advice."""
        excerpt = mask_phones(text[start:end])
        message = self.message.fill(excerpt=excerpt, **values)
        advice = self.advice.fill(excerpt=excerpt, **values)
        return Finding(
            rule=self.rule,
            severity=self.severity,
            start=start,
            end=end,
            excerpt=excerpt,
            message_key=self.key,
            message_zh=message.zh,
            message_en=message.en,
            law=self.law.zh,
            law_en=self.law.en,
            advice=advice.zh,
            advice_en=advice.en,
        )
