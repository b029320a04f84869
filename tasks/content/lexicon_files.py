"""The lexicon files a person edits: their shape, and how they become a `Lexicon`.

A file holds groups; an entry inherits severity, law and advice from its group and may override them. A user's own
file adds groups, adds exceptions to shipped entries, and switches entries off, each with its reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

import polars as pl

from chuda.errors import UsageError
from chuda.files.model import FileModel
from chuda.files.reader import load_yaml
from chuda.files.types import Items, Slug, Text, Texts
from tasks.content.findings import Notice, Said, Severity
from tasks.content.folding import fold_word
from tasks.content.lexicon import Category, Entry, Lexicon, MessageType, Tier, compile_matcher, compile_phrases

TIER_FILES: tuple[Tier, ...] = ("statutory", "derived", "trade", "provider")
FORMS_FILE = "traditional_forms.yaml"


class EntryFile(FileModel):
    """One entry: words, or a regex over the folded text in the syntax that Python and Rust share."""

    id: Slug
    words: Texts = ()
    regex: Text | None = None
    exceptions: Texts = ()
    exception_regexes: Texts = ()
    severity: Literal["block", "flag"] | None = None
    law: Text | None = None
    law_en: Text | None = None
    advice: Text | None = None
    advice_en: Text | None = None
    needs_authorisation: Slug | None = None


class GroupFile(FileModel):
    """Entries that share what they are, why they are listed and what to write instead."""

    id: Slug
    category: Literal["promise", "absolute", "trade", "purpose", "provider"]
    severity: Literal["block", "flag"]
    law: Text
    law_en: Text
    advice: Text
    advice_en: Text
    needs_authorisation: Slug | None = None
    message_types: Items[Literal["marketing", "notification", "otp"]] = ()
    trades: Items[Slug] = ()
    entries: tuple[EntryFile, ...]


class TierFile(FileModel):
    """One of the shipped lexicons."""

    tier: Literal["statutory", "derived", "trade", "provider"]
    groups: tuple[GroupFile, ...]


class FormsFile(FileModel):
    """Traditional characters and their simplified forms, as pairs separated by spaces."""

    pairs: Text


class OffFile(FileModel):
    """A shipped entry that does not bind this user, and why."""

    id: Slug
    reason: Text


class ExceptionFile(FileModel):
    """Phrases that make a shipped entry harmless for this user."""

    id: Slug
    phrases: Texts


class UserFile(FileModel):
    """A user's own lexicon file."""

    groups: tuple[GroupFile, ...] = ()
    exceptions: tuple[ExceptionFile, ...] = ()
    off: tuple[OffFile, ...] = ()


_SAID: Mapping[Category, Said] = {
    "promise": Said("“{excerpt}”是诱导或承诺性用语", "“{excerpt}” is an inducement or a promise"),
    "absolute": Said("“{excerpt}”是绝对化用语", "“{excerpt}” is an absolute claim"),
    "trade": Said("“{excerpt}”属于禁止发布的内容", "“{excerpt}” must not be advertised"),
    "purpose": Said("“{excerpt}”是营销内容，不能出现在通知短信里", "“{excerpt}” is marketing in a service message"),
    "provider": Said("“{excerpt}”常被通道商拦截", "“{excerpt}” is often refused by providers"),
}
_LICENSED = Said(
    "“{excerpt}”是须授权行业的用语，档案里没有“%s”授权",
    "“{excerpt}” needs the authorisation “%s”, which is not on record",
)
_CROSSING = Said("（词被标点隔开，请人工确认）", " (cut by punctuation: have a person look)")


def load_lexicon(directory: Path, user_file: Path | None = None) -> Lexicon:
    """Load the shipped lexicons of `directory` and a user's own file; raises `UsageError` naming file and entry."""
    forms = load_forms(directory / FORMS_FILE)
    entries: dict[str, Entry] = {}
    for tier in TIER_FILES:
        path = directory / f"{tier}.yaml"
        _add_groups(entries, load_yaml(path, TierFile).groups, tier, forms, path)
    if user_file is None:
        return Lexicon(tuple(entries.values()), forms)
    user = load_yaml(user_file, UserFile)
    _add_exceptions(entries, user.exceptions, forms, user_file)
    off = {each.id: each.reason for each in user.off}
    for entry_id in off:
        _known(entries, entry_id, user_file)
    _add_groups(entries, user.groups, "user", forms, user_file)
    kept = tuple(entry for entry in entries.values() if entry.id not in off)
    return Lexicon(kept, forms, tuple(sorted(off.items())))


