"""Complaints are closed by a person with cause and action; what only people can read waits for them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chuda.errors import Refused, UsageError
from chuda.providers.protocol import ReplyEvent, UnreadableItem
from chuda.stores.ledger.queue import keep_pulled
from chuda.stores.ledger.suppression import remember_alternates, suppressed_among
from chuda.workspace import open_workspace
from tasks.feedback.desk import add_complaint, complaints_on_record, finish_complaint, read_inbox, settle_inbox
from tasks.feedback.intake import make_page
from tasks.feedback.processing import Processor


@pytest.fixture
def workspace(workspace_ledger):
    with open_workspace() as opened:
        yield opened


def test_a_complaint_by_telephone_stops_the_person_and_their_alternates_from_everything(workspace, keys):
    main, other = keys.token("13800000000"), keys.token("13800000001")
    with workspace.ledger.write() as connection:
        remember_alternates(connection, [(main, other)])
    case = add_complaint(workspace, "+86 138-0000-0000", "打 13900000000 骚扰", "12321", None)
    assert (case.shown, case.text, case.source) == ("138****0000", "打 139****0000 骚扰", "12321")
    with workspace.ledger.read() as connection:
        assert suppressed_among(connection, [main, other], "notification") == {main, other}


def test_the_clock_runs_from_when_they_complained(workspace, clock):
    long_ago = (clock.now() - timedelta(hours=30)).isoformat()
    case = add_complaint(workspace, "13800000000", "", "hotline", long_ago)
    assert case.is_overdue(case.deadline_us)
    assert not add_complaint(workspace, "13800000001", "", "hotline", None).is_overdue(case.deadline_us)


@pytest.mark.parametrize("at", ["yesterday", "2026-11-21T10:00"])
def test_a_time_that_cannot_be_is_refused(workspace, at):
    with pytest.raises(UsageError):
        add_complaint(workspace, "13800000000", "", "hotline", at)


def test_closing_states_cause_and_action_once(workspace):
    case = add_complaint(workspace, "13800000000", "", "hotline", None)
    with pytest.raises(UsageError, match="cause"):
        finish_complaint(workspace, case.id, " ", "called back", "li")
    finish_complaint(workspace, case.id, "too often", "called back", "li")
    with pytest.raises(Refused, match="li"):
        finish_complaint(workspace, case.id, "other", "other", "wang")
    with pytest.raises(UsageError, match="no complaint 9"):
        finish_complaint(workspace, 9, "a", "b", "c")
    assert complaints_on_record(workspace, with_closed=False) == []
    [closed] = complaints_on_record(workspace, with_closed=True)
    assert (closed.cause, closed.action, closed.closed_by) == ("too often", "called back", "li")


def test_the_inbox_holds_what_nobody_has_read_and_no_opt_outs(workspace, keys, words, clock):
    texts = ["几点开门？", "退订", "我想问问"]
    events = [ReplyEvent(f"1380000000{n}", text, None) for n, text in enumerate(texts)]
    unreadable = [UnreadableItem("phone_missing", '{"text": "退订"}')]
    page, rejects = make_page(keys, "demo", "replies", events, unreadable, clock.now())
    with workspace.ledger.write() as connection:
        keep_pulled(connection, page, rejects, "", "1")
    Processor(workspace.ledger, clock, words).process()
    items = read_inbox(workspace)
    assert [item.text for item in items] == ['{"text": "退订"}', "几点开门？", "我想问问"]
    assert settle_inbox(workspace, [items[0].id, items[1].id], "li") == 2
    assert settle_inbox(workspace, [items[0].id, items[1].id, "r2", "r999"], "wang") == 0
    assert [item.text for item in read_inbox(workspace)] == ["我想问问"]


@pytest.mark.parametrize("bad", ["", "12", "r", "rx", "r²", "y3"])
def test_an_id_of_another_shape_is_refused(workspace, bad):
    with pytest.raises(UsageError, match="chuda inbox"):
        settle_inbox(workspace, [bad], "li")
