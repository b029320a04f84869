"""Who is left out and why: every rule by name, in the order of precedence, for the types it binds."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from chuda.clock import BUSINESS_ZONE
from tasks.compliance.audience import AudienceRequest, Restraints, choose_audience, find_troubled_numbers
from tasks.compliance.rules import PRECEDENCE, explain_reason

REQUEST = AudienceRequest("marketing", segments=("a", "b"), left_out=("out",), where="points > 0", regions=("CN",))
PERSON = {
    "consent": "granted",
    "source": "门店",
    "at": "2026-10-01",
    "purpose": "营销短信",
    "region": "CN",
    "points": 1,
    "segments": ("a",),
    "member": None,
    "updated": "2026-11-01",
}
TABLES = (Path(__file__).parents[3] / "tasks/contacts/create_contact_tables.sql").read_text(encoding="utf-8")
NOW = datetime(2026, 11, 20, 10, tzinfo=BUSINESS_ZONE)
CODES = [("EMPTY", "empty_number", "high"), ("PERHAPS", "suspended", "low"), ("OFTEN", "frequency", "medium")]
RECEIPTS = "CREATE TABLE receipt_received (token VARCHAR, status VARCHAR, code VARCHAR, reported_at TIMESTAMPTZ)"


def open_warehouse(people: dict[str, dict]):
    """A warehouse of people (token -> what differs from an ordinary person)."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'Asia/Shanghai'")
    connection.execute(TABLES)
    connection.execute("CREATE TABLE contact_tagged (token VARCHAR, points BIGINT)")
    connection.execute("CREATE TABLE segment_member (segment VARCHAR, token VARCHAR, to_at TIMESTAMPTZ)")
    for token, changes in people.items():
        person = {**PERSON, **changes}
        connection.execute(
            "INSERT INTO contact_clean (token, phone_region, consent, consent_source, consent_at, consent_purpose, "
            "number_type, source_id, source_row, source_file, import_id, states_consent, updated_at) "
            "VALUES (?, ?, ?, ?, ?, ?, 'mobile', ?, 1, 'f', 'i', true, ?)",
            [token, *(person[name] for name in ("region", "consent", "source", "at", "purpose", "member", "updated"))],
        )
        connection.execute("INSERT INTO contact_tagged VALUES (?, ?)", [token, person["points"]])
        for segment in person["segments"]:
            connection.execute("INSERT INTO segment_member VALUES (?, ?, NULL)", [segment, token])
    return connection


def audience(people, suppressions=(), reserved=None, alternates=(), request=REQUEST, *, prepare=(), **known):
    """Run the rules over people; the reason by token."""
    connection = open_warehouse(people)
    for pair in alternates:
        connection.execute("INSERT INTO contact_alternate VALUES (?, ?)", list(pair))
    for statement in prepare:
        connection.execute(statement)
    stops = pl.DataFrame(list(suppressions), schema=["token", "scope", "reason"], orient="row",
                         schema_overrides=dict.fromkeys(("token", "scope", "reason"), pl.String))  # fmt: skip
    find_troubled_numbers(connection, CODES, NOW)
    choose_audience(connection, request, Restraints(stops, reserved or {}, **known))
    rows = connection.execute(
        "SELECT c.token, x.reason FROM audience_candidate c LEFT JOIN audience_excluded x USING (token)"
    ).fetchall()
    return dict(rows)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"consent": "denied"}, "consent_denied"),
        ({"consent": "none"}, "no_consent"),
        ({"purpose": "售后服务通知"}, "consent_other_purpose"),
        ({"purpose": None}, "consent_without_evidence"),
        ({"source": None}, "consent_without_evidence"),
        ({"at": None}, "consent_without_evidence"),
        ({"purpose": "Marketing SMS"}, None),
        ({"region": "HK"}, "region_not_covered"),
        ({"consent": "denied", "region": "HK"}, "consent_denied"),
    ],
)
def test_each_rule_gives_its_own_reason(changes, reason):
    assert audience({"x": changes}) == {"x": reason}


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        (("x", "marketing", "opt_out"), "suppressed"),
        (("x", "all", "do_not_contact"), "suppressed"),
        (("x", "all", "complaint"), "complained"),
        (("y", "all", "complaint"), None),
    ],
)
def test_suppression_comes_before_consent_and_a_complaint_before_both(stop, reason):
    assert audience({"x": {"consent": "granted"}}, [stop]) == {"x": reason}
    if reason:
        assert audience({"x": {"consent": "denied"}}, [stop]) == {"x": reason}


