"""The shipped examples: sound in themselves and with one another, in one part, and known to the published schema."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from jsonschema import Draft202012Validator

from chuda.campaign import (
    TAG_COLUMNS,
    Campaign,
    KnownNames,
    count_units,
    fill_constants,
    load_campaign,
    load_segments,
    load_slots,
)
from chuda.campaign.schema import campaign_schema, render_schema
from chuda.campaign.segments import SegmentFile
from chuda.files import BadFile, parse_yaml
from chuda.files.tree import read_tree
from chuda.records import load_business, load_channel

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "data" / "campaigns"
FILES = sorted(path for path in FOLDER.glob("*.yaml") if path.name != "business.yaml")
SEGMENTS = load_segments(ROOT / "data/reference/segments.yaml")
SLOTS = load_slots(ROOT / "data/reference/slots.yaml")
CHANNELS = {
    record.name: record for path in (FOLDER / "channels").glob("*.yaml") for record in [load_channel(path).value]
}

# What is filled in per person, at its longest.
PERSONAL = {
    "salutation": "欧阳先生",
    "points": "123456",
    "points_expire_on": "12月31日",
    "appointment_at": "12月31日15:30",
    "coupon": "CY9P4T",
}
KNOWN = KnownNames(
    segments=frozenset(segment.name for segment in SEGMENTS),
    channels={name: record.facts() for name, record in CHANNELS.items()},
    variables=frozenset(PERSONAL),
    trades=SLOTS.names(),
)


def read(path: Path) -> Campaign:
    """An example, every name in it looked up."""
    loaded = load_campaign(path, known=KNOWN)
    assert loaded.warnings == ()
    return loaded.value


def plain(node: Any) -> Any:
    """A file's values as an editor's schema checker sees them."""
    if isinstance(node, dict):
        return {key: plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [plain(each) for each in node]
    return float(node) if isinstance(node, Decimal) else node


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_is_sound_and_names_only_what_ships(path: Path) -> None:
    campaign = read(path)
    assert campaign.id.replace("-", "_") == path.stem
    assert (FOLDER / campaign.sender).exists()
    for reply in campaign.replies:
        assert reply.coupons is None or (FOLDER / reply.coupons).exists()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_costs_nobody_two_parts(path: Path) -> None:
    campaign = read(path)
    for arm in campaign.arms() or (None,):
        text = campaign.text_of(arm)
        assert text is not None
        rendered = fill_constants(fill_constants(text, campaign.constants_of(arm)), PERSONAL)
        assert "{" not in rendered
        assert count_units(rendered) <= 67, rendered


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_is_signed_with_a_name_on_record_and_can_be_refused(path: Path) -> None:
    campaign = read(path)
    names = load_business(FOLDER / campaign.sender).value.allowed_signatures
    for arm in campaign.arms() or (None,):
        text = campaign.text_of(arm) or ""
        assert text[1 : text.index("】")] in names
        wording = CHANNELS[campaign.channels[0]].opt_out_wording
        assert text.endswith(wording) == (campaign.type == "marketing")


def test_the_examples_cover_what_the_business_asked_for() -> None:
    campaigns = {path.stem: read(path) for path in FILES}
    tested = {campaign.experiment.variable for campaign in campaigns.values() if campaign.experiment}
    assert tested == {"send_slot", "offer", "call_to_action"}
    assert campaigns["wake_up"].schedule is not None
    assert campaigns["wake_up"].schedule.recurring is not None
    stages = {
        campaign.audience.segments
        for campaign in campaigns.values()
        if campaign.trade == "mother_baby" and campaign.audience
    }
    assert stages == {("pregnant",), ("baby_0_1",), ("toddler_1_3",), ("child_3_6",)}
    demo = campaigns["demo_retail"].experiment
    assert demo is not None
    assert (demo.sample, demo.holdout) == (Decimal("0.15"), Decimal("0.05"))
    assert (demo.variable, demo.primary_metric) == ("offer", "clicks")


def test_each_shipped_segment_can_be_asked_of_the_database() -> None:
    kinds = {"number": "decimal(12, 2)", "text": "varchar", "list": "varchar[]"}
    connection = duckdb.connect()
    columns = ", ".join(f"{column.name} {kinds[column.kind]}" for column in TAG_COLUMNS.values())
    connection.execute(f"create table contact_tagged ({columns})")
    for segment in SEGMENTS:
        connection.execute(f"select count(*) from contact_tagged where {segment.condition.sql}").fetchone()
        assert str(segment.condition) == segment.condition.sql


def test_a_segment_is_defined_once() -> None:
    text = (
        "segments:\n  - {name: a, label: 甲, condition: points > 1}\n  - {name: a, label: 乙, condition: points > 2}\n"
    )
    with pytest.raises(BadFile, match=r"s\.yaml:3:12: 'a' is listed twice"):
        parse_yaml(text, "s.yaml", SegmentFile, lang="en")


def test_the_published_schema_is_current() -> None:
    published = (ROOT / "docs/schemas/campaign.schema.json").read_text(encoding="utf-8")
    assert published == render_schema(), "run: python -m chuda.campaign.schema > docs/schemas/campaign.schema.json"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_published_schema_knows_the_examples(path: Path) -> None:
    Draft202012Validator.check_schema(campaign_schema())
    values = plain(read_tree(path.read_text(encoding="utf-8")).data)
    assert [error.message for error in Draft202012Validator(campaign_schema()).iter_errors(values)] == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("budjet",), 1),
        (("type",), "markting"),
        (("id",), "Spring Sale"),
        (("channels",), []),
        (("channels",), "demo"),
        (("weekly_cap",), 5),
        (("schedule", "slot"), 37800),
        (("schedule", "slot"), "10:30"),
        (("schedule", "date"), "28.11.2026"),
        (("experiment", "sample"), 0.5),
        (("experiment", "sample"), None),
        (("experiment", "variants"), [{"name": "one"}]),
        (("experiment", "primary_metric"), "opens"),
        (("template", "variables"), {"店名": "天河"}),
        (("template", "languages"), {"fr": "x"}),
        (("template", "max_units"), 501),
        (("template", "link"), "cy.example"),
    ],
)
def test_the_published_schema_sees_the_coarse_mistakes(place: tuple[str, ...], value: Any) -> None:
    values = plain(read_tree((FOLDER / "demo_retail.yaml").read_text(encoding="utf-8")).data)
    broken = copy.deepcopy(values)
    section = broken
    for key in place[:-1]:
        section = section[key]
    section[place[-1]] = value
    assert not Draft202012Validator(campaign_schema()).is_valid(broken)
    assert Draft202012Validator(campaign_schema()).is_valid(values)


def test_the_schema_is_plain_json() -> None:
    assert json.loads(render_schema()) == campaign_schema()
