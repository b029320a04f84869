"""The mistakes of the folder beside this file, the sound file they start from, and a small world of known names."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from chuda.campaign import Campaign, ChannelFacts, KnownNames
from chuda.campaign.dates import find_past_dates
from chuda.campaign.references import find_unknown_names
from chuda.clock import BUSINESS_ZONE
from chuda.files import BadFile, Lang, Problem, parse_yaml

ROOT = Path(__file__).resolve().parents[3]
FOLDER = Path(__file__).parent / "mistakes"
SOUND = (FOLDER / "sound.yaml").read_text(encoding="utf-8")
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=BUSINESS_ZONE)
KNOWN = KnownNames(
    segments=frozenset({"active_customers", "lost_customers", "everyone"}),
    channels={
        "demo": ChannelFacts(frozenset({"marketing"}), True, "per_message"),
        "demo-otp": ChannelFacts(frozenset({"otp"})),
        "notice": ChannelFacts(frozenset({"notification"})),
        "silent": ChannelFacts(frozenset({"marketing"}), True, "none"),
        "fixed": ChannelFacts(frozenset({"marketing"}), False, "provider_log"),
        "shared": ChannelFacts(frozenset({"marketing"}), True, "per_variant"),
    },
    variables=frozenset({"salutation", "points"}),
    trades=frozenset({"retail", "restaurant", "other"}),
    templates={
        "retail/discount": frozenset({"salutation", "shop", "offer", "link"}),
        "retail/member_day": frozenset({"salutation", "shop", "offer", "link", "member_day"}),
    },
    senders=frozenset({"business.yaml"}),
)


def read_cases() -> list[dict[str, Any]]:
    """Every case of the folder."""
    reader = YAML(typ="safe", pure=True)
    files = sorted(path for path in FOLDER.glob("*.yaml") if path.name != "sound.yaml")
    return [case for path in files for case in reader.load(path)["mistakes"]]


CASES = read_cases()


def problems_of(text: str, lang: Lang = "zh") -> tuple[Problem, ...]:
    """Everything there is to say about a campaign file, warnings included."""
    checks = [lambda parts: find_unknown_names(parts, KNOWN), lambda parts: find_past_dates(parts, NOW)]
    try:
        return parse_yaml(text, "spring.yaml", Campaign, lang=lang, checks=checks).warnings
    except BadFile as error:
        return error.problems


def apply_edits(case: dict[str, Any]) -> str:
    """The sound file with a case's mistake in it."""
    text = SOUND
    for old, new in case["edits"]:
        assert text.count(old) == 1, f"{old!r} has to stand once in the sound file"
        text = text.replace(old, new)
    return text
