"""A plan in figures, in words and against another plan: every number a person decides by, and no number of a person."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import duckdb
import pytest
from plan_rows import OPENS, insert, put_plan, put_plan_release

from chuda.errors import UsageError
from tasks.planning.difference import changed_paths, compare_plans, difference_lines
from tasks.planning.figures import read_figures
from tasks.planning.plan import create_plan_tables
from tasks.planning.summary import plan_lines

TEXT = "【橙柚生活】{}，满199立减50元，拒收请回复R"


@pytest.fixture
def connection():
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'Asia/Shanghai'")
    create_plan_tables(connection)
    connection.execute("CREATE TABLE contact_clean (token VARCHAR, name VARCHAR)")
    return connection


def put_message(connection: Any, token: str, plan_id: str = "p1", **changes: Any) -> None:
    text = changes.pop("text", TEXT.format("王女士"))
    values = {
        "plan_id": plan_id, "token": token, "wave": "all", "segment": "active", "text": text,
        "units": len(text) if text else None, "parts": 1 if text else None, "send_at": OPENS, "release_number": 1,
        "messages_before": 0,
    }  # fmt: skip
    insert(connection, "plan_message", **values | changes)


def lines(connection: Any, language: str = "en", **extra: Any) -> str:
    return "\n".join(plan_lines(read_figures(connection, "p1"), language, **extra))


def test_people_are_counted_by_reason_segment_and_variant(connection):
    put_plan(connection)
    for token, segment, variant in (("a", "x", "A"), ("b", "x", "B"), ("c", "y", "A")):
        put_message(connection, token, segment=segment, variant=variant)
    put_message(connection, "d", segment="y", wave="rollout", text=None)
    for token, reason in (("e", "no_consent"), ("f", "no_consent"), ("g", "holdout")):
        insert(connection, "plan_exclusion", plan_id="p1", token=token, reason=reason)
    figures = read_figures(connection, "p1")
    assert figures.reasons == {"no_consent": 2, "holdout": 1}
    assert figures.by_segment == {"x": 2, "y": 2}
    assert figures.by_variant == {"A": 2, "B": 1}
    assert figures.waiting_for_rollout == 1
    said = lines(connection)
    assert "10 people asked for, 4 get it, 6 do not" in said
    assert "by segment: x 2, y 2" in said
    assert "the other 1 wait for the verdict" in said


def test_it_costs_the_same_at_most_and_less_where_only_arrivals_are_billed(connection):
    put_plan(connection, parts=1000)
    put_message(connection, "a", parts=2)
    cost = read_figures(connection, "p1").cost
    assert (cost.at_most_cny, cost.submitted_cny, cost.delivered_cny) == (50, 50, 49)
    said = lines(connection)
    assert "at most ¥50.00" in said
    assert "per part submitted: ¥50.00 <- this channel" in said
    assert "! 1 texts cost 2 parts each" in said


def test_the_last_part_leaves_when_the_rate_of_the_channel_allows(connection):
    put_plan(connection)  # 1,000 parts a second, 9:00 to 20:30
    connection.execute("DELETE FROM plan_release")
    put_plan_release(connection, "p1", 1, parts=600_000)
    put_plan_release(connection, "p1", 2, parts=600_000, opens_at=OPENS + timedelta(minutes=5))
    put_plan_release(connection, "p1", 3, parts=60_000, opens_at=OPENS + timedelta(hours=3))
    done = [one.done_at - OPENS for one in read_figures(connection, "p1").releases]
    assert done == [timedelta(minutes=10), timedelta(minutes=20), timedelta(hours=3, minutes=1)]


def test_what_cannot_finish_in_time_is_said(connection):
    put_plan(connection)
    connection.execute("DELETE FROM plan_release")
    put_plan_release(connection, "p1", 1, size=7, parts=90_000_000)
    said = lines(connection)
    assert "! cannot finish on its day" in said
    assert "! releases of 7 cannot be done before they expire" in said


def test_the_longest_text_stands_for_all_and_names_nobody(connection):
    put_plan(connection)
    put_message(connection, "a", text=TEXT.format("李雷"))
    put_message(connection, "b", text=TEXT.format("欧阳娜娜13800138000"))
    connection.execute("INSERT INTO contact_clean VALUES ('a', '李雷'), ('b', '欧阳娜娜')")
    [text] = read_figures(connection, "p1").texts
    assert text.sample == TEXT.format("欧***138****8000")
    assert (text.people, text.units) == (2, (len(TEXT.format("李雷")), len(TEXT.format("欧阳娜娜13800138000"))))
    assert "13800138000" not in lines(connection)


def test_a_real_channel_asks_for_a_code_per_release(connection):
    put_plan(connection, simulator=False)
    put_plan_release(connection, "p1", 2)
    assert "chuda approve p1 --code 123456 (2 releases, a code each)" in lines(connection)
    assert "a simulator" not in lines(connection)


def test_both_languages_say_everything(connection):
    put_plan(connection)
    put_message(connection, "a")
    insert(connection, "plan_exclusion", plan_id="p1", token="e", reason="no_consent")
    zh, en = lines(connection, "zh"), lines(connection, "en")
    assert len(zh.splitlines()) == len(en.splitlines())
    assert "没有同意记录 [no_consent]" in zh
    assert "11-20 周五 15:00 开始" in zh
    assert "starts 11-20 Fri 15:00" in en


def test_a_warning_in_two_languages_is_said_in_one(connection):
    put_plan(connection)
    said = lines(connection, "zh", warnings=["与低效时段重叠 / the slot meets a blind time"])
    assert "! 与低效时段重叠" in said
    assert "blind" not in said


def test_the_json_twin_is_plain_and_complete(connection):
    put_plan(connection)
    put_message(connection, "a")
    plain = read_figures(connection, "p1").to_json()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["cost"]["at_most_cny"] == "0.25"
    assert plain["opens_at"] == "2026-11-20T15:00:00+08:00"
    assert plain["releases"][0]["release_id"] == "p1-1"


def test_a_plan_nobody_made_is_named(connection):
    with pytest.raises(UsageError, match="there is no plan p9"):
        read_figures(connection, "p9")
    with pytest.raises(UsageError, match="there is no plan p9"):
        read_figures(duckdb.connect(), "p9")


def test_a_difference_counts_people_texts_times_and_money(connection):
    put_plan(connection, "p1", planned=3)
    put_plan(connection, "p2", planned=3, parts=9, offer="60", opens_at=OPENS + timedelta(hours=1))
    for token in ("a", "b", "c"):
        put_message(connection, token, "p1")
    put_message(connection, "b", "p2", text=TEXT.format("王女士").replace("50", "60"))
    put_message(connection, "c", "p2", send_at=OPENS + timedelta(hours=1))
    put_message(connection, "d", "p2")
    insert(connection, "plan_exclusion", plan_id="p2", token="a", reason="suppressed")
    found = compare_plans(connection, "p1", "p2")
    assert (found.added, found.removed, found.same, found.retexted, found.moved) == (1, 1, 2, 1, 1)
    assert found.reasons == {"suppressed": (0, 1)}
    assert found.keys == ("budget_cny",)
    said = "\n".join(difference_lines(found, "en"))
    assert "changed in the files: budget_cny" in said
    assert "parts 5 → 9 (+4)" in said
    assert "cost at most, ¥ 0.25 → 0.45 (+0.20)" in said
    assert "starts 11-20 Fri 15:00 → 11-20 Fri 16:00" in said
    assert "- " + TEXT.format("王女士") in said
    assert "+ " + TEXT.format("王女士").replace("50", "60") in said
    assert found.to_json()["added"] == 1


def test_a_plan_does_not_differ_from_itself(connection):
    put_plan(connection)
    put_message(connection, "a")
    assert difference_lines(compare_plans(connection, "p1", "p1"), "zh") == ["p1：没有变化"]


@pytest.mark.parametrize(
    ("old", "new", "paths"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": {"b": 1, "c": [1]}}, {"a": {"b": 2, "c": [1, 2]}}, ["a.b", "a.c"]),
        ({"a": None}, {"a": {"b": 1}}, ["a"]),
        ({"a": 1}, {}, ["a"]),
    ],
)
def test_changed_places_are_named_by_their_path(old, new, paths):
    assert list(changed_paths(old, new)) == paths
