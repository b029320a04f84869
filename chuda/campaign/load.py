"""Reading a campaign file: everything that is wrong with it, from a missing colon to an unknown segment, in one go."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from chuda.campaign.dates import find_past_dates
from chuda.campaign.model import Campaign
from chuda.campaign.references import KnownNames, find_unknown_names
from chuda.campaign.slot_advice import find_blind_slots
from chuda.campaign.trade_slots import SlotTable
from chuda.files import Check, Lang, Loaded, read_yaml


def load_campaign(
    path: Path,
    *,
    known: KnownNames | None = None,
    now: datetime | None = None,
    slots: SlotTable | None = None,
    lang: Lang = "zh",
) -> Loaded[Campaign]:
    """Read a campaign file; raises `BadFile` with every problem.

    With `known` the names in it are looked up, with `now` (aware) its dates are held against the clock, with `slots`
    its slots against the blind times of its trade (a warning).
    """
    checks: list[Check] = []
    if known is not None:
        checks.append(lambda parts: find_unknown_names(parts, known))
    if now is not None:
        checks.append(lambda parts: find_past_dates(parts, now))
    if slots is not None:
        checks.append(lambda parts: find_blind_slots(parts, slots))
    return read_yaml(path, Campaign, lang=lang, checks=checks)
