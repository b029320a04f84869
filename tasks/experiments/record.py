"""The decision as the warehouse keeps it: taken once per plan, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from chuda.errors import UsageError
from tasks.experiments.counting import RECEIPTS_COMPLETE_AFTER, CountRequest, count_arms
from tasks.experiments.decision import Decision, decide
from tasks.experiments.registration import Registration
from tasks.feedback.mirror import create_mirror
from tasks.planning.plan import create_plan_tables

_CREATE = Path(__file__).with_name("create_experiment_tables.sql").read_text(encoding="utf-8")
_DUE = """
SELECT max(b.sent_at) AS last_sent_at,
       max(r.expires_at) FILTER (b.state IN ('planned', 'not_sent', 'intent') AND r.expires_at > $now) AS open_until
FROM batch_state b
JOIN plan_release r ON r.plan_id = b.plan_id AND r.plan_id || '-' || r.number = b.release_id
WHERE b.plan_id = $plan AND r.wave <> 'rollout'
"""
_FIND = """
SELECT plan_id FROM plan_made
WHERE registration IS NOT NULL AND (plan_id = $name OR campaign_id = $name)
ORDER BY plan_id = $name DESC, EXISTS (SELECT 1 FROM batch_state b WHERE b.plan_id = plan_made.plan_id) DESC,
    created_at DESC, plan_id
LIMIT 1
"""


def create_experiment_tables(connection: Any) -> None:
    """Create the warehouse's tables of experiments where they are missing."""
    connection.execute(_CREATE)


def ensure_tables(connection: Any) -> None:
    """Create whatever of the warehouse's tables the questions of this room need (outside of a draft)."""
    create_plan_tables(connection)
    create_mirror(connection)
    create_experiment_tables(connection)


def find_experiment(connection: Any, name: str) -> str:
    """The plan that `name` means: a plan id, or a campaign id (then its newest released plan).

    Raises:
        UsageError: there is none with an experiment.
    """
    row = connection.execute(_FIND, {"name": name}).fetchone()
    if row is None:
        raise UsageError(f"no plan and no campaign {name!r} with an experiment; `chuda calendar` lists plans")
    return str(row[0])


def find_open(connection: Any) -> list[str]:
    """The plans with an experiment that were sent and are not over, the oldest first."""
    return [row[0] for row in connection.execute(_OPEN).fetchall()]


_OPEN = """
SELECT p.plan_id FROM plan_made p
WHERE p.registration IS NOT NULL AND EXISTS (SELECT 1 FROM batch_state b WHERE b.plan_id = p.plan_id)
    AND NOT EXISTS (SELECT 1 FROM rollout_end e WHERE e.plan_id = p.plan_id)
    AND EXISTS (SELECT 1 FROM batch_state b WHERE b.plan_id = p.plan_id AND b.sent_at IS NOT NULL)
ORDER BY p.created_at, p.plan_id
"""


def find_decision(connection: Any, plan_id: str) -> Decision | None:
    """The recorded decision of a plan, if it has been taken."""
    row = connection.execute("SELECT record FROM experiment_decision WHERE plan_id = ? LIMIT 1", [plan_id]).fetchone()
    return None if row is None else Decision.from_json(row[0])


def find_registration(connection: Any, plan_id: str) -> Registration | None:
    """What was registered with a plan, None if it tests nothing."""
    row = connection.execute("SELECT registration FROM plan_made WHERE plan_id = ?", [plan_id]).fetchone()
    return None if row is None or row[0] is None else Registration.model_validate_json(row[0])


def decision_due(connection: Any, plan_id: str, now: datetime) -> datetime | None:
    """When an experiment is decided: after its window, not before its receipts are complete, nor while it may go on.

    Events count within the window only; waiting longer for receipts gives no arm a longer look. None if the plan has
    no experiment or nothing of it has left.
    """
    registration = find_registration(connection, plan_id)
    last_sent_at, open_until = connection.execute(_DUE, {"plan": plan_id, "now": now}).fetchone()
    if registration is None or last_sent_at is None:
        return None
    due_at: datetime = max(registration.due_at(last_sent_at), last_sent_at + RECEIPTS_COMPLETE_AFTER)
    # A test that was paused half-way may be resumed until its messages expire.
    return max(due_at, open_until) if open_until else due_at


def planned_by_arm(connection: Any, plan_id: str) -> dict[str, int]:
    """How many people of each arm the plan has in its sample."""
    return dict(
        connection.execute(
            "SELECT variant, count(*) FROM plan_message WHERE plan_id = ? AND wave <> 'rollout' GROUP BY variant",
            [plan_id],
        ).fetchall()
    )


def decide_on_marts(
    marts: Any, registration: Registration, plan_id: str, planned: Mapping[str, int], now: datetime
) -> Decision:
    """Count the arms in the marts and decide.

    Raises:
        UsageError: the arms or the metric were not measured.
    """
    asked = {name: planned.get(name, 0) for name in registration.arm_names}
    return decide(registration, count_arms(marts, [CountRequest(plan_id, registration, asked)], now)[plan_id])


def check_fresh(marts: Any, needed_at: datetime) -> None:
    """Refuse marts that were built before the moment they are asked about.

    Raises:
        UsageError: what to do first.
    """
    built_at = marts.execute("SELECT built_at FROM mart_build").fetchone()[0]
    if built_at < needed_at:
        raise UsageError(
            f"the marts are of {built_at:%Y-%m-%d %H:%M}, what is to be judged was complete at "
            f"{needed_at:%Y-%m-%d %H:%M}: first `chuda feedback pull`, then `chuda kpi refresh`"
        )


def record_decision(connection: Any, plan_id: str, decision: Decision, now: datetime) -> None:
    """Keep a decision: one row per arm, each with the whole record."""
    rows = [
        (plan_id, arm, decision.verdict, decision.roll_out.arm, decision.explanation.zh, decision.explanation.en,
         decision.to_json(), now)
        for arm in decision.registration.arm_names
    ]  # fmt: skip
    connection.executemany("INSERT INTO experiment_decision VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
