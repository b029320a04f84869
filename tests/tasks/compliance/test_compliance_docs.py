"""The page on compliance names every reason, in the order in which they are given."""

from __future__ import annotations

import re
from pathlib import Path

from tasks.compliance.rules import DAILY_CAPS, PRECEDENCE, WEEKLY_CAP

PAGE = (Path(__file__).parents[3] / "docs" / "compliance.md").read_text(encoding="utf-8")


def test_every_reason_is_on_the_page_in_its_order():
    assert tuple(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == PRECEDENCE


def test_the_page_states_the_caps_that_hold():
    assert f"{WEEKLY_CAP} marketing messages in 7 days" in PAGE
    assert f"{DAILY_CAPS['marketing']} marketing, {DAILY_CAPS['notification']} notifications" in PAGE
