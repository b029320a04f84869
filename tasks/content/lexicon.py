"""Small tiered lexicons of words a text must not (block) or should not (flag) contain, and how they are matched.

An entry is compiled twice from one source: for Python's `re`, where positions are needed, and for the regex engine of
Polars, where whole columns are searched. Both see the folded text (see `folding`), with the registered names and the
entry's exempt phrases walled off first, so both find the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from tasks.content.findings import Notice
from tasks.content.folding import CLAUSE_BREAK, GAP, WALL, Folded, fold, fold_word

Tier = Literal["statutory", "derived", "trade", "provider", "user"]
Category = Literal["promise", "absolute", "trade", "purpose", "provider"]
MessageType = Literal["marketing", "notification", "otp"]

_LATIN = "0-9a-z"
_IS_LATIN = re.compile(rf"[{_LATIN}%]+")
_STARTS_LATIN = re.compile(rf"[{_LATIN}]")


@dataclass(frozen=True, slots=True)
class Pattern:
    """One alternation in both dialects: `python` with look-around, `polars` with consuming guards."""

    python: re.Pattern[str]
    polars: str


@dataclass(frozen=True, slots=True)
class Matcher:
    """How an entry is found: Chinese words in the tight text, Latin ones in the spaced text.

    `crossing` finds Chinese words of blocking entries that a clause mark cuts in two: they are only flagged.
    `exempt` are phrases that make a word harmless.
    """

    tight: Pattern | None
    spaced: Pattern | None
    crossing: Pattern | None
    exempt: Pattern | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a lexicon with everything inherited from its group resolved."""

    id: str
    tier: Tier
    category: Category
    notice: Notice
    crossing_notice: Notice
    matcher: Matcher
    needs_authorisation: str | None = None
    message_types: tuple[MessageType, ...] = ()
    trades: tuple[str, ...] = ()

    def applies(self, message_type: MessageType, trade: str, authorisations: frozenset[str]) -> bool:
        """Whether the entry binds a text of this type, trade and set of authorisations on record."""
        return (
            (not self.message_types or message_type in self.message_types)
            and (not self.trades or trade in self.trades)
            and self.needs_authorisation not in authorisations
        )


@dataclass(frozen=True, slots=True)
class Match:
    """A word of an entry in a text, in positions of the original."""

    entry: Entry
    start: int
    end: int
    is_crossing: bool

    @property
    def notice(self) -> Notice:
        """What to say about it."""
        return self.entry.crossing_notice if self.is_crossing else self.entry.notice


@dataclass(frozen=True, slots=True)
class Lexicon:
    """All entries in force, the traditional forms they are matched through, and what a user switched off and why."""

    entries: tuple[Entry, ...]
    forms: Mapping[str, str]
    switched_off: tuple[tuple[str, str], ...] = ()

    def find(self, text: str, entries: Iterable[Entry], names: Pattern | None = None) -> list[Match]:
        """All matches of `entries` in a text, in its order; words inside the registered `names` do not count."""
        folded = fold(text, self.forms)
        tight = _wall_off(folded.tight, names)
        spaced = _wall_off(folded.spaced, names)
        found = (match for entry in entries for match in _find_entry(entry, folded, tight, spaced))
        return sorted(found, key=lambda match: (match.start, match.end))

    def compile_names(self, names: Iterable[str]) -> Pattern | None:
        """The pattern that walls off registered names (company, trade mark, app)."""
        return compile_phrases(sorted({fold_word(name, self.forms) for name in names}), ())


def compile_matcher(words: Iterable[str], regex: str | None, exempt: Pattern | None, *, is_blocking: bool) -> Matcher:
    """Compile the folded words and the regex of an entry."""
    ordered = sorted(set(words), key=lambda word: (-len(word), word))
    latin = [word for word in ordered if _IS_LATIN.fullmatch(word)]
    chinese = [word for word in ordered if word not in latin]
    spelled = [CLAUSE_BREAK.join(word) for word in chinese if len(word) > 2]
    sources = [_guarded(re.escape(word), word) for word in (*chinese, *spelled)]
    tight = _join([*sources, *([(regex, regex)] if regex else [])])
    spaced = _join([_guarded(f"{GAP}?".join(map(re.escape, word)), word) for word in latin])
    cut = [_guarded(f"{CLAUSE_BREAK}?".join(map(re.escape, word)), word) for word in chinese if len(word) > 1]
    return Matcher(tight, spaced, _join(cut) if is_blocking else None, exempt)


def compile_phrases(phrases: Iterable[str], regexes: Iterable[str]) -> Pattern | None:
    """Compile exempt phrases (folded) and exempt regexes; gaps inside a phrase do not matter."""
    ordered = sorted(set(phrases) - {""}, key=lambda phrase: (-len(phrase), phrase))
    loose = [f"{GAP}?".join(map(re.escape, phrase)) for phrase in ordered]
    return _join([(source, source) for source in (*loose, *regexes)])


def _guarded(source: str, word: str) -> tuple[str, str]:
    """A pattern that does not match inside a longer Latin word or number, for Python and for Polars."""
    left = bool(_STARTS_LATIN.match(word[0]))
    right = bool(_STARTS_LATIN.match(word[-1]))
    python = (f"(?<![{_LATIN}])" if left else "") + source + (f"(?![{_LATIN}])" if right else "")
    polars = (f"(?:^|[^{_LATIN}])" if left else "") + source + (f"(?:[^{_LATIN}]|$)" if right else "")
    return python, polars


def _join(sources: list[tuple[str, str]]) -> Pattern | None:
    if not sources:
        return None
    python, polars = (("|".join(f"(?:{each})" for each in dialect)) for dialect in zip(*sources, strict=True))
    return Pattern(re.compile(python), polars)


def _wall_off(text: str, pattern: Pattern | None) -> str:
    if pattern is None:
        return text
    return pattern.python.sub(lambda found: WALL * len(found[0]), text)


def _find_entry(entry: Entry, folded: Folded, tight: str, spaced: str) -> Iterator[Match]:
    """Matches of one entry; those cut by a clause mark only count where the entry is not found whole."""
    matcher = entry.matcher
    whole = [
        *_spans(matcher.tight, matcher.exempt, tight, folded.tight_origins),
        *_spans(matcher.spaced, matcher.exempt, spaced, folded.spaced_origins),
    ]
    cut = [] if whole else _spans(matcher.crossing, matcher.exempt, tight, folded.tight_origins)
    yield from (Match(entry, start, end, False) for start, end in whole)
    yield from (Match(entry, start, end, True) for start, end in cut)


def _spans(
    pattern: Pattern | None, exempt: Pattern | None, text: str, origins: tuple[int, ...]
) -> list[tuple[int, int]]:
    if pattern is None or not pattern.python.search(text):
        return []
    found = pattern.python.finditer(_wall_off(text, exempt))
    return [(origins[match.start()], origins[match.end() - 1] + 1) for match in found if match[0]]
