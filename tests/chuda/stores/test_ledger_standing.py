"""Standing approvals, answered events and what a plan was made from: the same on SQLite and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

from chuda.stores.ledger import Ledger
from chuda.stores.ledger.events import claim_events, claimed_events
from chuda.stores.ledger.sources import PlanSource, find_source, keep_source
from chuda.stores.ledger.standing import StandingApproval, approve_occurrences, find_standing_approval

APPROVAL = StandingApproval("reminder", "d1", "2026-11-20", "2026-11-30", 200, 200, "mei", "totp", 1)
SOURCE = PlanSource("p1", "campaigns/a.yaml", "{}", "campaigns/business.yaml", "{}")


def test_whoever_claims_an_event_first_keeps_it(ledger: Ledger) -> None:
    with ledger.write() as connection:
        assert claim_events(connection, "reminder", "p1", {"t1": "e1", "t2": "e2"}, 1) == set()
    with ledger.write() as connection:
        assert claim_events(connection, "reminder", "p1", {"t1": "e1"}, 2) == set(), "the same plan again"
        assert claim_events(connection, "reminder", "p2", {"t1": "e1", "t2": "e9"}, 2) == {"t1"}
        assert claim_events(connection, "other", "p3", {"t1": "e1"}, 2) == set(), "another campaign"
    with ledger.read() as connection:
        assert {tuple(row) for row in claimed_events(connection, "reminder")} == {
            ("t1", "e1"),
            ("t2", "e2"),
            ("t2", "e9"),
        }


def test_the_newest_standing_approval_of_a_day_is_in_force(ledger: Ledger) -> None:
    with ledger.write() as connection:
        approve_occurrences(connection, APPROVAL)
        approve_occurrences(connection, replace(APPROVAL, first_day="2026-11-25", max_messages=9))
    with ledger.read() as connection:
        assert find_standing_approval(connection, "reminder", "2026-11-24") == APPROVAL
        newest = find_standing_approval(connection, "reminder", "2026-11-30")
        assert newest is not None and newest.max_messages == 9
        assert find_standing_approval(connection, "reminder", "2026-12-01") is None
        assert find_standing_approval(connection, "other", "2026-11-24") is None


def test_what_a_plan_was_made_from_is_kept_once(ledger: Ledger) -> None:
    with ledger.write() as connection:
        keep_source(connection, SOURCE)
        keep_source(connection, replace(SOURCE, campaign="{edited}"))
    with ledger.read() as connection:
        assert find_source(connection, "p1") == SOURCE
        assert find_source(connection, "p2") is None
