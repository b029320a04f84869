"""Runs the shipped test campaigns in one workspace in simulated time, stage by stage: a script of its own process.

Arguments: the folder with campaigns/, the campaign files' names. Prints one JSON object: what became of each.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from chuda.workspace import open_workspace
from tasks.compliance.stage import check_compliance
from tasks.content.stage import check_content, render_messages
from tasks.dispatch.stage import approve_plan, dispatch
from tasks.experiments.record import decision_due, find_decision, find_registration
from tasks.experiments.stage import decide_experiment, draw_sample, roll_out
from tasks.feedback.stage import collect_feedback
from tasks.kpi.stage import refresh_kpis
from tasks.planning.stage import make_plan

STAGES = (check_content, check_compliance, render_messages, draw_sample)


def plan_and_send(campaign: Path) -> str:
    """One campaign up to the end of its sample."""
    for stage in STAGES:
        stage.fn(str(campaign))
    plan_id = make_plan.fn(str(campaign)).details["plan_id"]
    approve_plan.fn(plan_id, "test")
    dispatch.fn(plan_id, True)
    return plan_id


def wait_until(moment: datetime) -> None:
    with open_workspace() as workspace:
        asyncio.run(workspace.clock.sleep_until(moment))
    collect_feedback.fn()
    refresh_kpis.fn()


def due_of(plans: list[str]) -> list[tuple[str, datetime]]:
    with open_workspace() as workspace, workspace.warehouse.read() as connection:
        now = workspace.clock.now()
        tested = [plan_id for plan_id in plans if find_registration(connection, plan_id)]
        return [(plan_id, due) for plan_id in tested if (due := decision_due(connection, plan_id, now))]


def carry_on(plan_id: str) -> datetime | None:
    """Until when the roll-out waits; None when it is over."""
    while True:
        details = roll_out.fn(plan_id).details
        if details["waits_for"] == "approval":
            approve_plan.fn(plan_id, "test")
        if details["waits_for"] in ("approval", "sending"):
            dispatch.fn(plan_id, True)
            continue
        return datetime.fromisoformat(details["until"]) if details["until"] else None


def tell(plan_id: str) -> dict[str, Any]:
    with open_workspace() as workspace, workspace.warehouse.read() as connection:
        decision = find_decision(connection, plan_id)
        waves = connection.execute(
            "SELECT people, opens_at FROM rollout_wave WHERE plan_id = ? ORDER BY wave", [plan_id]
        ).fetchall()
        first = connection.execute(
            "SELECT min(send_at), campaign_id FROM plan_message JOIN plan_made USING (plan_id) WHERE plan_id = ? "
            "AND wave <> 'rollout' AND (variant = ? OR ? IS NULL) GROUP BY campaign_id",
            [plan_id, *(2 * [decision.roll_out.arm if decision else None])],
        ).fetchone()
        end = connection.execute("SELECT outcome FROM rollout_end WHERE plan_id = ?", [plan_id]).fetchone()
    return {
        "campaign": first[1],
        "plan": plan_id,
        "verdict": decision.verdict if decision else None,
        "scope": decision.roll_out.scope if decision else None,
        "arm": decision.roll_out.arm if decision else None,
        "slot": first[0].isoformat(),
        "waves": [[people, opens_at.isoformat()] for people, opens_at in waves],
        "end": end[0] if end else None,
    }


def main() -> None:
    folder, *names = sys.argv[1:]
    plans = [plan_and_send(Path(folder) / "campaigns" / name) for name in names]
    due = due_of(plans)
    wait_until(max(moment for _, moment in due))
    repeated = []
    for plan_id, _ in due:
        repeated.append(decide_experiment.fn(plan_id).details == decide_experiment.fn(plan_id).details)
    open_plans = [plan_id for plan_id, _ in due]
    while open_plans:
        moments = {plan_id: moment for plan_id in open_plans if (moment := carry_on(plan_id))}
        if moments:
            wait_until(max(moments.values()) + timedelta(seconds=1))
        open_plans = list(moments)
    print(json.dumps({"repeated": repeated, "plans": [tell(plan_id) for plan_id in plans]}))


if __name__ == "__main__":
    main()
