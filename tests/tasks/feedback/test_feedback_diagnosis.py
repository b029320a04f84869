"""Why it was not received: each cause points to itself, in the order of looking; nothing is claimed without a sign."""

from __future__ import annotations

from datetime import timedelta

import duckdb
import pytest

from chuda.errors import UsageError
from tasks.feedback.diagnosis.evidence import find_target, gather_evidence
from tasks.feedback.diagnosis.judgement import ORDER, causes_found, judge_causes

_TABLE = """
create table message_fact (token varchar, campaign_id varchar, template varchar, carrier varchar, province varchar,
    channel varchar, sent_at timestamptz, sent_hour timestamptz, state varchar, code varchar, cause varchar,
    latency_s double, is_delivered boolean, is_clicked boolean, is_submitted boolean)
"""


class Marts:
    """Messages as the marts show them; `put` adds some that fared alike."""

    def __init__(self, now):
        self.now = now
        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone = 'Asia/Shanghai'")
        self.connection.execute(_TABLE)

    def put(self, count, *, state="delivered", cause=None, code="", hours_ago=24.0, tokens="t", latency=5.0, **more):
        place = {"campaign_id": "c1", "template": "retail/a", "carrier": "mobile", "province": "广东", "channel": "sms"}
        place |= more
        sent = self.now - timedelta(hours=hours_ago)
        hour = sent.replace(minute=0, second=0, microsecond=0)
        told = latency if state in ("delivered", "failed") else None
        for number in range(count):
            self.connection.execute(
                f"insert into message_fact values ({', '.join('?' * 15)})",
                [f"{tokens}{number}", place["campaign_id"], place["template"], place["carrier"], place["province"],
                 place["channel"], sent, hour, state, code, cause, told, state == "delivered", False, True],
            )  # fmt: skip

    def ask(self, asked, confidence=None):
        evidence = gather_evidence(self.connection, find_target(self.connection, asked), self.now, 30)
        return evidence, {f.cause: f for f in judge_causes(evidence, confidence or {})}


@pytest.fixture
def marts(clock):
    return Marts(clock.now())


def test_what_was_delivered_is_told_from_what_failed_and_what_still_waits(marts):
    marts.put(3)
    marts.put(2, state="failed", code="MK:0001", cause="empty_number", tokens="f")
    marts.put(4, state="accepted", hours_ago=71, tokens="w")
    marts.put(5, state="accepted", hours_ago=73, tokens="s")
    marts.put(6, state="unconfirmed", hours_ago=80, tokens="u")
    standing = marts.ask("c1")[0].one("standing")
    assert [standing[n] for n in ("sent", "delivered", "failed", "waiting", "silent")] == [20, 3, 2, 4, 11]


@pytest.mark.parametrize(
    ("cause", "category"),
    [("blacklist", "blacklist"), ("content", "content"), ("congestion", "congestion"), ("signature", "signature"),
     ("ported", "ported"), ("frequency", "frequency"), ("handset", "handset"), ("number", "empty_number"),
     ("number", "unreachable"), ("unclear", "unlisted"), ("unclear", "ambiguous")],
)  # fmt: skip
def test_codes_name_their_cause_and_nothing_else(marts, cause, category):
    marts.put(9, state="failed", code="X1", cause=category)
    marts.put(1, state="failed", code="Y", cause="ported" if category != "ported" else "content", tokens="o")
    _, found = marts.ask("c1")
    assert list(found) == list(ORDER)
    assert (found[cause].likelihood, found[cause].messages) == ("very_likely", 9)
    assert found[cause].codes == ("X1 x9",)
    assert {c for c, f in found.items() if f.likelihood == "very_likely"} == {cause}


def test_a_disputed_code_is_half_a_sign(marts):
    marts.put(6, state="failed", code="mk:0014", cause="content")
    marts.put(4, state="failed", code="LIMIT", cause="frequency", tokens="o")
    assert marts.ask("c1")[1]["content"].likelihood == "very_likely"
    assert marts.ask("c1", {"MK:0014": "low"})[1]["content"].likelihood == "likely"


def test_a_number_that_fails_over_templates_and_days_points_to_a_blacklist(marts):
    for days, template in ((1, "retail/a"), (2, "retail/b")):
        marts.put(1, state="failed", code="UNDELIV", cause="ambiguous", hours_ago=24 * days, template=template)
    _, found = marts.ask("retail/a")
    assert found["blacklist"].likelihood == "possible"
    assert "1/1" in found["blacklist"].pattern
    marts.put(1, hours_ago=72, template="retail/c")
    assert marts.ask("retail/a")[1]["blacklist"].likelihood == "no_sign", "it was reached meanwhile"


def test_a_template_that_fails_with_many_numbers_points_to_its_content(marts):
    marts.put(30, state="failed", code="UNDELIV", cause="ambiguous", template="retail/bad")
    marts.put(70, template="retail/bad", tokens="g")
    marts.put(200, template="retail/good", tokens="h")
    _, found = marts.ask("retail/bad")
    assert found["content"].likelihood == "possible"
    assert found["content"].pattern == "retail/bad: 30/100 failed, others 0/200"
    assert not marts.ask("retail/good")[1]["content"].pattern


def test_a_cell_that_fails_while_it_slows_down_points_to_congestion(marts):
    marts.put(30, state="failed", code="UNDELIV", cause="ambiguous", latency=90)
    marts.put(30, tokens="slow", latency=60)
    marts.put(200, province="北京", carrier="unicom", tokens="b")
    _, found = marts.ask("移动/广东")
    assert found["congestion"].likelihood == "possible"
    assert "mobile 广东" in found["congestion"].pattern
    assert not marts.ask("unicom/北京")[1]["congestion"].pattern


def test_delivered_and_not_seen_points_to_the_handset_only(marts):
    marts.put(2)
    _, found = marts.ask("c1")
    assert [f.cause for f in causes_found(list(found.values()))] == ["handset"]


def test_what_nobody_knows_or_nothing_left_for_is_said_so(marts):
    marts.put(1, hours_ago=24 * 40)
    with pytest.raises(UsageError, match="nothing in the marts"):
        find_target(marts.connection, "c9")
    with pytest.raises(UsageError, match="no message left"):
        marts.ask("c1")
