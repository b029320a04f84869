"""Approving from the Prefect UI: a small form; what it approves, the dispatch schedule sends."""

from __future__ import annotations

from prefect import flow

from flows.campaign import check_form_code, current_progress
from tasks.dispatch.stage import approve_plan as approve_and_seal


@flow(name="approve-plan", persist_result=False)
def approve_plan(plan_id: str, approver: str, code: str = "", release_number: int | None = None) -> str:
    """Approve a plan, or one of its releases on a real channel, and seal it; the dispatch schedule sends it.

    Prefect keeps what is typed here, in the clear. The code is worth nothing once this run has used it, so it may stand
    there; recovery codes, which stay good until they are used, are taken by `chuda approve` only.

    Args:
        plan_id: the plan, as `chuda plan` or the nightly run named it.
        approver: your name, as you were enrolled with `chuda init --approver`.
        code: the six digits your authenticator shows now; empty is enough for simulator channels.
        release_number: which release the code is for; empty means the first that waits for one.

    Returns:
        What was approved and which releases still wait for a code of their own.
    """
    check_form_code(code)
    result = current_progress().run(lambda: approve_and_seal(plan_id, approver, code, release_number))
    return f"approved: {result.details['approved']}; waiting: {result.details['waiting'] or 'none'}"
