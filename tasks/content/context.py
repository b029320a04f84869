"""What a text is checked against: the sender, the type of message, the channel's rules and the reference data."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from chuda.message_types import rules_of
from tasks.content.lexicon import Category, Entry, Lexicon, MessageType, Pattern
from tasks.content.lexicon_files import load_lexicon
from tasks.content.parts import DEFAULT_MAX_UNITS, DOMESTIC, Region
from tasks.content.replies import ReplyWords, load_reply_words
from tasks.content.symbols import SymbolGroup, load_symbols

LinkRule = Literal["none", "filed", "text", "variables"]

LEXICON_FOLDER = "lexicons"
SYMBOLS_FILE = "symbols.yaml"
REPLY_FILE = "opt_out_words.yaml"


@dataclass(frozen=True, slots=True)
class ContentReference:
    """The reference data of the content room, loaded once per process."""

    lexicon: Lexicon
    symbols: tuple[SymbolGroup, ...]
    reply_words: ReplyWords


@dataclass(frozen=True, kw_only=True)
class ContentContext:
    """Everything a check needs to know besides the text.

    `signatures` are the registered names (licence, trade mark, app); `trade` and `authorisations` use the ids of the
    lexicons (`finance`, `medical`, …). `opt_out_wording` is what the channel demands at the very end (`拒收请回复R`),
    None where any working instruction will do. `links` is the channel's rule: `none`; `filed`, only `filed_links` and
    written out; `text`, any that is written out; `variables`, anywhere. A message of type `test` is checked as the type
    it tests.
    """

    reference: ContentReference
    signatures: tuple[str, ...]
    message_type: MessageType = "marketing"
    trade: str = "other"
    authorisations: frozenset[str] = field(default_factory=frozenset)
    opt_out_wording: str | None = "拒收请回复R"
    variables_allowed: bool = True
    links: LinkRule = "variables"
    filed_links: tuple[str, ...] = ()
    max_units: int = DEFAULT_MAX_UNITS
    region: Region = DOMESTIC

    @property
    def needs_opt_out(self) -> bool:
        """Whether the text must say how to opt out (product.md, message types)."""
        return bool(rules_of(self.message_type).needs_opt_out)

    @cached_property
    def names(self) -> Pattern | None:
        """Registered names: a lexicon word inside one (`第一食品`) is a name, not a claim."""
        return self.reference.lexicon.compile_names(self.signatures)

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """The lexicon entries that bind this text."""
        return tuple(
            entry
            for entry in self.reference.lexicon.entries
            if entry.applies(self.message_type, self.trade, self.authorisations)
        )

    def entries_of(self, category: Category) -> tuple[Entry, ...]:
        """The binding entries of one category."""
        return tuple(entry for entry in self.entries if entry.category == category)


def load_content_reference(directory: Path, user_lexicon: Path | None = None) -> ContentReference:
    """Load everything under `data/reference` that checks need; raises `UsageError` with file and place."""
    lexicon = load_lexicon(directory / LEXICON_FOLDER, user_lexicon)
    return ContentReference(
        lexicon=lexicon,
        symbols=load_symbols(directory / SYMBOLS_FILE),
        reply_words=load_reply_words(directory / REPLY_FILE, lexicon.forms),
    )
