"""What must hold after dispatch: every planned message has one recorded state, and the sum is the plan."""

from __future__ import annotations

from expectations.rules import Suite, no_rows, not_null, one_of

_STATES = ("planned", "intent", "accepted", "rejected", "not_sent", "unknown", "unconfirmed", "suppressed", "expired",
           "cancelled")  # fmt: skip

DISPATCH_RESULTS = Suite(
    name="dispatch_results",
    table="batch_state",
    rules=(
        not_null("state", "every batch has a recorded state"),
        one_of("state", _STATES, "every state is one of those that exist"),
        no_rows(
            "sum_is_the_plan",
            "the ledger holds exactly the messages the plan released",
            "SELECT 1 AS n FROM (SELECT coalesce(sum(size), 0) AS sealed FROM {batch} WHERE plan_id = '$plan') s,"
            " (SELECT count(*) AS released FROM plan_message m WHERE m.plan_id = '$plan' AND EXISTS"
            " (SELECT 1 FROM {batch} b WHERE b.release_id = m.plan_id || '-' || m.release_number)) p"
            # Answers to keywords are released by the feedback, not by a plan in the warehouse.
            " WHERE s.sealed <> p.released AND EXISTS (SELECT 1 FROM plan_made m WHERE m.plan_id = '$plan')",
        ),
        no_rows(
            "nobody_twice",
            "no person is in two batches of the plan",
            "SELECT token FROM plan_message WHERE plan_id = '$plan' AND EXISTS (SELECT 1 FROM {batch} LIMIT 1)"
            " GROUP BY token HAVING count(*) > 1",
        ),
        no_rows(
            "nothing_in_flight",
            "nothing is left in flight",
            "SELECT batch_id FROM {batch} WHERE plan_id = '$plan' AND state = 'intent'",
            severity="warn",
        ),
        no_rows(
            "few_unknown",
            "less than 1% of the messages have an unknown outcome",
            "SELECT 1 AS n FROM (SELECT sum(size) FILTER (state = 'unknown') AS unknown, sum(size) AS all_sizes"
            " FROM {batch} WHERE plan_id = '$plan') WHERE unknown > all_sizes * 0.01",
            severity="warn",
        ),
    ),
)
