"""Status: states that add up, the rate of the last busy minute, when it will be done, and who approved what."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from approving_world import RealFixedClock, open_at
from fakes import phones, put_release
from plan_rows import CAMPAIGNS

from chuda.clock import to_us
from chuda.errors import UsageError
from chuda.records import load_channel
from chuda.stores.ledger.approvals import void
from chuda.stores.ledger.releases import Control, set_control
from chuda.workspace import Workspace
from tasks.dispatch.progress import read_standing
from tasks.dispatch.sender import SendReport
from tasks.dispatch.stage import show_until_done

SECOND_US = 1_000_000


@pytest.fixture
def workspace(tmp_path, keys, ledger, friday_ten) -> Workspace:
    return open_at(tmp_path, keys, ledger, RealFixedClock(friday_ten))


@pytest.fixture
def release(workspace):
    """Ten requests of ten messages over a channel of one part a second."""
    record = load_channel(CAMPAIGNS / "channels/demo.yaml").value.model_copy(update={"rate_parts_per_second": 1})
    return put_release(
        workspace.ledger, workspace.keys, workspace.clock.now(), people=phones(100),
        channel_record=record.model_dump_json(),
    )  # fmt: skip


def send_batches(workspace: Workspace, count: int, seconds_apart: int = 1, state: str = "accepted") -> None:
    now_us = to_us(workspace.clock.now())
    with workspace.ledger.write() as connection:
        for seq in range(count):
            at_us = now_us - (count - seq) * seconds_apart * SECOND_US
            connection.exec_driver_sql(
                "INSERT INTO attempt (batch_id, number, release_id, owner, epoch, size, parts, intent_us, outcome) "
                f"VALUES ('p1-1-{seq}', 1, 'p1-1', 'me', 1, 10, 10, {at_us}, '{state}')"
            )
            connection.exec_driver_sql(
                f"UPDATE batch SET state = '{state}', attempts = 1 WHERE batch_id = 'p1-1-{seq}'"
            )


def test_what_was_never_released_has_no_standing(workspace):
    with pytest.raises(UsageError, match="chuda approve p9"):
        read_standing(workspace, "p9")


def test_before_the_first_request_it_waits_and_says_when_it_will_be_done(workspace, release):
    standing = read_standing(workspace, "p1")
    assert (standing.states, standing.messages, standing.open, standing.attempted) == ({"planned": 100}, 100, 100, 0)
    assert standing.rate is None
    assert standing.done_at == workspace.clock.now() + timedelta(seconds=100)
    [one] = standing.releases
    assert (one.state, one.approved_by, one.method) == ("approved", "test", "simulator")


def test_under_way_it_knows_its_rate_and_what_is_left(workspace, release):
    send_batches(workspace, 6, seconds_apart=2)
    standing = read_standing(workspace, "p1")
    assert standing.states == {"accepted": 60, "planned": 40}
    assert (standing.open, standing.attempted) == (40, 60)
    assert standing.rate == pytest.approx(60 / 10)
    assert standing.done_at == workspace.clock.now() + timedelta(seconds=40)
    assert standing.releases[0].state == "running"


def test_the_rate_is_that_of_the_last_busy_minute(workspace, release):
    send_batches(workspace, 4, seconds_apart=40)
    assert read_standing(workspace, "p1").rate == pytest.approx(20 / 40)


def test_what_is_done_has_no_finish_before_it(workspace, release):
    send_batches(workspace, 10)
    standing = read_standing(workspace, "p1")
    assert (standing.open, standing.done_at, standing.releases[0].state) == (0, None, "done")


def test_a_paused_plan_promises_no_finish(workspace, release):
    with workspace.ledger.write() as connection:
        set_control(connection, "p1", Control("paused", "out of stock", "mei"), 0)
    standing = read_standing(workspace, "p1")
    assert standing.done_at is None
    assert (standing.control.state, standing.control.reason) == ("paused", "out of stock")


def test_a_release_whose_approval_is_void_is_not_approved(workspace, release):
    with workspace.ledger.write() as connection:
        void(connection, release, "channel record: endpoint", 0)
    [one] = read_standing(workspace, "p1").releases
    assert (one.state, one.approved_by) == ("not_approved", "")


def test_the_states_add_up_to_the_plan(workspace, release):
    send_batches(workspace, 3, state="unknown")
    standing = read_standing(workspace, "p1")
    assert sum(standing.states.values()) == standing.messages == 100
    assert standing.to_json()["attempted"] == 30


def test_what_prefect_is_shown_holds_counts_rate_and_finish_and_nobody(workspace, release):
    send_batches(workspace, 4)
    said = read_standing(workspace, "p1").to_markdown()
    assert "40 / 100" in said
    assert "| accepted | 40 |" in said
    assert "| unknown | 0 |" in said
    assert "expected finish 2026-11-20 10:01" in said
    assert not any(phone in said for phone in phones(100))


def test_a_display_that_fails_once_goes_on_and_never_stops_the_sending():
    shown = []

    async def show() -> None:
        shown.append(1)
        if len(shown) == 1:
            raise ConnectionError

    async def run() -> list[SendReport]:
        async def send() -> list[SendReport]:
            while len(shown) < 3:
                await asyncio.sleep(0)
            return [SendReport("done")]

        sending = asyncio.create_task(send())
        await show_until_done(sending, "p1", show, every_s=0.01)
        return await sending

    assert asyncio.run(asyncio.wait_for(run(), 5)) == [SendReport("done")]
    assert len(shown) == 4, "once more at its end"
