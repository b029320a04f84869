"""Telling people from programs: who looked at a link, by what it says of itself and how it asked."""

from __future__ import annotations

import re

_PROGRAMS = re.compile(
    r"bot\b|bot/|spider|crawl|slurp|preview|scan|monitor|probe|headless|phantom|curl|wget|python|aiohttp|httpx|"
    r"go-http|libwww|http-?client|facebookexternalhit|security|safebrowsing|virustotal|urlcheck|linkcheck",
    re.IGNORECASE,
)
_MAIN_AGENT = re.compile(r"^(?:Mozilla|Opera|Dalvik)/", re.IGNORECASE)


def is_scanner(agent: str, *, method: str = "GET", must_name_itself: bool = False) -> bool:
    """Whether a look at a link was a program's and no person's.

    Args:
        agent: the user agent as told; empty where the provider tells none.
        method: how it was asked for; a person's browser uses GET.
        must_name_itself: whether an empty or unusual agent is a program too, which it is where we see the request
            ourselves (browsers always name themselves).
    """
    if method != "GET" or _PROGRAMS.search(agent):
        return True
    return must_name_itself and not _MAIN_AGENT.match(agent)