def test_an_opt_out_on_an_alternate_number_covers_the_person():
    assert audience({"x": {}}, [("x2", "marketing", "opt_out")], alternates=[("x", "x2")]) == {"x": "suppressed"}


@pytest.mark.parametrize(("count", "reason"), [(2, None), (3, "weekly_cap"), (9, "weekly_cap")])
def test_three_messages_a_week_are_the_most(count, reason):
    assert audience({"x": {}}, reserved={"x": count}) == {"x": reason}


def test_a_campaign_can_lower_the_cap_but_not_raise_it():
    raised = AudienceRequest("marketing", ("a",), (), "TRUE", ("CN",), weekly_cap=99)
    lowered = AudienceRequest("marketing", ("a",), (), "TRUE", ("CN",), weekly_cap=1)
    assert audience({"x": {}}, reserved={"x": 3}, request=raised) == {"x": "weekly_cap"}
    assert audience({"x": {}}, reserved={"x": 1}, request=lowered) == {"x": "weekly_cap"}


def test_a_notification_asks_for_no_marketing_consent_and_obeys_those_who_left_altogether():
    request = AudienceRequest("notification", ("a",), (), "TRUE", ("CN",))
    people = {"x": {"consent": "none"}, "y": {}, "z": {}}
    stops = [("y", "marketing", "opt_out"), ("z", "all", "opt_out")]
    assert audience(people, stops, {"x": 9}, request=request) == {"x": None, "y": None, "z": "suppressed"}


def test_only_those_asked_for_are_candidates():
    people = {
        "in": {}, "second": {"segments": ("b",)}, "elsewhere": {"segments": ("c",)}, "left": {"segments": ("a", "out")},
        "poor": {"points": 0},
    }  # fmt: skip
    assert audience(people) == {"in": None, "second": None}


@pytest.mark.parametrize(
    ("receipts", "reason"),
    [
        ([("failed", "EMPTY", 3)], "cannot_receive"),
        ([("failed", "PERHAPS", 3)], None),
        ([("failed", "PERHAPS", 9), ("failed", "PERHAPS", 3)], "cannot_receive"),
        ([("failed", "EMPTY", 3), ("delivered", "DELIVRD", 1)], None),
        ([("delivered", "DELIVRD", 9), ("failed", "EMPTY", 3)], "cannot_receive"),
        ([("failed", "EMPTY", 181)], None),
        ([("failed", "OFTEN", 6)], "carrier_cap"),
        ([("failed", "OFTEN", 8)], None),
        ([("failed", "OTHER", 1)], None),
    ],
)
def test_receipts_say_which_numbers_cannot_receive_or_had_too_many(receipts, reason):
    rows = [
        f"INSERT INTO receipt_received VALUES ('x', '{status}', '{code}', '{NOW - timedelta(days=days)}')"
        for status, code, days in receipts
    ]
    assert audience({"x": {}}, prepare=[RECEIPTS, *rows]) == {"x": reason}


def test_a_notification_may_go_where_the_carrier_counted_too_many_but_not_to_a_dead_number():
    request = replace(REQUEST, message_type="notification")
    prepare = [RECEIPTS, *(f"INSERT INTO receipt_received VALUES ('{token}', 'failed', '{code}', '{NOW}')"
                           for token, code in (("x", "OFTEN"), ("y", "EMPTY")))]  # fmt: skip
    assert audience({"x": {}, "y": {}}, request=request, prepare=prepare) == {"x": None, "y": "cannot_receive"}


@pytest.mark.parametrize(
    ("count", "cap", "reason"), [(2, None, None), (3, None, "provider_cap"), (1, 1, "provider_cap")]
)
def test_a_provider_takes_so_many_a_day_for_one_person(count, cap, reason):
    assert audience({"x": {}}, request=replace(REQUEST, daily_cap=cap), today={"x": count}) == {"x": reason}


def test_test_phones_are_no_customers():
    assert audience({"x": {}, "y": {}}, test_contacts=["y", "elsewhere"]) == {"x": None, "y": "test_contact"}


def test_an_authorisation_that_ends_before_the_day_of_sending_stops_everybody():
    assert audience({"x": {}}, request=replace(REQUEST, is_trade_authorised=False)) == {"x": "trade_not_authorised"}


