"""The decision as the warehouse keeps it: taken once per plan, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tasks.experiments.decision import Decision, decide
from tasks.experiments.evidence import ArmStats
from tasks.experiments.registration import Registration

RECEIPTS_COMPLETE_AFTER = timedelta(hours=72)
_COUNT = Path(__file__).with_name("count_arms.sql").read_text(encoding="utf-8")


def find_decision(connection: Any, plan_id: str) -> Decision | None:
    """The recorded decision of a plan, if it has been taken."""
    row = connection.execute("SELECT record FROM experiment_decision WHERE plan_id = ? LIMIT 1", [plan_id]).fetchone()
    return None if row is None else Decision.from_json(row[0])


def find_registration(connection: Any, plan_id: str) -> Registration | None:
    """What was registered with a plan, None if it tests nothing."""
    row = connection.execute("SELECT registration FROM plan_made WHERE plan_id = ?", [plan_id]).fetchone()
    return None if row is None or row[0] is None else Registration.model_validate_json(row[0])


def last_sent_at(connection: Any, plan_id: str) -> datetime | None:
    """When the last message of the sample left."""
    row = connection.execute(
        "SELECT max(b.sent_at) FROM batch_state b JOIN plan_message m ON m.batch_id = b.batch_id "
        "WHERE b.plan_id = ? AND m.wave <> 'rollout'",
        [plan_id],
    ).fetchone()
    return row[0] if row else None


def decision_due(connection: Any, plan_id: str) -> datetime | None:
    """When a sampling experiment is decided: after its window, and not before its receipts are complete.

    Events count within the window only; waiting longer for receipts gives no arm a longer look. None if the plan has
    no sampling experiment or nothing of its sample has left.
    """
    registration, sent_at = find_registration(connection, plan_id), last_sent_at(connection, plan_id)
    if registration is None or registration.mode != "sample" or sent_at is None:
        return None
    return max(registration.due_at(sent_at), sent_at + RECEIPTS_COMPLETE_AFTER)


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
    parameters = {
        "plan": plan_id,
        "now": now,
        "window_hours": registration.window_hours,
        "planned": [planned.get(name, 0) for name in registration.arm_names],
        "arms": list(registration.arm_names),
        "costs": [float(registration.cost_of(name)) for name in registration.arm_names],
    }
    cursor = marts.execute(_COUNT, parameters)
    names = [column[0] for column in cursor.description]
    return decide(
        registration, [ArmStats.model_validate(dict(zip(names, row, strict=True))) for row in cursor.fetchall()]
    )


def record_decision(connection: Any, plan_id: str, decision: Decision, now: datetime) -> None:
    """Keep a decision: one row per arm, each with the whole record."""
    rows = [
        (plan_id, arm, decision.verdict, decision.roll_out.arm, decision.explanation.zh, decision.explanation.en,
         decision.to_json(), now)
        for arm in decision.registration.arm_names
    ]  # fmt: skip
    connection.executemany("INSERT INTO experiment_decision VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
