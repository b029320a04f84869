"""Telling people from programs: who looked at a link, by what it says of itself, how it asked, and when.

Every rule gives its reason in one word. What only hints (no language, a desktop browser) counts only where the time
tells the same: nobody reads and taps faster than a message arrives.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_PROGRAMS = re.compile(
    r"bot\b|bot/|spider|crawl|slurp|preview|scan|monitor|probe|headless|phantom|curl|wget|python|aiohttp|httpx|"
    r"go-http|libwww|http-?client|okhttp|java/|axios|facebookexternalhit|security|safebrowsing|virustotal|urlcheck|"
    r"linkcheck",
    re.IGNORECASE,
)
_MAIN_AGENT = re.compile(r"^(?:Mozilla|Opera|Dalvik|UCWEB)/", re.IGNORECASE)
_HANDHELD = re.compile(r"Mobile|Android|iPhone|iPad|Harmony|MicroMessenger|UCWEB|Opera Mini", re.IGNORECASE)
_AHEAD = re.compile(r"prefetch|prerender|preview", re.IGNORECASE)

FASTEST_PERSON_US = 2_000_000
"""From the request to the provider until a tap: the network alone takes longer."""
SUSPICIOUS_US = 30_000_000
"""So soon after sending a browser that is no phone's, or tells no language, is a filter that follows links."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look at an own link; `purpose` is what the headers say it is for, `since_sent_us` None if never sent."""

    agent: str
    method: str
    purpose: str
    language: str
    since_sent_us: int | None


def is_scanner(agent: str) -> bool:
    """Whether a click that somebody else logged was a program's, as far as its user agent tells."""
    return _PROGRAMS.search(agent) is not None


def why_scanner(look: Look) -> str:
    """Why a look at an own link was a program's; empty if it was a person's.

    Returns:
        not_sent, head, prefetch, program, no_browser, too_fast, too_soon, or nothing.
    """
    if look.since_sent_us is None or look.since_sent_us < 0:
        return "not_sent"  # nobody can have it but whoever read the plan
    if look.method != "GET":
        return "head"
    if _AHEAD.search(look.purpose):
        return "prefetch"
    if is_scanner(look.agent):
        return "program"
    if not _MAIN_AGENT.match(look.agent):
        return "no_browser"
    if look.since_sent_us < FASTEST_PERSON_US:
        return "too_fast"
    is_phone = _HANDHELD.search(look.agent) is not None and bool(look.language)
    return "too_soon" if look.since_sent_us < SUSPICIOUS_US and not is_phone else ""
