"""What went wrong with feedback is an alert, and no alert names a person."""

from __future__ import annotations

from chuda.clock import to_us
from chuda.stores.ledger.complaints import Complaint, add_complaints
from chuda.stores.ledger.coupons import KeywordOffer, open_offer
from chuda.stores.ledger.queue import Reject, append_rejects, settle_reject
from chuda.stores.ledger.suppression import Suppression, suppress
from tasks.feedback.alarms import find_alarms

HOUR_US = 3600 * 1_000_000


def kinds(ledger, clock, trouble=()):
    return {(alarm.kind, alarm.subject): alarm for alarm in find_alarms(ledger, trouble, clock.now())}


def test_rejects_are_told_until_a_person_settles_them(any_ledger, clock):
    with any_ledger.write() as connection:
        append_rejects(connection, [Reject("demo", "replies", "number_unreadable", "x", 5)] * 2)
    [alarm] = kinds(any_ledger, clock).values()
    assert (alarm.kind, alarm.severity, alarm.events) == ("feed_rejects", "stop", 2)
    assert alarm.subject == "demo replies number_unreadable"
    with any_ledger.write() as connection:
        assert all(settle_reject(connection, number, "li", 6) for number in (1, 2))
    assert kinds(any_ledger, clock) == {}


def test_clocks_that_ran_out_and_empty_pools_are_told(any_ledger, clock):
    now_us = to_us(clock.now())
    late, in_time = now_us - 30 * HOUR_US, now_us - 23 * HOUR_US
    with any_ledger.write() as connection:
        suppress(connection, [Suppression("t1", "marketing", "opt_out", "reply:demo", late, now_us),
                              Suppression("t2", "marketing", "opt_out", "reply:other", in_time, now_us)])  # fmt: skip
        add_complaints(connection, [Complaint("t3", "138****0000", "", "12321", "", late, now_us),
                                    Complaint("t4", "138****0001", "demo", "reply", "", in_time, now_us)])  # fmt: skip
        open_offer(connection, KeywordOffer("p", "c", "Y", "{coupon}", True, now_us), ["A"])
        assert not kinds(any_ledger, clock).keys() & {("coupons_used_up", "c Y")}
        connection.exec_driver_sql("UPDATE coupon SET token = 't1'")
    found = kinds(any_ledger, clock, ["demo: no answer"])
    assert set(found) == {
        ("opt_out_late", "reply:demo"), ("complaint", "complaint 1"), ("complaint_not_closed", "complaint 1"),
        ("coupons_used_up", "c Y"), ("feed_trouble", "demo"),
    }  # fmt: skip
