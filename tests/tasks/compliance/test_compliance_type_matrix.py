"""The matrix of message types, cell by cell: what the table says is what every place that decides by type does."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from fakes import FakeProvider, phones, put_release

from chuda.campaign.references import ChannelFacts, KnownNames, find_unknown_names
from chuda.clock import BUSINESS_ZONE, FixedClock, to_us
from chuda.message_types import MESSAGE_TYPES, rules_of
from chuda.stores.ledger.releases import marketing_releases_between
from chuda.stores.ledger.suppression import Suppression, suppress, suppressed_among
from tasks.compliance.rules import parameters_used, reason_expression
from tasks.content.context import ContentContext, load_content_reference
from tasks.dispatch.sender import ChannelLimits, Sender

TYPES = tuple(MESSAGE_TYPES)
CAMPAIGN_TYPES = ("marketing", "notification", "otp")

# product.md, "Message types": one row per type, one entry per column.
CONSENT = {"marketing": True, "coupon_reply": True, "notification": False, "otp": False, "test": False}
OPT_OUT_TEXT = {"marketing": True, "coupon_reply": True, "notification": False, "otp": False, "test": None}
STOPPED_BY_OPT_OUT = {"marketing": True, "coupon_reply": True, "notification": False, "otp": False, "test": False}
STOPPED_BY_ALL = {"marketing": True, "coupon_reply": True, "notification": True, "otp": False, "test": False}
HOURS = {"marketing": (8, 21), "coupon_reply": (8, 21), "notification": (8, 22), "otp": (0, 24), "test": (0, 24)}
CAPPED = {"marketing": True, "coupon_reply": False, "notification": False, "otp": False, "test": False}
CHANNEL = {"marketing": "marketing", "coupon_reply": "marketing", "notification": "notification", "otp": "otp"}
CANDIDATE = {
    "token": "a", "consent": "granted", "consent_source": "shop", "consent_at": "2026-01-01",
    "consent_purpose": "营销短信", "number_type": "mobile", "phone_region": "CN", "suppression": None,
    "messages_this_week": 0, "messages_this_day": 0, "number_trouble": None, "event_over_at": None,
    "is_test_contact": False, "is_duplicate": False, "is_event_done": False,
}  # fmt: skip


def reason(message_type: str, **changes: object) -> str | None:
    """The first reason against one candidate."""
    connection = duckdb.connect()
    row = CANDIDATE | changes
    kinds = {bool: "BOOLEAN", int: "INTEGER"}
    columns = ", ".join(
        f"${name}::{'TIMESTAMPTZ' if name == 'event_over_at' else kinds.get(type(value), 'VARCHAR')} AS {name}"
        for name, value in row.items()
    )
    opens_at = datetime(2026, 11, 20, 10, tzinfo=BUSINESS_ZONE)
    values = {"regions": ["CN"], "weekly_cap": 3, "daily_cap": 3, "opens_at": opens_at, "trade_authorised": True}
    used = {name: value for name, value in values.items() if name in parameters_used(message_type)}
    return connection.execute(
        f"SELECT {reason_expression(message_type)} FROM (SELECT {columns})", row | used
    ).fetchone()[0]


def test_the_table_has_the_rows_of_the_product():
    assert set(TYPES) == set(CONSENT)


@pytest.mark.parametrize("message_type", TYPES)
def test_consent(message_type):
    for lack in ({"consent": None}, {"consent": "denied"}, {"consent_source": None}, {"consent_purpose": "物业通知"}):
        assert (reason(message_type, **lack) is not None) is CONSENT[message_type], lack


@pytest.mark.parametrize("message_type", TYPES)
def test_opt_out_text(message_type):
    assert rules_of(message_type).needs_opt_out is OPT_OUT_TEXT[message_type]


@pytest.mark.parametrize("message_type", CAMPAIGN_TYPES)
def test_opt_out_text_is_asked_for_where_texts_are_checked(message_type):
    reference = load_content_reference(Path(__file__).parents[3] / "data/reference")
    context = ContentContext(reference=reference, signatures=(), message_type=message_type)
    assert context.needs_opt_out is OPT_OUT_TEXT[message_type]


@pytest.mark.parametrize("scope", ["marketing", "all"])
@pytest.mark.parametrize("message_type", TYPES)
def test_suppression(ledger, clock, message_type, scope):
    now_us = to_us(clock.now())
    with ledger.write() as connection:
        suppress(connection, [Suppression("a" * 32, scope, "opt_out", "reply", now_us, now_us)])
        found = suppressed_among(connection, ["a" * 32, "b" * 32], message_type)
    stops = (STOPPED_BY_OPT_OUT if scope == "marketing" else STOPPED_BY_ALL)[message_type]
    assert found == ({"a" * 32} if stops else set())


@pytest.mark.parametrize("message_type", TYPES)
def test_a_suppressed_person_is_no_candidate_of_a_type_that_suppression_stops(message_type):
    assert (reason(message_type, suppression="opt_out") is not None) is STOPPED_BY_ALL[message_type]


@pytest.mark.parametrize("message_type", TYPES)
def test_hours_at_the_moment_of_sending_whatever_the_release_says(ledger, keys, message_type):
    first, last = HOURS[message_type]
    for hour, minute in ((0, 30), (7, 59), (8, 0), (20, 50), (21, 0), (21, 50), (22, 0), (23, 50)):
        now = datetime(2026, 11, 20, hour, minute, tzinfo=BUSINESS_ZONE)
        plan_id = f"p{hour}{minute}"
        release = put_release(ledger, keys, now, people=phones(1), plan_id=plan_id, occurrence=plan_id,
                              message_type=message_type, window=(0, 1440), hours=0.5)  # fmt: skip
        sender = Sender(ledger, keys, FixedClock(now), FakeProvider(), ChannelLimits(1000), "me")
        stop = asyncio.run(sender.send(release)).stop
        assert (stop == "done") is (first <= hour < last), (hour, minute, stop)


@pytest.mark.parametrize("message_type", TYPES)
def test_weekly_cap_binds(message_type):
    assert (reason(message_type, messages_this_week=3) == "weekly_cap") is CAPPED[message_type]
    assert reason(message_type, messages_this_week=2) is None


@pytest.mark.parametrize("message_type", TYPES)
def test_weekly_cap_counts(ledger, keys, clock, message_type):
    release = put_release(ledger, keys, clock.now(), people=phones(1), message_type=message_type)
    with ledger.read() as connection:
        seen = marketing_releases_between(connection, 0, 2**60)
    assert (release.release_id in seen) is CAPPED[message_type]


@pytest.mark.parametrize("carried", CAMPAIGN_TYPES)
@pytest.mark.parametrize("message_type", CAMPAIGN_TYPES)
def test_channel(message_type, carried):
    known = KnownNames(frozenset(), {"c": ChannelFacts(frozenset({carried}))}, frozenset(), frozenset())
    found = [each.code for each in find_unknown_names({"type": message_type, "channels": ("c",)}, known)]
    assert ("channel_wrong_type" in found) is (CHANNEL[message_type] != carried), found


def test_a_test_goes_over_the_channel_it_tests():
    assert rules_of("test").channel is None