def load_forms(path: Path) -> dict[str, str]:
    """Load the table of traditional characters; raises `UsageError` for anything but pairs of two characters."""
    forms: dict[str, str] = {}
    for pair in load_yaml(path, FormsFile).pairs.split():
        if len(pair) != 2 or pair[0] == pair[1] or pair[0] in forms:
            raise UsageError(f"{path}: “{pair}” is not a new pair of a traditional and a simplified character")
        forms[pair[0]] = pair[1]
    return forms


def _add_groups(
    entries: dict[str, Entry], groups: Iterable[GroupFile], tier: Tier, forms: Mapping[str, str], path: Path
) -> None:
    for group in groups:
        for item in group.entries:
            if item.id in entries:
                raise UsageError(f"{path}: the id “{item.id}” is used twice; give each entry its own id")
            entries[item.id] = _build_entry(group, item, tier, forms, path)


def _add_exceptions(
    entries: dict[str, Entry], exceptions: Iterable[ExceptionFile], forms: Mapping[str, str], path: Path
) -> None:
    for item in exceptions:
        entry = _known(entries, item.id, path)
        added = compile_phrases((fold_word(phrase, forms) for phrase in item.phrases), ())
        old = entry.matcher.exempt
        sources = [each.polars for each in (added, old) if each is not None]
        matcher = replace(entry.matcher, exempt=compile_phrases((), sources))
        entries[item.id] = replace(entry, matcher=matcher)


def _known(entries: Mapping[str, Entry], entry_id: str, path: Path) -> Entry:
    if entry_id not in entries:
        raise UsageError(f"{path}: there is no lexicon entry “{entry_id}”; `chuda check` shows the id of each finding")
    return entries[entry_id]


def _build_entry(group: GroupFile, item: EntryFile, tier: Tier, forms: Mapping[str, str], path: Path) -> Entry:
    if not item.words and item.regex is None:
        raise UsageError(f"{path}: the entry “{item.id}” has neither words nor a regex")
    _check_regexes(item, path)
    severity: Severity = item.severity or group.severity
    authorisation = item.needs_authorisation or group.needs_authorisation
    exempt = compile_phrases((fold_word(each, forms) for each in item.exceptions), item.exception_regexes)
    words = [fold_word(word, forms) for word in item.words]
    if "" in words:
        raise UsageError(
            f"{path}: a word of the entry “{item.id}” consists of symbols only; list those in symbols.yaml"
        )
    category: Category = group.category
    types: tuple[MessageType, ...] = group.message_types
    notice = _notice(group, item, severity, authorisation)
    return Entry(
        id=item.id,
        tier=tier,
        category=category,
        notice=notice,
        crossing_notice=_crossing(notice),
        matcher=compile_matcher(words, item.regex, exempt, is_blocking=severity == "block"),
        needs_authorisation=authorisation,
        message_types=types,
        trades=group.trades,
    )


def _check_regexes(item: EntryFile, path: Path) -> None:
    for regex in (*((item.regex,) if item.regex else ()), *item.exception_regexes):
        try:
            re.compile(regex)
            pl.Series([""]).str.contains(regex)
        except (re.error, pl.exceptions.ComputeError):
            raise UsageError(
                f"{path}: the regex “{regex}” of the entry “{item.id}” cannot be used; "
                "look-around and back-references are not available"
            ) from None


def _notice(group: GroupFile, item: EntryFile, severity: Severity, authorisation: str | None) -> Notice:
    message = _SAID[group.category]
    if authorisation is not None:
        message = Said(_LICENSED.zh % authorisation, _LICENSED.en % authorisation)
    law = Said(item.law or group.law, item.law_en or group.law_en)
    # Advice is a person's prose, so its braces are text, not placeholders.
    advice = Said(_literal(item.advice or group.advice), _literal(item.advice_en or group.advice_en))
    return Notice(f"{group.category}.{item.id}", severity, message, law, advice)


def _literal(prose: str) -> str:
    return prose.replace("{", "{{").replace("}", "}}")


def _crossing(notice: Notice) -> Notice:
    message = Said(notice.message.zh + _CROSSING.zh, notice.message.en + _CROSSING.en)
    return replace(notice, key=f"{notice.key}~", severity="flag", message=message)
