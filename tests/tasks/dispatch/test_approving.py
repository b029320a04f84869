"""Approving as a person meets it: what is refused by name, what a code buys, what takes an approval back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pyotp
import pytest
from approving_world import RealFixedClock, open_at
from fakes import phones, put_release

from chuda.clock import FixedClock
from chuda.errors import Refused, UsageError
from chuda.keys import Keys
from chuda.records import load_channel
from chuda.stores.ledger import Ledger
from chuda.stores.ledger.approvals import events_of, find_approval, is_approved
from chuda.stores.ledger.approvers import list_approvers
from chuda.stores.ledger.releases import Release
from chuda.workspace import Workspace
from tasks.dispatch.approving import (
    SecondFactor,
    approve_all,
    approve_one,
    choose_approver,
    choose_release,
    open_releases,
    void_changed,
    waiting_releases,
)
from tasks.dispatch.enrolling import enrol_approver, remove_approver

ROOT = Path(__file__).parents[3]


@pytest.fixture
def workspace(tmp_path: Path, keys: Keys, ledger: Ledger, friday_ten: datetime) -> Iterator[Workspace]:
    campaigns = tmp_path / "campaigns"
    (campaigns / "channels").mkdir(parents=True)
    shutil.copyfile(ROOT / "data/campaigns/channels/demo.yaml", campaigns / "channels/demo.yaml")
    yield open_at(tmp_path, keys, ledger, RealFixedClock(friday_ten))


def make_real(workspace: Workspace) -> None:
    path = workspace.settings.campaigns / "channels/demo.yaml"
    text = path.read_text("utf-8").replace("simulator: true", "simulator: false")
    path.write_text(text.replace("http://127.0.0.1:8025", "https://sms.example"), encoding="utf-8")


def release_of(workspace: Workspace, number: int = 1, **changes: object) -> Release:
    """A sealed release of the channel as it is on file, without an approval."""
    record = load_channel(workspace.settings.campaigns / "channels/demo.yaml").value.model_dump_json()
    return put_release(
        workspace.ledger, workspace.keys, workspace.clock.now(), people=phones(10), channel_record=record,
        number=number, is_approved=False, **changes,  # type: ignore[arg-type]
    )  # fmt: skip


def code_of(workspace: Workspace, secret: str, later: int = 0) -> str:
    with workspace.ledger.read() as connection:
        step = workspace.ledger.store_now_us(connection) // 30_000_000
    return pyotp.TOTP(secret).generate_otp(step + later)


def approval_in(workspace: Workspace, release: Release):
    with workspace.ledger.read() as connection:
        return find_approval(connection, release.release_id)


def test_a_simulator_takes_a_plain_yes_for_all_releases(workspace):
    releases = [release_of(workspace, number) for number in (1, 2)]
    assert approve_all(workspace, releases, "mei") == releases
    assert {approval_in(workspace, one).method for one in releases} == {"simulator"}
    assert waiting_releases(workspace, releases) == []


def test_a_real_channel_takes_no_plain_yes(workspace):
    make_real(workspace)
    release = release_of(workspace)
    with pytest.raises(Refused, match="needs a second factor"):
        approve_all(workspace, [release], "mei")
    assert approval_in(workspace, release) is None


def test_a_code_approves_one_release_of_a_real_channel(workspace):
    make_real(workspace)
    releases = [release_of(workspace, number) for number in (1, 2)]
    secret = enrol_approver(workspace, "mei", None).secret
    chosen = choose_release(workspace, releases, None)
    approve_one(workspace, chosen, SecondFactor("mei", code_of(workspace, secret)))
    approval = approval_in(workspace, releases[0])
    assert (approval.approved_by, approval.method) == ("mei", "totp")
    assert approval.expires_us == releases[0].not_after_us
    assert waiting_releases(workspace, releases) == [releases[1]]
    with pytest.raises(Refused, match="used already"):
        approve_one(workspace, releases[1], SecondFactor("mei", code_of(workspace, secret)))
    approve_one(workspace, releases[1], SecondFactor("mei", code_of(workspace, secret, later=1)))
    with pytest.raises(Refused, match="no release waits"):
        choose_release(workspace, releases, None)


def test_codes_follow_the_real_time_whatever_the_business_clock_says(workspace, tmp_path, keys, ledger):
    elsewhere = open_at(tmp_path, keys, ledger, FixedClock(workspace.clock.now() + timedelta(days=400)))
    secret = enrol_approver(elsewhere, "mei", None).secret
    release = release_of(elsewhere)
    approve_one(elsewhere, release, SecondFactor("mei", code_of(elsewhere, secret)))
    assert approval_in(elsewhere, release).method == "totp"


def test_a_real_channel_is_not_approved_in_a_time_that_is_not_real(workspace, tmp_path, keys, ledger):
    make_real(workspace)
    elsewhere = open_at(tmp_path, keys, ledger, FixedClock(workspace.clock.now()))
    release = release_of(elsewhere)
    secret = enrol_approver(elsewhere, "mei", None).secret
    with pytest.raises(Refused, match="time is not: unset CHUDA_NOW"):
        approve_one(elsewhere, release, SecondFactor("mei", code_of(elsewhere, secret)))


def test_a_wrong_code_is_refused_and_on_record(workspace):
    make_real(workspace)
    release = release_of(workspace)
    secret = enrol_approver(workspace, "mei", None).secret
    good = {code_of(workspace, secret, later) for later in range(-3, 4)}
    wrong = next(f"{n:06d}" for n in range(10) if f"{n:06d}" not in good)
    with pytest.raises(Refused, match="this code is wrong"):
        approve_one(workspace, release, SecondFactor("mei", wrong))
    assert approval_in(workspace, release) is None
    with workspace.ledger.read() as connection:
        assert [(one.event, one.by, one.detail) for one in events_of(connection, "p1")] == [("refused", "mei", "wrong")]
    for _ in range(4):
        with pytest.raises(Refused, match="this code is wrong"):
            approve_one(workspace, release, SecondFactor("mei", wrong))
    with pytest.raises(Refused, match="blocked until"):
        approve_one(workspace, release, SecondFactor("mei", code_of(workspace, secret)))


def test_nothing_is_approved_after_its_time(workspace, tmp_path, keys, ledger):
    release = release_of(workspace, hours=2)
    later = open_at(tmp_path, keys, ledger, FixedClock(workspace.clock.now() + timedelta(hours=2)))
    with pytest.raises(Refused, match="expired"):
        approve_all(later, [release], "mei")
    with pytest.raises(Refused, match="expired"):
        choose_release(later, [release], None)


def test_what_is_over_does_not_hold_up_what_comes_after(workspace, tmp_path, keys, ledger):
    sample = release_of(workspace, 1, hours=2)
    approve_all(workspace, [sample], "mei")
    with workspace.ledger.write() as connection:
        connection.exec_driver_sql("UPDATE batch SET state = 'accepted'")
    later = open_at(tmp_path, keys, ledger, FixedClock(workspace.clock.now() + timedelta(days=3)))
    rollout = release_of(later, 2)
    assert open_releases(later, [sample, rollout]) == [rollout]
    assert approve_all(later, [sample, rollout], "mei") == [rollout]


def test_a_real_release_is_approved_at_most_a_week_ahead(workspace):
    make_real(workspace)
    release = release_of(workspace, not_before=workspace.clock.now() + timedelta(days=8))
    secret = enrol_approver(workspace, "mei", None).secret
    with pytest.raises(Refused, match="at most 7 days before"):
        approve_one(workspace, release, SecondFactor("mei", code_of(workspace, secret)))


def test_of_two_plans_of_one_occurrence_only_the_first_can_be_approved(workspace):
    release_of(workspace)
    second = replace(release_of(workspace, 2), plan_id="p2", release_id="p2-1")
    with pytest.raises(Refused, match="already released as plan p1"):
        approve_all(workspace, [second], "mei")


def edit_channel(workspace: Workspace, old: str, new: str) -> None:
    path = workspace.settings.campaigns / "channels/demo.yaml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_channel_record_that_changed_after_the_plan_cannot_be_approved(workspace):
    release = release_of(workspace)
    edit_channel(workspace, "price_cny_per_part: 0.055", "price_cny_per_part: 0.075")
    with pytest.raises(Refused, match=r"changed after the plan was made \(price_cny_per_part\)"):
        approve_all(workspace, [release], "mei")


def test_a_channel_record_that_changes_after_approval_voids_it_by_name(workspace):
    release = release_of(workspace)
    approve_all(workspace, [release], "mei")
    void_changed(workspace, release)
    edit_channel(workspace, "127.0.0.1:8025", "127.0.0.1:9999")
    with pytest.raises(Refused, match=r"changed after approval \(endpoint\).*is void"):
        void_changed(workspace, release)
    assert approval_in(workspace, release) is None
    edit_channel(workspace, "127.0.0.1:9999", "127.0.0.1:8025")
    approve_all(workspace, [release], "mei")
    assert approval_in(workspace, release) is not None


def test_a_record_that_is_gone_is_a_change_and_other_papers_are_none(workspace):
    release = release_of(workspace)
    approve_all(workspace, [release], "mei")
    edit_channel(workspace, "verified_by: 模拟器", "verified_by: 李雷")
    void_changed(workspace, release)
    (workspace.settings.campaigns / "channels/demo.yaml").unlink()
    with pytest.raises(Refused, match="the record is gone"):
        void_changed(workspace, release)


def test_a_worker_without_campaign_files_sends_what_was_approved(workspace):
    release = release_of(workspace)
    approve_all(workspace, [release], "mei")
    shutil.rmtree(workspace.settings.campaigns)
    void_changed(workspace, release)
    with workspace.ledger.read() as connection:
        assert is_approved(connection, release, release.not_before_us)


def test_the_first_approver_needs_nobody_and_all_others_one_who_vouches(workspace):
    mei = enrol_approver(workspace, "mei", None)
    with pytest.raises(Refused, match="one of them has to vouch"):
        enrol_approver(workspace, "lan", None)
    enrol_approver(workspace, "lan", SecondFactor("mei", code_of(workspace, mei.secret)))
    with pytest.raises(Refused, match="used already"):
        remove_approver(workspace, "lan", SecondFactor("mei", code_of(workspace, mei.secret)))
    remove_approver(workspace, "lan", SecondFactor("mei", mei.recovery_codes[0]))
    with workspace.ledger.read() as connection:
        assert [one.name for one in list_approvers(connection)] == ["mei"]
        assert [(one.event, one.detail) for one in events_of(connection, "")] == [
            ("enrolled", "mei"), ("enrolled", "lan"), ("removed", "lan"),
        ]  # fmt: skip


@pytest.mark.parametrize("name", ["", "13800138000", "a b", "x" * 41])
def test_an_approver_has_a_name(workspace, name):
    with pytest.raises(UsageError, match="is not a name"):
        enrol_approver(workspace, name, None)


def test_an_enrolment_prints_no_secret_by_accident(workspace):
    made = enrol_approver(workspace, "mei", None)
    assert made.secret not in repr(made)
    assert not any(code in repr(made) for code in made.recovery_codes)


def test_whose_code_it_is(workspace):
    with pytest.raises(UsageError, match="nobody is enrolled"):
        choose_approver(workspace, None, "root")
    mei = enrol_approver(workspace, "mei", None)
    assert choose_approver(workspace, None, "root") == "mei"
    enrol_approver(workspace, "lan", SecondFactor("mei", mei.recovery_codes[0]))
    assert choose_approver(workspace, None, "lan") == "lan"
    assert choose_approver(workspace, "mei", "lan") == "mei"
    with pytest.raises(UsageError, match="say who you are"):
        choose_approver(workspace, None, "root")


def test_a_release_is_chosen_by_its_number(workspace):
    releases = [release_of(workspace, number) for number in (1, 2)]
    assert choose_release(workspace, releases, 2) == releases[1]
    with pytest.raises(UsageError, match="it has 1 to 2"):
        choose_release(workspace, releases, 3)
