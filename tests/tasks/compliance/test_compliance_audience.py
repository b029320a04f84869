"""Who is left out and why: every rule by name, in the order of precedence, for the types it binds."""

from __future__ import annotations

import duckdb
import polars as pl
import pytest

from tasks.compliance.audience import AudienceRequest, choose_audience

REQUEST = AudienceRequest("marketing", segments=("a", "b"), left_out=("out",), where="points > 0", regions=("CN",))
PERSON = {
    "consent": "granted",
    "source": "门店",
    "at": "2026-10-01",
    "purpose": "营销短信",
    "region": "CN",
    "points": 1,
    "segments": ("a",),
}


def audience(people: dict[str, dict], suppressions=(), reserved=None, alternates=(), request=REQUEST):
    """Run the rules over people (token -> what differs from an ordinary person); the reason by token."""
    connection = duckdb.connect()
    connection.execute("CREATE TABLE contact_clean (token VARCHAR, name VARCHAR, surname VARCHAR, gender VARCHAR, "
                       "language VARCHAR, points BIGINT, points_expire_on DATE, city VARCHAR, phone_city VARCHAR, "
                       "province VARCHAR, carrier VARCHAR, number_type VARCHAR, phone_region VARCHAR, consent VARCHAR, "
                       "consent_source VARCHAR, consent_at TIMESTAMPTZ, consent_purpose VARCHAR)")  # fmt: skip
    connection.execute("CREATE TABLE contact_tagged (token VARCHAR, points BIGINT)")
    connection.execute("CREATE TABLE segment_member (segment VARCHAR, token VARCHAR, to_at TIMESTAMPTZ)")
    connection.execute("CREATE TABLE contact_alternate (token VARCHAR, alternate_token VARCHAR)")
    for token, changes in people.items():
        person = {**PERSON, **changes}
        connection.execute(
            "INSERT INTO contact_clean (token, phone_region, consent, consent_source, consent_at, consent_purpose) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            [token, *(person[name] for name in ("region", "consent", "source", "at", "purpose"))],
        )
        connection.execute("INSERT INTO contact_tagged VALUES (?, ?)", [token, person["points"]])
        for segment in person["segments"]:
            connection.execute("INSERT INTO segment_member VALUES (?, ?, NULL)", [segment, token])
    for pair in alternates:
        connection.execute("INSERT INTO contact_alternate VALUES (?, ?)", list(pair))
    stops = pl.DataFrame(list(suppressions), schema=["token", "scope", "reason"], orient="row",
                         schema_overrides=dict.fromkeys(("token", "scope", "reason"), pl.String))  # fmt: skip
    choose_audience(connection, request, stops, reserved or {})
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
