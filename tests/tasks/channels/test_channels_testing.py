"""When the sends of a test are due, and what any process that looks at the ledger has to do next."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from channel_world import FRIDAY, LINES, MONDAY_NINE, record, verdict

from chuda.clock import BUSINESS_ZONE, to_us
from chuda.errors import Refused
from chuda.stores.ledger.channels import (
    Route,
    TestStep,
    add_steps,
    add_verdict,
    close_steps,
    end_route,
    open_route,
    open_routes,
    open_tests,
    shots_of,
    steps_of,
    tell_attempts,
    verdicts_of,
)
from chuda.windows import DailyWindow
from tasks.channels.testing import channels_by_type, next_moment, ripe_stages, schedule_test

DAY = DailyWindow(8 * 60, 21 * 60)


def sends(now=FRIDAY, window=DAY):
    return schedule_test(record(), {"marketing": record()}, window, now, LINES)


def test_basic_goes_at_once_stress_on_the_next_workday_morning_scenario_after_it():
    planned = sends()
    assert [(s.stage, s.opens_at) for s in planned] == [
        ("basic", FRIDAY),
        ("stress", MONDAY_NINE),
        ("stress", MONDAY_NINE + timedelta(minutes=30)),
        ("stress", MONDAY_NINE + timedelta(minutes=60)),
        ("scenario", MONDAY_NINE + timedelta(minutes=90)),
    ]
    assert planned[0].judge_at == FRIDAY + timedelta(minutes=11)


def test_a_holiday_is_no_workday_and_a_make_up_sunday_is():
    before_national_day = datetime(2026, 9, 30, 15, tzinfo=BUSINESS_ZONE)
    stress = [s for s in sends(before_national_day) if s.stage == "stress"]
    assert stress[0].opens_at.date().isoformat() == "2026-10-08"


def test_a_test_begun_late_waits_for_the_morning():
    planned = sends(FRIDAY.replace(hour=20, minute=55))
    assert planned[0].opens_at == datetime(2026, 11, 21, 8, tzinfo=BUSINESS_ZONE)


def test_hours_that_do_not_hold_the_stress_test_are_refused():
    with pytest.raises(Refused, match="stress test takes 09:00 to 10:00"):
        sends(window=DailyWindow(9 * 60 + 30, 20 * 60))


def test_each_type_goes_through_the_providers_channel_of_that_type():
    otp = record(name="codes", message_types=("otp",))
    others = {"codes": otp, "elsewhere": record(name="elsewhere", provider="别家", message_types=("notification",))}
    found = channels_by_type(record(), others)
    assert {kind: channel.name for kind, channel in found.items()} == {"marketing": "shop", "otp": "codes"}


def step(stage: str, number: int, due: datetime, judge: datetime, state: str = "open") -> TestStep:
    return TestStep(
        "shop-1", stage, 1, number, "marketing", "shop", f"p-{stage}-{number}", to_us(due), to_us(judge), state
    )


def test_a_stage_is_ripe_when_all_its_sends_are():
    steps = [step("basic", 1, FRIDAY, FRIDAY + timedelta(minutes=11)),
             step("stress", 1, FRIDAY, FRIDAY + timedelta(minutes=30)),
             step("stress", 2, FRIDAY, FRIDAY + timedelta(minutes=90))]  # fmt: skip
    assert ripe_stages(steps, to_us(FRIDAY + timedelta(minutes=40))) == ["basic"]
    assert ripe_stages(steps, to_us(FRIDAY + timedelta(minutes=90))) == ["basic", "stress"]


def test_the_next_moment_is_the_next_send_or_judgement_and_none_at_the_end():
    steps = [step("basic", 1, FRIDAY, FRIDAY + timedelta(minutes=11))]
    assert next_moment(steps, to_us(FRIDAY)) == to_us(FRIDAY + timedelta(minutes=11))
    assert next_moment(steps, to_us(FRIDAY + timedelta(hours=3))) == to_us(FRIDAY + timedelta(hours=3))
    assert next_moment([step("basic", 1, FRIDAY, FRIDAY, "done")], to_us(FRIDAY)) is None


def test_the_state_of_a_test_is_in_the_ledger(ledger):
    with ledger.write() as connection:
        add_steps(connection, [step("basic", 1, FRIDAY, FRIDAY), step("stress", 1, MONDAY_NINE, MONDAY_NINE)])
        add_steps(connection, [step("basic", 1, MONDAY_NINE, MONDAY_NINE)])  # what is there stays
        assert open_tests(connection) == {"shop-1": "shop"}
        close_steps(connection, ["p-basic-1"])
        assert [(s.plan_id, s.state) for s in steps_of(connection, "shop-1")] == [
            ("p-basic-1", "done"), ("p-stress-1", "open"),
        ]  # fmt: skip
        close_steps(connection, ["p-stress-1"])
        assert open_tests(connection) == {}


def test_a_pending_verdict_is_replaced_and_others_are_kept(ledger):
    with ledger.write() as connection:
        add_verdict(connection, verdict("stress", "pending"))
        add_verdict(connection, verdict("stress", "passed", FRIDAY + timedelta(days=1)))
        add_verdict(connection, verdict("stress", "failed", FRIDAY + timedelta(days=90), test="shop-2"))
        assert [v.verdict for v in verdicts_of(connection, "shop")] == ["passed", "failed"]


def test_a_cell_avoids_a_channel_until_it_is_given_back(ledger):
    route = Route("shop", "unicom", "河南", "loss", "{}", 1)
    with ledger.write() as connection:
        assert open_route(connection, route)
        assert not open_route(connection, route)
        end_route(connection, route, 5)
        assert open_routes(connection) == []
        assert open_route(connection, route)


def test_the_last_receipt_of_a_message_counts_with_the_attempts_the_provider_told(ledger, keys, friday_ten):
    from fakes import phones, put_release

    from chuda.stores.ledger.feedback import ReceiptRow, append_events

    people = phones(3)
    put_release(ledger, keys, friday_ten, people=people)
    with ledger.write() as connection:
        rows = [ReceiptRow("demo", "p1-1-0", 1, "t", status, "c", 1, at, at)
                for status, at in (("failed", 10), ("delivered", 20))]  # fmt: skip
        append_events(connection, rows)
        tell_attempts(connection, [("p1-1-0", 1, 2)])
        tell_attempts(connection, [("p1-1-0", 1, 1)])
        found = shots_of(connection, ["p1"])
    assert [(s.position, s.status, s.attempts) for s in found] == [
        (0, None, None),
        (1, "delivered", 2),
        (2, None, None),
    ]
    assert found[0].token == keys.token(people[0])
