"""What becomes of messages a stand-in has: it may not carry them any more, or the first channel still has some."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from approving_world import open_at
from failover_world import GONE, PEOPLE, channel, company_at, counts, in_part, move, places, sealed, send
from fakes import phones, put_release

from chuda.clock import to_us
from chuda.errors import ProviderTrouble, Refused, UsageError
from chuda.keys import Keys
from chuda.providers.protocol import MessageResult, SendResult
from chuda.records import load_channel
from chuda.records.channel import ChannelRecord
from chuda.stores.ledger.approvals import approval_of, approve, find_hold, is_approved
from chuda.stores.ledger.failover import stand_ins
from chuda.workspace import Workspace
from tasks.dispatch.approving import approve_all, open_releases, void_changed, waiting_releases

NOT_SENT = SendResult(MessageResult("not_sent", "ConnectError"))
ABSENT = SendResult(MessageResult("not_sent", "absent"))
UNKNOWN = SendResult(MessageResult("unknown", "ReadTimeout"))


@pytest.fixture(scope="module")
def company(tmp_path_factory) -> Iterator[str]:
    """The address of a provider that is well."""
    with company_at(tmp_path_factory.mktemp("well")) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def workspace(tmp_path: Path, keys: Keys, ledger, clock, monkeypatch) -> Workspace:
    monkeypatch.setenv("CHUDA_DEMO_TOKEN", "simulator")
    (tmp_path / "campaigns" / "channels").mkdir(parents=True)
    return open_at(tmp_path, keys, ledger, clock)


def without_credentials(workspace: Workspace, name: str, endpoint: str = GONE) -> ChannelRecord:
    channel(workspace, name, endpoint)
    path = workspace.settings.campaigns / "channels" / f"{name}.yaml"
    path.write_text(path.read_text("utf-8").replace("CHUDA_DEMO_TOKEN", "OTHER_TOKEN"), encoding="utf-8")
    return load_channel(path).value


def test_nothing_moves_to_a_channel_whose_credentials_are_not_set_and_it_is_said(workspace):
    sealed(workspace, channel(workspace, "main", GONE), without_credentials(workspace, "other"))
    with pytest.raises(ProviderTrouble, match=r"channel main failed[\s\S]*other cannot take over: .*OTHER_TOKEN"):
        send(workspace)
    assert places(workspace) == {"p1-1"}


@pytest.mark.parametrize("why", ["no credentials", "record gone", "record changed"])
def test_what_a_stand_in_may_not_carry_any_more_goes_back_to_the_first_channel(workspace, company, why):
    main = channel(workspace, "main", company)
    other = without_credentials(workspace, "other") if why == "no credentials" else channel(workspace, "other", GONE)
    release = sealed(workspace, main, other)
    assert move(workspace, release, stand_ins(release)[0]) == 4
    if why == "record gone":
        (workspace.settings.campaigns / "channels/other.yaml").unlink()
    if why == "record changed":
        channel(workspace, "other", "http://127.0.0.1:10")
    assert [one.stop for one in send(workspace)] == ["done", "done"]
    assert counts(workspace) == {"accepted": PEOPLE}
    assert places(workspace) == {"p1-1"}


def test_a_plan_is_not_done_while_the_stopped_channel_has_something_open(workspace, company):
    release = sealed(workspace, channel(workspace, "main", GONE), channel(workspace, "other", company))
    in_part(workspace, release, lambda n, *_: ABSENT if n == 1 else NOT_SENT)
    with pytest.raises(ProviderTrouble, match="the rest waits for channel main"):
        send(workspace)
    assert counts(workspace) == {"accepted": PEOPLE - 10, "not_sent": 10}


def test_what_is_only_unknown_at_the_stopped_channel_is_reported(workspace, company):
    release = sealed(workspace, channel(workspace, "main", GONE), channel(workspace, "other", company))
    in_part(workspace, release, lambda n, *_: UNKNOWN if n == 1 else NOT_SENT)
    (report,) = send(workspace)
    assert report.stop == "unknown_open"
    assert "goes on through channel other" in report.note
    assert counts(workspace) == {"accepted": PEOPLE - 10, "unknown": 10}


def test_a_release_without_credentials_holds_up_no_other(workspace, company):
    records = without_credentials(workspace, "main"), channel(workspace, "other", company)
    for number, record in enumerate(records, start=1):
        put_release(workspace.ledger, workspace.keys, workspace.clock.now(), people=phones(number * 10)[-10:],
                    channel_record=record.model_dump_json(), channel=record.name, number=number)  # fmt: skip
    with pytest.raises(UsageError, match="OTHER_TOKEN"):
        send(workspace)
    assert counts(workspace) == {"planned": 10, "accepted": 10}


def test_a_file_of_another_channel_that_cannot_be_read_holds_up_nothing(workspace, company):
    sealed(workspace, channel(workspace, "main", GONE), channel(workspace, "other", company))
    (workspace.settings.campaigns / "channels/a.yaml").write_text("name: [", encoding="utf-8")
    assert [one.stop for one in send(workspace)] == ["done"]
    assert counts(workspace) == {"accepted": PEOPLE}


def test_an_approval_that_was_taken_back_can_be_given_again_and_holds_for_the_stand_in(workspace):
    release = sealed(workspace, channel(workspace, "main", GONE), channel(workspace, "other", GONE))
    (stand_in,) = stand_ins(release)
    in_part(workspace, release, lambda *_: NOT_SENT)
    assert move(workspace, release, stand_in) == 4
    channel(workspace, "other", "http://127.0.0.1:10")
    with pytest.raises(Refused, match="is void"):
        void_changed(workspace, stand_in)
    assert approved(workspace, release, stand_in) == [False, False]
    assert move(workspace, stand_in, release) == 0, "without an approval nothing moves, and none comes back by itself"
    assert waiting_releases(workspace, [release]) == [release], "though the stand-in has everything that is open"
    channel(workspace, "other", GONE)
    assert approve_all(workspace, [release], "me") == open_releases(workspace, [release]) == [release]
    assert approved(workspace, release, stand_in) == [True, True]


def approved(workspace: Workspace, *releases) -> list[bool]:
    with workspace.ledger.read() as connection:
        return [is_approved(connection, one, to_us(workspace.clock.now())) for one in releases]


def test_a_change_of_the_first_channel_that_has_nothing_left_does_not_stop_the_stand_in(workspace, company):
    release = sealed(workspace, channel(workspace, "main", GONE), channel(workspace, "other", company))
    assert move(workspace, release, stand_ins(release)[0]) == 4
    channel(workspace, "main", "http://127.0.0.1:11")
    assert [one.stop for one in send(workspace)] == ["done", "done"]


def test_a_stand_in_of_a_release_with_a_second_factor_goes_on_at_once_and_another_release_waits(workspace):
    main, other = channel(workspace, "main", GONE), channel(workspace, "other", GONE)
    release, now_us = sealed(workspace, main, other), to_us(workspace.clock.now())
    following = put_release(workspace.ledger, workspace.keys, workspace.clock.now(), people=phones(50)[40:], number=2,
                            channel_record=main.model_dump_json(), channel="main")  # fmt: skip
    with workspace.ledger.write() as connection:
        for one in (release, following):
            approve(connection, approval_of(one, "me", "totp", now_us, one.not_after_us), "p1")
    in_part(workspace, release, lambda *_: NOT_SENT)
    (stand_in,) = stand_ins(release)
    assert move(workspace, release, stand_in) == 4
    with workspace.ledger.read() as connection:
        assert find_hold(connection, stand_in, now_us) is None
        assert find_hold(connection, following, now_us).stop == "release_gap"
