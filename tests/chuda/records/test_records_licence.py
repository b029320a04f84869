"""A channel is used only with a valid licence on record; a price far below the normal one is a warning."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from chuda.files import Loaded, parse_yaml
from chuda.records import BusinessRecord, ChannelRecord, licence_problems, load_business, load_channel
from tests.chuda.records.record_cases import BUSINESS, CHANNEL

ROOT = Path(__file__).resolve().parents[3]
TODAY = date(2026, 11, 20)


def read(text: str) -> Loaded[ChannelRecord]:
    """A channel's record with its places."""
    return parse_yaml(text, "shop.yaml", ChannelRecord, lang="en")


def found(text: str, today: date = TODAY) -> list[tuple[str, str, int]]:
    """What speaks against the channel: code, severity, line."""
    loaded = read(text)
    return [(each.code, each.severity, each.line) for each in licence_problems(loaded.value, today, loaded.source)]


def without_licence(text: str) -> str:
    return text[: text.index("licence:")] + text[text.index("price_cny_per_part") :]


def test_a_valid_licence_is_no_problem() -> None:
    assert found(CHANNEL) == []


def test_a_missing_licence_blocks() -> None:
    assert found(without_licence(CHANNEL)) == [("licence_missing", "error", 1)]


def test_a_licence_is_valid_up_to_its_last_day() -> None:
    last = date(2027, 6, 30)
    assert found(CHANNEL, last) == [("licence_expires_soon", "warning", 12)]
    assert found(CHANNEL, last + timedelta(days=1)) == [("licence_expired", "error", 12)]
    assert found(CHANNEL, last - timedelta(days=31)) == []


def test_a_nationwide_provider_needs_ten_million() -> None:
    assert found(CHANNEL.replace("12000000", "9999999.99")) == [("licence_capital", "error", 13)]
    assert found(CHANNEL.replace("12000000", "10000000")) == []


def test_a_provincial_licence_is_a_warning_with_its_provinces() -> None:
    loaded = read(CHANNEL.replace("scope: nationwide", "scope: provincial\n  provinces: [广东, 广西]"))
    (problem,) = licence_problems(loaded.value, TODAY, loaded.source)
    assert (problem.code, problem.severity) == ("licence_provincial", "warning")
    assert "广东、广西" in problem.message


def test_an_old_or_impossible_verification_is_named() -> None:
    assert found(CHANNEL.replace("2026-09-01\n  evidence", "2025-09-01\n  evidence")) == [
        ("verified_long_ago", "warning", 15)
    ]
    assert found(CHANNEL.replace("2026-09-01\n  evidence", "2026-12-01\n  evidence")) == [
        ("verified_in_future", "error", 15)
    ]


@pytest.mark.parametrize(("price", "suspicious"), [("0.02", True), ("0.039", True), ("0.04", False), ("0.08", False)])
def test_a_price_far_below_the_normal_one_is_a_warning(price: str, suspicious: bool) -> None:
    expected = [("price_too_low", "warning", 17)] if suspicious else []
    assert found(CHANNEL.replace("0.055", price)) == expected


def test_a_simulator_needs_no_licence_but_one_on_record_is_checked() -> None:
    text = CHANNEL.replace("adapter: generic", "adapter: generic\nsimulator: true").replace(
        "https://sms.example.cn/api", "http://127.0.0.1:8025"
    )
    assert found(without_licence(text)) == []
    assert found(text, date(2030, 1, 1))[0][0] == "licence_expired"


def test_without_a_file_the_channel_stands_for_the_place() -> None:
    problems = licence_problems(read(without_licence(CHANNEL)).value, TODAY)
    assert str(problems[0]).startswith("shop:1:1: ")


def test_a_record_tells_campaigns_what_it_can_do() -> None:
    facts = read(CHANNEL).value.facts()
    assert facts.message_types == {"marketing"}
    assert facts.variables_allowed
    assert facts.click_tracking == "per_variant"


def test_the_full_record_of_a_provider_is_read() -> None:
    extra = """
vetting:
  asked_on: 2026-08-01
  hong_kong_macau_taiwan: true
  peak_per_day: 5000000
  references:
    - customer: 某连锁餐饮
      verified: [contract_page, tender_site, court_and_shareholding]
  volume: {large_customers_share: 0.3}
tested:
  basic: {verdict: passed, on: 2026-08-02, evidence: test-17}
template_codes:
  retail/member_day: SMS_460001
"""
    record = read(CHANNEL + extra).value
    assert record.vetting is not None
    assert record.vetting.volume is not None
    assert record.vetting.volume.large_customers_share == Decimal("0.3")
    assert record.tested is not None
    assert record.tested.basic is not None
    assert record.tested.basic.verdict == "passed"
    assert record.template_codes == {"retail/member_day": "SMS_460001"}


def test_a_record_is_not_printed_with_secrets_because_it_has_none() -> None:
    assert read(CHANNEL).value.credentials == {"token": "SHOP_SMS_TOKEN"}


def test_the_business_knows_its_names_and_authorisations() -> None:
    business = parse_yaml(BUSINESS, "business.yaml", BusinessRecord).value
    assert business.allowed_signatures == {"橙柚生活（广州）商贸有限公司", "橙柚生活", "橙柚"}
    assert business.is_authorised("medical", date(2026, 12, 31))
    assert not business.is_authorised("medical", date(2027, 1, 1))
    assert not business.is_authorised("finance", TODAY)
    assert str(business.working_hours) == "08:00-21:00"


def test_the_shipped_records_are_sound() -> None:
    folder = ROOT / "data" / "campaigns"
    channels = [load_channel(path).value for path in sorted((folder / "channels").glob("*.yaml"))]
    assert {channel.name: channel.message_types for channel in channels} == {
        "demo": ("marketing",),
        "demo-notice": ("notification",),
        "demo-otp": ("otp",),
    }
    assert all(channel.simulator and not licence_problems(channel, TODAY) for channel in channels)
    assert len({channel.account for channel in channels}) == len(channels)
    assert "橙柚生活" in load_business(folder / "business.yaml").value.allowed_signatures
