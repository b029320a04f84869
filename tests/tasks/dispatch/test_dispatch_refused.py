"""A release that is refused for its channel: closed when its time is over, adopted, and in nobody else's way."""

from __future__ import annotations

import asyncio
import shutil
from datetime import datetime
from pathlib import Path

import pytest
from approving_world import open_at
from fakes import phones, put_release, start_simulator

from chuda.clock import FixedClock, from_us, to_us
from chuda.errors import ProviderTrouble, Refused
from chuda.keys import Keys
from chuda.records import load_channel
from chuda.stores.ledger import Ledger
from chuda.stores.ledger.approvals import SIMULATOR, approval_of, approve
from chuda.stores.ledger.dispatching import Moment, claim
from chuda.stores.ledger.leases import LEASE_US, acquire
from chuda.stores.ledger.releases import Release, due_plans, find_release, state_counts
from chuda.stores.ledger.throttle import RateLimits
from chuda.workspace import Workspace
from tasks.dispatch.stage import send_plan
from tasks.dispatch.worker import send_release

DEMO = Path(__file__).parents[3] / "data/campaigns/channels/demo.yaml"
CHANGED = "http://127.0.0.1:9999"


@pytest.fixture
def workspace(tmp_path: Path, keys: Keys, ledger: Ledger, clock: FixedClock, monkeypatch) -> Workspace:
    monkeypatch.setenv("CHUDA_DEMO_TOKEN", "simulator")
    (tmp_path / "campaigns" / "channels").mkdir(parents=True)
    shutil.copyfile(DEMO, tmp_path / "campaigns/channels/demo.yaml")
    return open_at(tmp_path, keys, ledger, clock)


def sealed(workspace: Workspace, number: int = 1, **changes: object) -> Release:
    record = load_channel(DEMO).value.model_copy(update=changes)
    start = phones(30)[10 * (number - 1) :][:10]
    return put_release(workspace.ledger, workspace.keys, workspace.clock.now(), people=start, batch_size=5,
                       channel_record=record.model_dump_json(), number=number)  # fmt: skip


def start_one(workspace: Workspace, release: Release, owner: str, lease_age_us: int) -> None:
    """An owner starts a request and gives no word of it again."""
    with workspace.ledger.write() as connection:
        store_us = workspace.ledger.store_now_us(connection)
        lease = acquire(connection, f"release:{release.release_id}", owner, store_us - lease_age_us)
        now = workspace.clock.now()
        started = claim(connection, lease, release, RateLimits("demo", 100), Moment(now, store_us - lease_age_us,
                        to_us(now)), 1)  # fmt: skip
    assert len(started.started) == 1


def pass_to(workspace: Workspace, moment: datetime) -> None:
    asyncio.run(workspace.clock.sleep_until(moment))


def counts(workspace: Workspace) -> dict[str, int]:
    with workspace.ledger.read() as connection:
        return state_counts(connection, "p1")


def test_a_release_whose_record_changed_is_expired_and_its_orphans_adopted(workspace):
    release = sealed(workspace, endpoint=CHANGED)
    start_one(workspace, release, "dead", LEASE_US + 1)
    with pytest.raises(Refused, match="is void"):
        asyncio.run(send_plan(workspace, "p1", False))
    assert counts(workspace) == {"planned": 5, "unknown": 5}, "its time is not over"
    pass_to(workspace, from_us(release.not_after_us))
    assert [report.stop for report in asyncio.run(send_plan(workspace, "p1", False))] == ["unknown_open"]
    assert counts(workspace) == {"expired": 5, "unknown": 5}, "nothing is left to refuse, only to ask about"


def test_a_release_that_never_started_is_expired_and_due_no_more(workspace):
    release = sealed(workspace, endpoint=CHANGED)
    pass_to(workspace, from_us(release.not_after_us))
    assert [report.stop for report in asyncio.run(send_plan(workspace, "p1", False))] == ["expired"]
    assert counts(workspace) == {"expired": 10}
    with workspace.ledger.read() as connection:
        assert due_plans(connection, to_us(workspace.clock.now())) == []


