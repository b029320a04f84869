"""People move between segments by themselves, and who was where on which day can be asked afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chuda.campaign.condition import parse_condition
from chuda.campaign.segments import Segment, load_segments
from chuda.clock import BUSINESS_ZONE
from chuda.errors import UsageError
from expectations.gate import GateResult, check
from expectations.suites.segments import SEGMENTS
from tasks.contacts.merging import create_contact_tables
from tasks.contacts.porting import apply_ports
from tasks.segments.overview import list_sizes, members_at, preview_segment
from tasks.segments.refresh import SegmentSize, refresh_segments, segment_sizes

REFERENCE = Path(__file__).parents[3] / "data" / "reference"
TIERS = REFERENCE / "city_tiers.csv"
NOW = datetime(2026, 11, 20, 2, tzinfo=BUSINESS_ZONE)
DAY = timedelta(days=1)
SHIPPED = load_segments(REFERENCE / "segments.yaml")


class Gate:
    """Runs nothing: GX needs seconds, and one test below runs it."""

    def require(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(config={"threads": 2, "preserve_insertion_order": False})
    connection.execute("SET TimeZone = 'Asia/Shanghai'")
    create_contact_tables(connection)
    yield connection
    connection.close()


def add(connection: Any, token: str, **values: Any) -> None:
    row = {"token": token, "phone_region": "CN", "number_type": "mobile", "consent": "none", "source_row": 2,
           "source_file": "a.csv", "import_id": "i", "states_consent": False, "updated_at": NOW, **values}  # fmt: skip
    names = ", ".join(row)
    connection.execute(f"INSERT INTO contact_clean ({names}) VALUES ({', '.join('?' * len(row))})", list(row.values()))


def buy(connection: Any, token: str, number: int, days_ago: int, amount: float, discount: float = 0) -> None:
    connection.execute("INSERT INTO order_clean VALUES (?, ?, ?, ?, ?, NULL, NULL, 'i')",
                       [f"{token}-{number}", token, NOW - days_ago * DAY, amount, discount])  # fmt: skip


def segment(name: str, condition: str) -> Segment:
    return Segment(name=name, label=name, condition=parse_condition(condition))


def refresh(connection: Any, now: datetime = NOW, segments: Any = SHIPPED) -> list[SegmentSize]:
    return refresh_segments(connection, segments, TIERS, now, Gate())


def members(connection: Any, name: str, moment: datetime) -> list[str]:
    return sorted(members_at(connection, name, moment)["token"])


STAGES = [
    ("due_date", 300, "pregnant"), ("due_date", 301, "none"), ("due_date", 1, "pregnant"), ("due_date", 0, "age_0_1"),
    ("child_birthday", -1, "age_0_1"), ("child_birthday", -364, "age_0_1"), ("child_birthday", -365, "age_1_3"),
    ("child_birthday", -1095, "age_1_3"), ("child_birthday", -1096, "age_3_6"), ("child_birthday", -2190, "age_3_6"),
    ("child_birthday", -2191, "none"),
]  # fmt: skip


@pytest.mark.parametrize(("column", "days", "stage"), STAGES)
def test_life_stages_begin_and_end_on_the_day(column: str, days: int, stage: str, warehouse) -> None:
    add(warehouse, "t", **{column: (NOW + days * DAY).date()})
    refresh(warehouse)
    assert warehouse.execute("SELECT life_stage FROM contact_tagged").fetchall() == [(stage,)]


def test_a_child_that_is_born_counts_more_than_the_due_date(warehouse) -> None:
    add(warehouse, "t", due_date=(NOW + 5 * DAY).date(), child_birthday=(NOW - 5 * DAY).date())
    refresh(warehouse)
    assert warehouse.execute("SELECT life_stage FROM contact_tagged").fetchall() == [("age_0_1",)]


@pytest.mark.parametrize(("birthday", "days"), [((1990, 11, 20), 0), ((1990, 11, 19), 364), ((1988, 2, 29), 100)])
def test_birthdays_come_round(birthday: tuple[int, int, int], days: int, warehouse) -> None:
    add(warehouse, "t", birthday=datetime(*birthday).date())
    refresh(warehouse)
    assert warehouse.execute("SELECT birthday_in_days FROM contact_tagged").fetchall() == [(days,)]


def test_scores_are_quintiles_of_those_who_bought_and_five_is_best(warehouse) -> None:
    for number in range(10):
        add(warehouse, f"t{number}")
        for order in range(number + 1):
            buy(warehouse, f"t{number}", order, days_ago=100 - 10 * number, amount=10 * (number + 1))
    add(warehouse, "never")
    refresh(warehouse)
    rows = warehouse.execute("SELECT r_score, f_score, m_score FROM contact_tagged ORDER BY token").fetchall()
    assert rows[0] == (None, None, None)
    assert [row[0] for row in rows[1:]] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert all(len(set(row)) == 1 for row in rows[1:])


@pytest.mark.parametrize(("discount", "label"), [(15, "high"), (14, "middle"), (5, "middle"), (4, "low"), (0, "low")])
def test_price_sensitivity_is_the_share_of_discounts(discount: int, label: str, warehouse) -> None:
    add(warehouse, "t")
    buy(warehouse, "t", 1, 10, 100 - discount, discount)
    refresh(warehouse)
    assert warehouse.execute("SELECT price_sensitivity FROM contact_tagged").fetchall() == [(label,)]


def test_people_move_with_time_and_every_day_can_be_asked_about(warehouse) -> None:
    add(warehouse, "t", due_date=(NOW + 2 * DAY).date())
    for days in range(4):
        refresh(warehouse, NOW + days * DAY)
    stages = [(members(warehouse, "pregnant", NOW + days * DAY), members(warehouse, "baby_0_1", NOW + days * DAY))
              for days in range(4)]  # fmt: skip
    assert stages == [(["t"], []), (["t"], []), ([], ["t"]), ([], ["t"])]
    assert members(warehouse, "pregnant", NOW - DAY) == []


def test_a_night_writes_only_those_who_moved(warehouse) -> None:
    for number in range(20):
        add(warehouse, f"t{number:02}")
    add(warehouse, "moves", due_date=(NOW + DAY).date())
    refresh(warehouse)
    refresh(warehouse, NOW + DAY)
    assert warehouse.execute("SELECT count(*) FROM segment_span").fetchone() == (22,)
    assert warehouse.execute("SELECT count(*) FROM segment_span WHERE to_at IS NOT NULL").fetchone() == (1,)


def test_who_is_gone_ends_and_who_is_in_nothing_is_nowhere(warehouse) -> None:
    only = [segment("vip", "list_contains(tags, 'VIP')")]
    add(warehouse, "a", tags=["VIP"])
    add(warehouse, "b")
    refresh(warehouse, NOW, only)
    warehouse.execute("DELETE FROM contact_clean WHERE token = 'a'")
    refresh(warehouse, NOW + DAY, only)
    assert members(warehouse, "vip", NOW) == ["a"]
    assert members(warehouse, "vip", NOW + DAY) == []
    assert warehouse.execute("SELECT count(*) FROM segment_span").fetchone() == (1,)


def test_a_definition_that_is_removed_ends_and_its_place_is_not_given_away(warehouse) -> None:
    add(warehouse, "a", gender="f")
    refresh(warehouse, NOW, [segment("women", "gender = 'f'"), segment("all", "TRUE")])
    refresh(warehouse, NOW + DAY, [segment("all", "TRUE"), segment("men", "gender = 'm'")])
    assert (members(warehouse, "women", NOW), members(warehouse, "women", NOW + DAY)) == (["a"], [])
    assert (members(warehouse, "all", NOW + DAY), members(warehouse, "men", NOW + DAY)) == (["a"], [])
    assert segment_sizes(warehouse) == {"all": 1, "men": 0}


def test_two_refreshes_at_one_moment_leave_the_second(warehouse) -> None:
    add(warehouse, "a", gender="f")
    only = [segment("women", "gender = 'f'")]
    refresh(warehouse, NOW, only)
    warehouse.execute("UPDATE contact_clean SET gender = 'm'")
    refresh(warehouse, NOW, only)
    assert members(warehouse, "women", NOW) == []
    assert warehouse.execute("SELECT count(*) FROM segment_span").fetchone() == (0,)


def test_more_segments_than_bits_are_refused(warehouse) -> None:
    many = [segment(f"s{number}", "TRUE") for number in range(127)]
    with pytest.raises(UsageError, match="126"):
        refresh(warehouse, NOW, many)
    add(warehouse, "a")
    refresh(warehouse, NOW, many[:126])
    assert warehouse.execute("SELECT count(*) FROM segment_member").fetchone() == (126,)


def test_a_preview_needs_no_refresh_and_shows_overlaps(warehouse) -> None:
    for number in range(10):
        add(warehouse, f"t{number}", gender="f" if number < 6 else "m", tags=["VIP"] if number % 2 else [])
    refresh(warehouse, NOW, [segment("women", "gender = 'f'"), segment("men", "gender = 'm'")])
    found = preview_segment(warehouse, segment("vip", "list_contains(tags, 'VIP')"))
    assert (found.people, found.contacts, found.overlaps) == (5, 10, (("women", 3), ("men", 2)))
    assert len(found.examples) == 5


def test_sizes_show_the_change_and_name_jumps(warehouse) -> None:
    for number in range(120):
        add(warehouse, f"t{number:03}", gender="f")
    women = [segment("women", "gender = 'f'")]
    refresh(warehouse, NOW, women)
    warehouse.execute("UPDATE contact_clean SET gender = 'm' WHERE token > 't050'")
    [size] = refresh(warehouse, NOW + DAY, women)
    assert (size, size.is_jump) == (SegmentSize("women", 51, 120), True)
    assert list_sizes(warehouse) == [size]
    assert not SegmentSize("small", 1, 90).is_jump


def test_a_segment_that_never_was_is_named(warehouse) -> None:
    refresh(warehouse)
    with pytest.raises(UsageError, match=r"never was a segment “vips”.*vip"):
        members_at(warehouse, "vips", NOW)


def test_the_gate_runs_on_the_tags_and_warns_of_a_halved_segment(warehouse) -> None:
    results: list[GateResult] = []

    class Real:
        def require(self, suite: Any, subject: str) -> None:
            results.append(check(warehouse, suite, subject, NOW))

    for number in range(120):
        add(warehouse, f"{number:032x}", gender="f")
    women = [segment("women", "gender = 'f'")]
    refresh_segments(warehouse, women, TIERS, NOW, Real())
    warehouse.execute("UPDATE contact_clean SET gender = 'm' WHERE source_row = 2 AND token > ?", [f"{50:032x}"])
    refresh_segments(warehouse, women, TIERS, NOW + DAY, Real())
    assert [(result.verdict, [f.rule for f in result.unmet()]) for result in results] == [
        ("passed", []),
        ("warned", ["no_sudden_halving"]),
    ]
    assert SEGMENTS.name == "segments"


@settings(max_examples=10, deadline=None)
@given(nights=st.lists(st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("fm")), min_size=1, max_size=5))
def test_history_is_what_every_night_saw(nights: list[dict[str, str]]) -> None:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'Asia/Shanghai'")
    create_contact_tables(connection)
    both = [segment("women", "gender = 'f'"), segment("men", "gender = 'm'")]
    for days, people in enumerate(nights):
        connection.execute("DELETE FROM contact_clean")
        for token, gender in people.items():
            add(connection, token, gender=gender)
        refresh(connection, NOW + days * DAY, both)
    for days, people in enumerate(nights):
        for name, gender in (("women", "f"), ("men", "m")):
            expected = sorted(token for token, is_a in people.items() if is_a == gender)
            assert members(connection, name, NOW + days * DAY + timedelta(hours=9)) == expected


def test_a_receipt_that_tells_of_a_port_wins_over_the_prefix(warehouse) -> None:
    codes = REFERENCE / "receipt_codes.csv"
    add(warehouse, "a", carrier="mobile", allocated_carrier="mobile")
    add(warehouse, "b", carrier="unicom", allocated_carrier="unicom")
    assert apply_ports(warehouse, codes, NOW) == 0
    warehouse.execute("CREATE TABLE receipt_received (token VARCHAR, code VARCHAR)")
    warehouse.execute("INSERT INTO receipt_received VALUES ('a', 'NP:1243'), ('a', 'DELIVRD'), ('b', 'DELIVRD')")
    assert (apply_ports(warehouse, codes, NOW), apply_ports(warehouse, codes, NOW)) == (1, 0)
    refresh(warehouse)
    assert warehouse.execute("SELECT carrier FROM contact_tagged ORDER BY token").fetchall() == [
        ("ported",),
        ("unicom",),
    ]
