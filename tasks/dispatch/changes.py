"""What changed since a plan was made: the channel's record, the business record, the campaign file.

Each is compared with the file on this machine. A machine that has none of these files has nothing to compare: it sends
what was approved, which is sealed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chuda.campaign.load import load_campaign
from chuda.campaign.model import Campaign
from chuda.errors import UsageError
from chuda.records.business import BusinessRecord, load_business
from chuda.records.channel import ChannelRecord, load_channel
from chuda.settings import Settings
from chuda.stores.ledger.releases import Release
from chuda.stores.ledger.sources import PlanSource, find_source, keep_source
from chuda.workspace import Workspace
from tasks.planning.difference import changed_paths

# What a channel's record says of people and tests, not of where and how its messages go.
_NOT_BINDING = frozenset({"vetting", "tested", "licence", "resend", "switch_cells"})
GONE = "the record is gone"
UNREADABLE = "the file cannot be read any more"
_SOURCE = """
SELECT s.campaign_file, p.campaign, s.business_file, s.business
FROM plan_source s JOIN plan_made p ON p.plan_id = s.plan_id WHERE s.plan_id = ?
"""


@dataclass(frozen=True, slots=True)
class Change:
    """What is no longer as it was, in both languages, and the keys that differ."""

    what: str
    what_en: str
    keys: str


def keep_plan_source(workspace: Workspace, plan_id: str) -> None:
    """Take what a plan was made from out of the warehouse into the ledger, where senders look; safe to repeat."""
    with workspace.warehouse.read() as warehouse:
        known = warehouse.execute(
            "SELECT 1 FROM duckdb_tables() WHERE schema_name = 'main' AND table_name = 'plan_source'"
        ).fetchone()
        row = warehouse.execute(_SOURCE, [plan_id]).fetchone() if known else None
    if row is not None:
        with workspace.ledger.write() as connection:
            keep_source(connection, PlanSource(plan_id, *row))


def find_changes(workspace: Workspace, release: Release) -> list[Change]:
    """Everything a release was planned with that its file on this machine says otherwise now."""
    with workspace.ledger.read() as connection:
        source = find_source(connection, release.plan_id)
    found = [_change_of_channel(workspace, release)]
    if source is not None:
        found += [_change_of_business(source), _change_of_campaign(source, release.campaign_id)]
    return [change for change in found if change is not None]


def _change_of_channel(workspace: Workspace, release: Release) -> Change | None:
    if not (workspace.settings.campaigns / "channels").is_dir():
        return None
    approved = ChannelRecord.model_validate_json(release.channel_record)
    on_file = _channel_on_file(workspace.settings, release.channel)
    if isinstance(on_file, str):
        keys = on_file
    else:
        was, now = approved.model_dump(exclude=set(_NOT_BINDING)), on_file.model_dump(exclude=set(_NOT_BINDING))
        keys = ", ".join(sorted(name for name in was if was[name] != now[name]))
    name = release.channel
    return Change(f"渠道 {name} 的档案", f"the record of channel {name}", keys) if keys else None


def _channel_on_file(settings: Settings, name: str) -> ChannelRecord | str:
    """The record of a channel, or why there is none; a file of another channel that cannot be read is no concern."""
    why_none = GONE
    for path in sorted((settings.campaigns / "channels").glob("*.yaml"), key=lambda path: path.stem != name):
        try:
            record = load_channel(path, lang=settings.lang).value
        except (UsageError, OSError):
            why_none = UNREADABLE
            continue
        if record.name == name:
            return record
    return why_none


def _change_of_business(source: PlanSource) -> Change | None:
    path = Path(source.business_file)
    if not path.parent.is_dir():
        return None
    approved = BusinessRecord.model_validate_json(source.business).model_dump(mode="json")
    keys = _keys(approved, lambda: load_business(path).value.model_dump(mode="json")) if path.exists() else GONE
    return Change(f"商家档案 {path.name}", f"the business record {path.name}", keys) if keys else None


def _change_of_campaign(source: PlanSource, campaign_id: str) -> Change | None:
    """A file that is gone changes nothing: what was approved needs it no more."""
    path = Path(source.campaign_file)
    if not path.exists():
        return None
    approved = json.loads(Campaign.model_validate_json(source.campaign).canonical_json())
    # Without the clock: its date may have passed since, and that is no change.
    keys = _keys(approved, lambda: json.loads(load_campaign(path).value.canonical_json()))
    return Change(f"活动文件 {path.name}", f"the campaign file {path.name} of {campaign_id}", keys) if keys else None


def _keys(approved: dict[str, Any], read: Callable[[], dict[str, Any]]) -> str:
    try:
        on_file = read()
    except (UsageError, OSError):
        return UNREADABLE
    return ", ".join(changed_paths(approved, on_file))


def describe(changes: list[Change], when: str, when_en: str) -> str:
    """The changes in a sentence of each language."""

    def said() -> Iterator[tuple[str, str]]:
        for change in changes:
            yield (
                f"{change.what}{when}改了（{change.keys}）",
                f"{change.what_en} changed {when_en} ({change.keys})",
            )

    chinese, english = zip(*said(), strict=True)
    return f"{'，'.join(chinese)} / {'; '.join(english)}"
