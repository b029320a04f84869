"""The JSON Schema of a campaign file, for editors: completion, descriptions, the coarse mistakes while typing."""

from __future__ import annotations

import json
import sys
from typing import Any

from chuda.campaign.model import Campaign


def campaign_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) of what `load_campaign` reads; it knows shapes, not how things fit together."""
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "campaign.schema.json",
        "title": "Chuda campaign",
    }
    return head | _tidy(Campaign.model_json_schema())


def render_schema() -> str:
    """The schema as the text of `docs/schemas/campaign.schema.json`."""
    return json.dumps(campaign_schema(), ensure_ascii=False, indent=2) + "\n"


def _tidy(node: dict[str, Any]) -> dict[str, Any]:
    """Leave out what says nothing, and that a key may be null: one with nothing behind it is refused, none is not."""
    found = {key: _tidy_value(value) for key, value in node.items() if not _is_noise(key, value)}
    if found.get("type") == "number" and "default" in found:
        found["default"] = float(found["default"])
    if "patternProperties" in found:
        found["additionalProperties"] = False
    choices = [each for each in found.get("anyOf", ()) if each != {"type": "null"}]
    if "anyOf" in found and len(choices) < len(found["anyOf"]):
        del found["anyOf"]
        found |= choices[0] if len(choices) == 1 else {"anyOf": choices}
    return found


def _tidy_value(value: Any) -> Any:
    if isinstance(value, list):
        return [_tidy_value(each) for each in value]
    return _tidy(value) if isinstance(value, dict) else value


def _is_noise(key: str, value: Any) -> bool:
    """Titles that repeat the key (a property called `title` would hold a mapping), and null as a default."""
    return (key == "title" and isinstance(value, str)) or (key == "default" and value is None)


if __name__ == "__main__":
    sys.stdout.write(render_schema())
