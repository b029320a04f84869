"""From the messages in the ledger to a verdict and what is kept of it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from channel_world import FRIDAY, LINES, record

from chuda.clock import to_us
from chuda.stores.ledger.channels import Shot, TestPhone, TestStep
from tasks.channels.evidence import judge_stage, write_verdict

SENT = to_us(FRIDAY)
SHOT = Shot("p1", "t0", "b", 0, "accepted", SENT, "delivered", "DELIVRD", 1, SENT + 4_000_000, None)
STEP = TestStep("shop-1", "basic", 1, 1, "marketing", "shop", "p1", SENT, SENT, "open")
PHONES = [TestPhone(f"t{n}", f"138****000{n}", "mobile", "mobile", "北京", "2026-11-01", "", 1) for n in range(10)]


def shots(**last):
    """Ten that arrived at once; the last one is changed."""
    made = [replace(SHOT, token=f"t{n}", position=n) for n in range(10)]
    return [*made[:-1], replace(made[-1], **last)]


@pytest.mark.parametrize(
    ("last", "verdict"),
    [({}, "passed"), ({"attempts": 1}, "passed"), ({"attempts": 2}, "failed"), ({"status": "failed"}, "failed"),
     ({"reported_us": SENT + 90_000_000}, "failed")],
)  # fmt: skip
def test_ten_of_ten_at_the_first_attempt_pass(last, verdict):
    assert judge_stage("basic", [STEP], shots(**last), PHONES, LINES).verdict == verdict


def test_a_resend_the_provider_admits_fails_any_stage_whatever_was_declared():
    steps = [replace(STEP, stage="scenario", tested_type=kind, plan_id=kind) for kind in ("marketing", "otp")]
    level = [replace(shot, plan_id=kind) for kind in ("marketing", "otp") for shot in shots(attempts=2) * 10]
    judged = judge_stage("scenario", steps, level, PHONES, LINES)
    assert judged.verdict == "failed"
    assert "admit 20 resends: automatic resend is not off" in judged.en and "承认补发了 20 条" in judged.zh


def test_what_was_never_sent_is_pending():
    assert judge_stage("basic", [STEP], shots()[:0], PHONES, LINES).verdict == "pending"


@pytest.mark.parametrize(
    ("stage", "types"),
    [("scenario", ("marketing", "notification", "otp")), ("stress", ("marketing",) * 3), ("basic", ("marketing",) * 3)],
)
@pytest.mark.parametrize("unsent", ["never approved", "never left", "left in part"])
def test_a_stage_is_judged_only_when_every_send_left_and_names_the_one_that_did_not(stage, types, unsent):
    steps = [replace(STEP, stage=stage, tested_type=kind, number=n, plan_id=f"p{n}") for n, kind in enumerate(types, 1)]
    left = [replace(shot, plan_id=step.plan_id) for step in steps[1:] for shot in shots()]
    gone = {"sent_us": None, "status": None, "reported_us": None, "state": "expired", "attempts": None}
    first = {"never approved": [], "never left": [replace(shot, **gone) for shot in shots()],
             "left in part": shots(**gone)}[unsent]  # fmt: skip
    judged = judge_stage(stage, steps, [*first, *left], PHONES, LINES)
    assert (judged.verdict, judged.messages) == ("pending", 0)
    assert "1.1 marketing (p1)" in judged.en and "1.1 marketing (p1)" in judged.zh
    assert judge_stage(stage, steps, [*shots(), *left], PHONES, LINES).verdict == "passed"


@pytest.mark.parametrize(
    ("resend", "last", "said"),
    [("", {}, "neither told nor declared"), ("", {"attempts": 2}, "told: 1 of 1 receipts report a resend"),
     ("resend: {is_off: true, told_by: declared, by: 李经理, on: 2026-11-01}\n", {}, "declared off by 李经理")],
)  # fmt: skip
def test_the_evidence_says_what_is_known_of_resends_and_masks_who_got_nothing(resend, last, said):
    made = shots(status="failed", code="IB:0008", **last)
    judged = judge_stage("basic", [STEP], made, PHONES, LINES)
    kept = write_verdict("shop-1", record(resend), judged, [STEP], made, PHONES, LINES, FRIDAY)
    evidence = json.loads(kept.evidence)
    assert evidence["resend"].startswith(said)
    assert evidence["not_delivered"] == ["138****0009"] and evidence["plans"] == ["p1"]
    assert kept.expires_us == SENT + LINES.valid_days * 86_400_000_000
