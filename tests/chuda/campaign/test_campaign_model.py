"""What a campaign is once it is read: frozen, the same digest for the same meaning, dates held against the clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from pydantic import ValidationError

from chuda.campaign import Campaign, KnownNames, Slot, check_dates, check_references
from chuda.clock import BUSINESS_ZONE
from chuda.files import Loaded, parse_yaml
from tests.chuda.campaign.campaign_cases import KNOWN, SOUND


def read(text: str) -> Loaded[Campaign]:
    """A sound campaign file with its places."""
    return parse_yaml(text, "spring.yaml", Campaign)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sample: 0.15", "sample: 0.150"),
        ("segments: [active_customers]", "segments:\n    - active_customers"),
        ("region_tier IN", "REGION_TIER  in"),
        ('"10:30-11:30"', "10:30-11:30"),
        ('"2026-11-28"', "2026-11-28"),
        ("budget_cny: 3000", "budget_cny: 3000.00"),
        ("attribution_days: 7\n", ""),
        ("id: spring-sale\nname: 春季活动", "name: 春季活动   # 名称\nid: spring-sale"),
    ],
)
def test_writing_the_same_thing_otherwise_leaves_the_digest(old: str, new: str) -> None:
    assert SOUND.count(old) == 1
    assert read(SOUND.replace(old, new)).value.digest() == read(SOUND).value.digest()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sample: 0.15", "sample: 0.14"),
        ("active_customers", "sleeping_customers"),
        ("recency_days <= 90", "recency_days <= 91"),
        ("10:30-11:30", "10:30-11:31"),
        ("2026-11-28", "2026-11-29"),
        ("budget_cny: 3000", "budget_cny: 3001"),
        ("满199立减50元", "满199立减51元"),
        ("weekly_cap: 3", "weekly_cap: 2"),
        ("fallback: discount", "fallback: flash"),
        ("，点 {link} 领取", "，请点 {link} 领取"),
    ],
)
def test_any_change_of_meaning_changes_the_digest(old: str, new: str) -> None:
    assert SOUND.count(old) == 1
    assert read(SOUND.replace(old, new)).value.digest() != read(SOUND).value.digest()


def test_the_digest_is_a_sha256_of_sorted_json() -> None:
    campaign = read(SOUND).value
    assert len(campaign.digest()) == 64
    assert campaign.canonical_json().startswith('{"attribution_days":7,"audience":{')


def test_a_campaign_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        read(SOUND).value.weekly_cap = 1  # type: ignore[misc]


def test_the_canonical_form_can_be_read_back() -> None:
    campaign = read(SOUND.replace("3000", "3000.10")).value
    again = Campaign.model_validate_json(campaign.canonical_json())
    assert again == campaign
    assert again.digest() == campaign.digest()


def test_a_campaign_built_in_code_obeys_the_same_rules() -> None:
    values = read(SOUND).value.model_dump()
    assert Campaign.model_validate(values).digest() == read(SOUND).value.digest()
    with pytest.raises(ValidationError, match="weekly_cap"):
        Campaign.model_validate(values | {"weekly_cap": 4})
    with pytest.raises(ValidationError, match="no_channel"):
        Campaign.model_validate(values | {"channels": []})


def test_numbers_are_read_as_they_are_written() -> None:
    experiment = read(SOUND).value.experiment
    assert experiment is not None
    assert experiment.sample == Decimal("0.15")
    assert str(read(SOUND.replace("3000", "3000.10")).value.budget_cny) == "3000.10"


def test_each_arm_knows_its_text_constants_and_slot() -> None:
    campaign = read(SOUND).value
    discount, flash = campaign.arms()
    assert campaign.constants_of(flash) == {
        "shop": "天河总店",
        "offer": "限时2天全场8折",
        "link": "https://cy.example/a7",
    }
    assert campaign.text_of(discount) == campaign.template.text
    assert campaign.slot_of(discount) == Slot(630, 690)
    assert campaign.constants_of(None) == {"shop": "天河总店", "link": "https://cy.example/a7"}


def test_a_day_is_past_only_when_its_slot_is_over() -> None:
    loaded = read(SOUND)
    begins, ends = (datetime(2026, 11, 28, *time, tzinfo=BUSINESS_ZONE) for time in ((10, 30), (11, 30)))

    def codes(now: datetime) -> list[str]:
        return [problem.code for problem in check_dates(loaded.value, now, loaded.source)]

    assert codes(begins) == []
    assert codes(ends - timedelta(seconds=1)) == []
    assert codes(ends) == ["slot_over"]
    assert codes(ends + timedelta(days=1)) == ["date_past"]


def test_unknown_names_are_placed_in_the_file_they_came_from() -> None:
    loaded = read(SOUND)
    nothing = KnownNames(frozenset(), {}, frozenset(), frozenset())
    found = [(each.line, each.column, each.code) for each in check_references(loaded.value, nothing, loaded.source)]
    assert (5, 8, "unknown_trade") in found
    assert (9, 14, "unknown_segment") in found
    assert (7, 12, "unknown_channel") in found
    assert (13, 15, "unknown_variable") in found
    assert check_references(loaded.value, KNOWN, loaded.source) == []
