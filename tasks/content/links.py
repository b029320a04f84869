"""Links in a text: where they are, and how two writings of one address compare."""

from __future__ import annotations

import re

import polars as pl

_ENDS = "com|cn|net|org|cc|me|vip|top|xyz|io|co|ink|link|club|shop|store|info|tv|hk|tw|mo|app|site|online|ltd|fun|mobi"
_ADDRESS = (
    r"(?:https?://[!#-;=?-~]+"
    rf"|(?:[a-z0-9-]+\.)+(?:{_ENDS})(?::\d+)?/[!#-;=?-~]*"
    rf"|(?:[a-z0-9-]+\.)+(?:{_ENDS}))"
)
LINK_SOURCE = rf"(?i)(?:^|[^a-z0-9@._-])({_ADDRESS})(?:[^a-z0-9-]|$)"
SHORTENERS = ("t.cn", "url.cn", "dwz.cn", "suo.im", "bit.ly", "tinyurl.com", "mrw.so", "is.gd", "sourl.cn")

_LINK = re.compile(LINK_SOURCE)
_SCHEME = "(?i)^https?://"
_TAIL = "[/.,!?;:)'\"]+$"


def find_links(text: str) -> list[tuple[int, int]]:
    """The spans of all addresses in a text, with or without a scheme."""
    spans = []
    found = _LINK.search(text)
    while found:
        spans.append(found.span(1))
        # The guard after a link may be the guard before the next one.
        found = _LINK.search(text, found.end(1))
    return spans


def normalise_link(link: str) -> str:
    """An address without scheme and trailing punctuation, for comparing."""
    return re.sub(_TAIL, "", re.sub(_SCHEME, "", link))


def host_of(link: str) -> str:
    """The host of an address in lower case."""
    return normalise_link(link).split("/")[0].split(":")[0].casefold()


def links_expression(text: pl.Expr) -> pl.Expr:
    """Column twin of `find_links` with `normalise_link` applied: List(String)."""
    element = pl.element().str.extract(LINK_SOURCE, 1).str.replace(_SCHEME, "").str.replace(_TAIL, "")
    return text.str.extract_all(LINK_SOURCE).list.eval(element)


def has_link_expression(text: pl.Expr) -> pl.Expr:
    """Whether a text holds an address."""
    return text.str.contains(LINK_SOURCE)
