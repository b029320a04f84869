"""The content checks on one text: each a small named function `check_x(text, context) -> findings`.

Domain.md §3 asks for six: signature, opt-out, promises, symbols, length, trades. Links, absolute claims, provider words
and the purpose of service messages come on top. `check_text` runs them all; `frame_checks` holds their column twins.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from difflib import get_close_matches

from tasks.content import notices
from tasks.content.context import ContentContext
from tasks.content.findings import Finding, Notice
from tasks.content.lexicon import Category
from tasks.content.links import SHORTENERS, find_links, host_of, normalise_link
from tasks.content.opt_out import find_instructions
from tasks.content.parts import (
    HARD_MAX_UNITS,
    allowed_units,
    count_parts,
    count_units,
    encoding_of,
    place_of_unit,
)

Check = Callable[[str, ContentContext], list[Finding]]

SIGNATURE_MIN, SIGNATURE_MAX = 2, 12
_SIGNATURE = re.compile("^【([^【】]*)】")


def check_signature(text: str, context: ContentContext) -> list[Finding]:
    """The text begins with `【name】`, 2–12 characters, equal to a registered name."""
    found = _SIGNATURE.match(text)
    if found is None:
        return [notices.SIGNATURE_MISSING.at(text, 0, 0, names="、".join(context.signatures))]
    name, span = found[1], found.span(1)
    if not SIGNATURE_MIN <= len(name) <= SIGNATURE_MAX:
        return [notices.SIGNATURE_LENGTH.at(text, *span, length=len(name))]
    if name not in context.signatures:
        close = get_close_matches(name, context.signatures, n=1, cutoff=0.5) or context.signatures
        return [notices.SIGNATURE_UNREGISTERED.at(text, *span, names="、".join(close))]
    return []


def check_opt_out(text: str, context: ContentContext) -> list[Finding]:
    """A marketing text says how to opt out, in the channel's wording, with a keyword the reply parser understands."""
    if not context.needs_opt_out:
        return []
    wording = context.opt_out_wording or "拒收请回复R"
    instructions = find_instructions(text, context.reference.reply_words)
    if not instructions:
        return [notices.OPT_OUT_MISSING.at(text, len(text), len(text), wording=wording)]
    bad = [each for each in instructions if not each.is_understood]
    if bad:
        return [notices.OPT_OUT_KEYWORD.at(text, bad[0].start, bad[0].end, wording=wording)]
    if context.opt_out_wording is not None and not text.endswith(context.opt_out_wording):
        last = instructions[-1]
        return [notices.OPT_OUT_WORDING.at(text, last.start, last.end, wording=wording)]
    return []


def check_promises(text: str, context: ContentContext) -> list[Finding]:
    """No inducement or promise words."""
    return _find_words(text, context, "promise")


def check_symbols(text: str, context: ContentContext) -> list[Finding]:
    """No special symbols, no emoji, nothing invisible, no second signature, no unfilled variable."""
    return [group.notice.at(text, start, end) for group in context.reference.symbols for start, end in group.find(text)]


def check_length(text: str, context: ContentContext) -> list[Finding]:
    """The text costs no more than the campaign allows: by default 67 characters, signature and opt-out included."""
    encoding = encoding_of(text, context.region)
    limit = min(allowed_units(encoding, context.max_units), HARD_MAX_UNITS)
    if count_units(text, context.region) <= limit:
        return []
    start = place_of_unit(text, limit, context.region)
    return [describe_length(text, context).at(text, start, len(text))]


def describe_length(text: str, context: ContentContext) -> Notice:
    """What to say about a text that is too long: the numbers are written in, the place is still open."""
    encoding = encoding_of(text, context.region)
    units, limit = count_units(text, context.region), allowed_units(encoding, context.max_units)
    if units > HARD_MAX_UNITS:
        return notices.LENGTH_HARD.fill(units=units)
    parts = count_parts(text, context.region)
    return notices.LENGTH_OVER.fill(units=units, limit=limit, over=units - limit, parts=parts)


def check_trade(text: str, context: ContentContext) -> list[Finding]:
    """No words of a restricted trade without its authorisation, and nothing that may not be advertised."""
    return _find_words(text, context, "trade")


def check_absolute_claims(text: str, context: ContentContext) -> list[Finding]:
    """The law's own absolute claims block, those derived from it are flagged."""
    return _find_words(text, context, "absolute")


def check_provider_words(text: str, context: ContentContext) -> list[Finding]:
    """Words that providers refuse are flagged."""
    return _find_words(text, context, "provider")


def check_purpose(text: str, context: ContentContext) -> list[Finding]:
    """A notification or a verification code carries no marketing."""
    return _find_words(text, context, "purpose")


def check_links(text: str, context: ContentContext) -> list[Finding]:
    """Links as the channel allows them: any, only filed ones, or none; public shorteners are flagged."""
    findings = []
    filed = {normalise_link(link) for link in context.filed_links}
    for start, end in find_links(text):
        link = text[start:end]
        if context.links == "none":
            findings.append(notices.LINK_FORBIDDEN.at(text, start, end))
        elif context.links == "filed" and normalise_link(link) not in filed:
            findings.append(notices.LINK_NOT_FILED.at(text, start, end))
        elif host_of(link) in SHORTENERS:
            findings.append(notices.LINK_SHORTENER.at(text, start, end))
    return findings


CHECKS: tuple[Check, ...] = (
    check_signature,
    check_opt_out,
    check_promises,
    check_symbols,
    check_length,
    check_trade,
    check_absolute_claims,
    check_provider_words,
    check_purpose,
    check_links,
)


def check_text(text: str, context: ContentContext) -> list[Finding]:
    """All findings of a rendered text, in the order of their places."""
    findings = [finding for check in CHECKS for finding in check(text, context)]
    return sorted(findings, key=lambda finding: (finding.start, finding.end, finding.message_key))


def _find_words(text: str, context: ContentContext, category: Category) -> list[Finding]:
    lexicon = context.reference.lexicon
    matches = lexicon.find(text, context.entries_of(category), context.names)
    return [match.notice.at(text, match.start, match.end) for match in matches]
