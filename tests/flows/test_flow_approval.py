"""Approving as a user does: the code of an authenticator, what changed since, and what is then refused by name."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable

import pyotp

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_a_code_approves_once_and_the_shell_says_who(run, workspace):
    plan_id = (workspace / "plan_id").read_text()
    enrolled = json.loads(run("--json", "init", "--approver", "mei").stdout)
    assert len(enrolled["recovery_codes"]) == 10
    code = pyotp.TOTP(enrolled["secret"]).at(int(time.time()))
    result = run("--lang", "en", "approve", plan_id, "--code", code)
    assert result.returncode == 0, result.stderr
    assert "mei approved" in result.stdout
    assert "approved by mei (totp)" in run("--lang", "en", "status", plan_id).stdout
    assert enrolled["secret"] not in result.stdout + result.stderr
    raw = b"".join(path.read_bytes() for path in (workspace / "home").rglob("*") if path.is_file())
    assert enrolled["secret"].encode() not in raw


def test_what_is_edited_after_approval_is_refused_by_name(run, workspace):
    plan_id = (workspace / "plan_id").read_text()
    assert run("--lang", "en", "approve", plan_id).returncode == 0
    campaign = workspace / "campaigns" / "demo_retail.yaml"
    campaign.write_text(campaign.read_text().replace("满199立减50元", "满199立减90元"))
    refused = run("--lang", "en", "plan", str(campaign))
    assert refused.returncode == 3
    assert f"was approved as plan {plan_id}" in refused.stderr
    assert "experiment.variants" in refused.stderr
    channel = workspace / "campaigns" / "channels" / "demo.yaml"
    channel.write_text(channel.read_text().replace("price_cny_per_part: 0.055", "price_cny_per_part: 0.075"))
    voided = run("--lang", "en", "send", plan_id)
    assert voided.returncode == 3
    assert "(price_cny_per_part)" in voided.stderr
    assert "is void" in voided.stderr