def test_of_two_numbers_of_one_person_one_is_messaged():
    alternates = [("x", "y"), ("y", "x"), ("gone", "z")]
    people = {"x": {}, "y": {}, "z": {}, "m1": {"member": "7"}, "m2": {"member": "7", "updated": "2026-11-02"}}
    assert audience(people, alternates=alternates) == {
        "x": None, "y": "duplicate_person", "z": None, "m1": "duplicate_person", "m2": None,
    }  # fmt: skip


def test_people_outside_the_audience_make_nobody_a_duplicate():
    people = {"x": {"member": "7"}, "y": {"member": "7", "updated": "2026-11-02", "segments": ("c",)}}
    assert audience(people, alternates=[("y", "x")]) == {"x": None}


EVENT = (
    "CREATE TABLE event_due (token VARCHAR, event_key VARCHAR, event_at VARCHAR, starts_at TIMESTAMPTZ, "
    "over_at TIMESTAMPTZ, is_done BOOLEAN)"
)


def test_a_recurring_campaign_asks_those_whose_event_is_due_and_says_why_not():
    request = replace(REQUEST, is_recurring=True, opens_at=NOW, nightly_limit=1)
    events = [
        ("early", NOW + timedelta(hours=30), False), ("later", NOW + timedelta(hours=31), False),
        ("done", NOW + timedelta(hours=1), True), ("over", NOW + timedelta(hours=1), False),
    ]  # fmt: skip
    rows = [f"INSERT INTO event_due VALUES ('{t}', 'k', '', '{at}', '{at}', {done})" for t, at, done in events]
    people = {"early": {}, "later": {}, "done": {}, "over": {}, "not due": {}}
    assert audience(people, request=request, prepare=[EVENT, *rows]) == {
        "early": None, "later": "over_nightly_limit", "done": "event_done", "over": "event_over",
    }  # fmt: skip


# One person whom every rule leaves out; each line heals the reason above, so that the next one shows.
HEALED = (
    ("complained", {}),
    ("suppressed", {"suppressions": [("x", "all", "do_not_contact")]}),
    ("consent_denied", {"suppressions": []}),
    ("no_consent", {"consent": "none"}),
    ("consent_without_evidence", {"consent": "granted"}),
    ("consent_other_purpose", {"source": "门店"}),
    ("trade_not_authorised", {"purpose": "营销"}),
    ("test_contact", {"is_trade_authorised": True}),
    ("duplicate_person", {"test_contacts": []}),
    ("event_done", {"alternates": []}),
    ("event_over", {"is_done": False}),
    ("cannot_receive", {"hours": 2}),
    ("region_not_covered", {"code": "OFTEN"}),
    ("weekly_cap", {"region": "CN"}),
    ("provider_cap", {"reserved": {}}),
    ("carrier_cap", {"today": {}}),
)


def test_the_first_reason_is_the_one_on_record_in_the_stated_order():
    state = {
        "suppressions": [("x", "all", "complaint")], "consent": "denied", "source": None, "purpose": "通知",
        "is_trade_authorised": False, "test_contacts": ["x"], "alternates": [("a", "x")], "is_done": True, "hours": 0,
        "code": "EMPTY", "region": "HK", "reserved": {"x": 3}, "today": {"x": 3},
    }  # fmt: skip
    seen = []
    for _, healed in HEALED:
        state |= healed
        request = replace(REQUEST, is_recurring=True, opens_at=NOW, is_trade_authorised=state["is_trade_authorised"])
        over_at = NOW + timedelta(hours=state["hours"])
        prepare = [
            RECEIPTS, f"INSERT INTO receipt_received VALUES ('x', 'failed', '{state['code']}', '{NOW}')", EVENT,
            f"INSERT INTO event_due VALUES ('x', 'k', '', '{NOW}', '{over_at}', {state['is_done']}), "
            f"('a', 'k', '', '{NOW}', NULL, false)",
        ]  # fmt: skip
        person = {name: state[name] for name in ("consent", "source", "purpose", "region")}
        found = audience({"x": person, "a": {}}, state["suppressions"], state["reserved"], state["alternates"], request,
                         prepare=prepare, today=state["today"], test_contacts=state["test_contacts"])  # fmt: skip
        seen.append(found["x"])
    assert seen == [reason for reason, _ in HEALED]
    assert tuple(seen) == PRECEDENCE[: len(seen)]


def test_every_reason_is_explained_in_both_languages():
    assert len(set(PRECEDENCE)) == len(PRECEDENCE)
    for reason in PRECEDENCE:
        assert explain_reason(reason, "zh") != explain_reason(reason, "en")
    assert explain_reason("made_up", "zh") == "made_up"
