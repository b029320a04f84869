"""A channel stops while sending: the next one of the approved plan takes over what is provably not sent."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from approving_world import open_at
from failover_world import DEMO, GONE, PEOPLE, channel, company_at, counts, in_part, move, sealed, send
from fakes import ACCEPTED, phones

from chuda.clock import to_us
from chuda.errors import ProviderTrouble, Refused
from chuda.keys import Keys
from chuda.providers.protocol import MessageResult, SendResult
from chuda.providers.simulator.judge import Judge
from chuda.records import load_channel
from chuda.records.channel import ChannelRecord
from chuda.stores.ledger.approvals import digest_release, events_of, find_approval
from chuda.stores.ledger.failover import family_of, move_unsent, stand_ins
from chuda.stores.ledger.feedback import ReceiptRow, append_events
from chuda.stores.ledger.releases import Control, find_release, origin_of, rank_of, releases_of, set_control
from chuda.workspace import Workspace
from tasks.channels.choice import able_to_stand_in
from tasks.dispatch.failover import fail_over
from tasks.dispatch.progress import read_standing


@pytest.fixture
def workspace(tmp_path: Path, keys: Keys, ledger, clock, monkeypatch) -> Workspace:
    monkeypatch.setenv("CHUDA_DEMO_TOKEN", "simulator")
    (tmp_path / "campaigns" / "channels").mkdir(parents=True)
    return open_at(tmp_path, keys, ledger, clock)


def test_the_next_channel_of_the_plan_goes_on_and_says_so(workspace, tmp_path):
    with company_at(tmp_path) as port:
        main, other = channel(workspace, "main", GONE), channel(workspace, "other", f"http://127.0.0.1:{port}")
        sealed(workspace, main, other)
        (report,) = send(workspace)
        assert report.stop == "done"
        assert "channel main failed" in report.note
        assert "goes on through channel other" in report.note
        with Judge.open(tmp_path / "company") as judge:
            assert judge.by_phone() == dict.fromkeys(phones(PEOPLE), 1)
        assert [one.stop for one in send(workspace)] == ["done", "done"], "a repetition finds nothing to do"
    with workspace.ledger.read() as connection:
        moved = [event for event in events_of(connection, "p1") if event.event == "moved"]
    assert moved[0].detail.startswith("4 requests from channel main to other: ")
    standing = read_standing(workspace, "p1")
    assert sum(one.size for one in standing.releases) == standing.messages == PEOPLE


def test_what_is_unknown_accepted_or_named_by_a_receipt_stays_where_it_was_sent(workspace):
    main, other = channel(workspace, "main", GONE), channel(workspace, "other", GONE)
    release = sealed(workspace, main, other, batch_size=5)
    fates = {1: ACCEPTED, 2: SendResult(MessageResult("unknown", "ReadTimeout"))}
    in_part(workspace, release, lambda n, *_: fates.get(n, SendResult(MessageResult("not_sent", "ConnectError"))))
    (target,) = stand_ins(release)
    with workspace.ledger.write() as connection:  # a batch of which a receipt tells, and one with an accepted member
        now_us = to_us(workspace.clock.now())
        append_events(connection, [ReceiptRow("main", "p1-1-6", 0, "t", "delivered", "0", 1, now_us, now_us)])
        connection.exec_driver_sql("INSERT INTO message_exception VALUES ('p1-1-7', 0, 'accepted', '', 0)")
    assert move(workspace, release, target) == 4
    with workspace.ledger.read() as connection:
        where = dict(connection.exec_driver_sql("SELECT batch_id, release_id FROM batch").fetchall())
    moved = {batch for batch, release_id in where.items() if release_id == "p1-1~1"}
    assert moved == {f"p1-1-{n}" for n in (2, 3, 4, 5)}


def test_absence_concluded_from_a_query_is_no_proof_for_another_channel(workspace):
    main, other = channel(workspace, "main", GONE), channel(workspace, "other", GONE)
    release = sealed(workspace, main, other)
    in_part(workspace, release, lambda *_: SendResult(MessageResult("not_sent", "absent")))
    asked = counts(workspace)["not_sent"] // 10
    assert asked > 0
    assert move(workspace, release, stand_ins(release)[0]) == PEOPLE // 10 - asked


def test_nothing_moves_to_a_channel_the_approval_does_not_name(workspace):
    main, other = channel(workspace, "main", GONE), channel(workspace, "other", GONE)
    release = sealed(workspace, main)
    assert stand_ins(release) == []
    stranger = stand_ins(find_with(release, other))[0]
    assert move(workspace, release, stranger) == 0
    with workspace.ledger.write() as connection:  # somebody adds it to the row: the approval is for another row
        connection.exec_driver_sql(f"UPDATE release SET standby = '{find_with(release, other).standby}'")
    assert fail_over(workspace, find_with(release, other), "test") is None
    assert counts(workspace) == {"planned": PEOPLE}


def find_with(release, other: ChannelRecord):
    return replace(release, standby=json.dumps([other.model_dump_json()]))


@pytest.mark.parametrize("why", ["changed", "unlicensed"])
def test_a_channel_that_may_not_carry_it_now_is_passed_over_for_the_one_after_it(workspace, tmp_path, why):
    with company_at(tmp_path) as port:
        main, third = channel(workspace, "main", GONE), channel(workspace, "third", f"http://127.0.0.1:{port}")
        second = channel(workspace, "second", GONE)
        if why == "unlicensed":
            second = second.model_copy(update={"simulator": False, "licence": None})
        else:
            channel(workspace, "second", "http://127.0.0.1:10")
        sealed(workspace, main, second, third)
        assert send(workspace)[0].stop == "done"
    with workspace.ledger.read() as connection:
        assert [one.release_id for one in releases_of(connection, "p1")] == ["p1-1", "p1-1~2"]


def test_when_all_stop_what_is_left_is_with_the_first_again(workspace):
    main, other = channel(workspace, "main", GONE), channel(workspace, "other", GONE)
    sealed(workspace, main, other)
    for _ in range(2):
        with pytest.raises(ProviderTrouble, match="channel other failed"):
            send(workspace)
        assert sum(counts(workspace).values()) == PEOPLE
        with workspace.ledger.read() as connection:
            places = connection.exec_driver_sql("SELECT DISTINCT release_id FROM batch").scalars().all()
        assert places == ["p1-1"]


def test_a_paused_or_cancelled_plan_moves_nothing(workspace):
    main, other = channel(workspace, "main", GONE), channel(workspace, "other", GONE)
    release = sealed(workspace, main, other)
    for state in ("paused", "cancelled"):
        with workspace.ledger.write() as connection:
            set_control(connection, "p1", Control(state, "test", "test"), 0)
        assert fail_over(workspace, release, "test") is None


def test_the_approval_holds_for_the_stand_in_and_for_nothing_else_of_it(workspace):
    main, other = channel(workspace, "main", GONE), channel(workspace, "other", GONE)
    release = sealed(workspace, main, other)
    move(workspace, release, stand_ins(release)[0])
    with workspace.ledger.read() as connection:
        stand_in = find_release(connection, "p1-1~1")
        approval = find_approval(connection, "p1-1~1")
        own = find_approval(connection, "p1-1")
        assert family_of(connection, "p1-1") == ["p1-1", "p1-1~1"]
    assert approval.release_digest == digest_release(stand_in) != own.release_digest
    assert (approval.approved_by, approval.method, approval.expires_us) == (own.approved_by, own.method, own.expires_us)
    assert (stand_in.channel, stand_in.standby) == ("other", "[]")
    assert (origin_of("p1-1~2"), rank_of("p1-1~2"), rank_of("p1-1")) == ("p1-1", 2, 0)
    assert (origin_of("p1-1~1-answers-2-1"), rank_of("p1-1~1-answers-2-1")) == ("p1-1~1-answers-2-1", 0)


def test_a_death_around_the_move_leaves_everybody_with_one_channel(workspace, tmp_path):
    """The move is one transaction: rolled back, nothing moved; committed, the next `send` goes on with the other."""

    class Killed(BaseException):
        pass

    with company_at(tmp_path) as port:
        main, other = channel(workspace, "main", GONE), channel(workspace, "other", f"http://127.0.0.1:{port}")
        release = sealed(workspace, main, other)
        (target,) = stand_ins(release)
        with pytest.raises(Killed), workspace.ledger.write() as connection:
            assert move_unsent(connection, release, target, "test", to_us(workspace.clock.now())) == 4
            raise Killed
        with workspace.ledger.read() as connection:
            assert find_release(connection, "p1-1~1") is None
            assert find_approval(connection, "p1-1~1") is None
        assert move(workspace, release, target) == 4  # and dies right after
        assert [one.stop for one in send(workspace)] == ["done", "done"]
        with Judge.open(tmp_path / "company") as judge:
            assert judge.by_phone() == dict.fromkeys(phones(PEOPLE), 1)


@pytest.mark.parametrize(
    ("changes", "stands_in"),
    [
        ({}, True),
        ({"batch_size": 5}, False),
        ({"signatures": ("别家",)}, False),
        ({"message_types": ("notification",)}, False),
        ({"price_cny_per_part": Decimal("0.09")}, False),
        ({"opt_out_wording": "拒收请回复T"}, False),
    ],
)
def test_who_may_stand_in(changes, stands_in):
    demo = load_channel(DEMO).value
    other = demo.model_copy(update={"name": "other", **changes})
    found = able_to_stand_in(demo, [other], "marketing", frozenset(demo.signatures), may_cost_more=False)
    assert bool(found) == stands_in


def test_a_batch_of_personal_texts_goes_only_where_such_batches_are_taken():
    demo = load_channel(DEMO).value
    aliyun = demo.model_copy(update={"name": "other", "adapter": "aliyun"})
    assert able_to_stand_in(demo, [aliyun], "marketing", frozenset(), may_cost_more=True) == []
    assert able_to_stand_in(aliyun, [demo], "marketing", frozenset(), may_cost_more=True) == [demo]
    assert able_to_stand_in(aliyun, [aliyun], "marketing", frozenset(), may_cost_more=True) == [aliyun]


def test_a_real_refusal_of_the_main_channel_is_no_reason_to_move(workspace):
    main, other = channel(workspace, "main", GONE), channel(workspace, "other", GONE)
    release = sealed(workspace, main, other)
    channel(workspace, "main", "http://127.0.0.1:11")
    with pytest.raises(Refused, match="is void"):
        send(workspace)
    assert counts(workspace) == {"planned": PEOPLE}
    assert fail_over(workspace, release, "test") is None, "without an approval nothing moves"