def test_a_worker_expires_a_release_it_may_not_send(workspace):
    release = sealed(workspace, simulator=False)
    with pytest.raises(Refused, match="time is not"):
        asyncio.run(send_release(workspace.ledger, workspace.keys, workspace.clock, release, {}))
    pass_to(workspace, from_us(release.not_after_us))
    asyncio.run(send_release(workspace.ledger, workspace.keys, workspace.clock, release, {}))
    assert counts(workspace) == {"expired": 10}


def test_what_somebody_alive_is_sending_is_not_adopted(workspace):
    release = sealed(workspace, endpoint=CHANGED)
    start_one(workspace, release, "alive", 0)
    with pytest.raises(Refused):
        asyncio.run(send_plan(workspace, "p1", False))
    assert counts(workspace) == {"planned": 5, "intent": 5}


def test_a_changed_release_does_not_hold_up_the_others(workspace, tmp_path):
    with start_simulator(tmp_path / "simulator") as port:
        endpoint = f"http://127.0.0.1:{port}"
        on_file = tmp_path / "campaigns/channels/demo.yaml"
        on_file.write_text(on_file.read_text("utf-8").replace("http://127.0.0.1:8025", endpoint), encoding="utf-8")
        sealed(workspace, 1, endpoint=CHANGED)
        sealed(workspace, 2, endpoint=endpoint)
        with pytest.raises(Refused, match="p1-1") as refused:
            asyncio.run(send_plan(workspace, "p1", False))
    assert "p1-2" not in str(refused.value)
    assert counts(workspace)["planned"] == 10, "of the first release nothing left, of the second everything"


def test_what_is_unknown_is_asked_about_though_the_record_was_changed(workspace, tmp_path):
    with start_simulator(tmp_path / "simulator") as port:
        # The record on file names another port: the question goes where the request went.
        release = sealed(workspace, endpoint=f"http://127.0.0.1:{port}", query_grace_seconds=1)
        start_one(workspace, release, "dead", LEASE_US + 1)
        with pytest.raises(Refused, match="is void"):
            asyncio.run(send_plan(workspace, "p1", False))
        pass_to(workspace, from_us(release.not_after_us))
        assert [report.stop for report in asyncio.run(send_plan(workspace, "p1", False))] == ["done"]
    assert counts(workspace) == {"expired": 10}, "the provider has never heard of them"


def test_a_stopped_channel_does_not_hold_up_the_other_releases_and_both_kinds_of_trouble_are_told(workspace, tmp_path):
    on_file = tmp_path / "campaigns/channels/demo.yaml"
    good = on_file.read_text("utf-8")
    with start_simulator(tmp_path / "simulator") as port:
        record = good.replace("http://127.0.0.1:8025", f"http://127.0.0.1:{port}")
        on_file.write_text(record, encoding="utf-8")
        dead = record.replace(f":{port}", ":9").replace("name: demo", "name: dead")
        (on_file.parent / "dead.yaml").write_text(dead, encoding="utf-8")
        sealed(workspace, 1, endpoint="http://127.0.0.1:9", name="dead")
        with workspace.ledger.write() as connection:
            connection.exec_driver_sql("UPDATE release SET channel = 'dead'")
            connection.exec_driver_sql("DELETE FROM approval")
        put_back_approval(workspace)
        sealed(workspace, 2, endpoint=f"http://127.0.0.1:{port}")
        sealed(workspace, 3, endpoint=CHANGED)
        with pytest.raises(ProviderTrouble, match=r"(?s)channel dead failed.*p1-3 is void"):
            asyncio.run(send_plan(workspace, "p1", False))
    found = counts(workspace)
    assert found["planned"] == 10, "of the third nothing left"
    assert found["not_sent"] == 10, "of the first nothing arrived"
    assert sum(found.values()) == 30, "the second went through"


def put_back_approval(workspace: Workspace) -> None:
    with workspace.ledger.write() as connection:
        release = find_release(connection, "p1-1")
        now_us = to_us(workspace.clock.now())
        approve(connection, approval_of(release, "test", SIMULATOR, now_us, release.not_after_us), "p1")
