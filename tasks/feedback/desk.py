"""What a person does about feedback: take a complaint that came another way, close one, read what only people can."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chuda.clock import BUSINESS_ZONE, from_us, to_us
from chuda.errors import UsageError
from chuda.phones import mask_phones
from chuda.providers.feeds import clean_text
from chuda.stores.ledger.complaints import (
    Complaint,
    ComplaintCase,
    add_complaints,
    close_complaint,
    find_complaint,
    list_complaints,
)
from chuda.stores.ledger.inbox import mark_read, unread_replies
from chuda.stores.ledger.queue import open_rejects, settle_reject
from chuda.workspace import Workspace
from tasks.contacts.lookup import find_person

_REPLY, _REJECT = "r", "x"
SHOWN_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class InboxItem:
    """Something a person must look at: a reply (`r12`), or an item of a feed nobody could read (`x3`)."""

    id: str
    at: datetime
    channel: str
    what: str
    text: str


def add_complaint(workspace: Workspace, person: str, said: str, source: str, at: str | None) -> ComplaintCase:
    """Record a complaint that came by telephone, from the provider or a regulator; the person is suppressed at once.

    Raises:
        UsageError: nobody can be meant by `person`, or the time cannot be read or lies ahead.
    """
    found = find_person(workspace, person)
    now = workspace.clock.now()
    complained_us = to_us(_read_time(at, now))
    text = mask_phones(clean_text(said))
    complaint = Complaint(found.token, found.shown, "", source, text, complained_us, to_us(now))
    with workspace.ledger.write() as connection:
        [complaint_id] = add_complaints(connection, [complaint])
        return find_complaint(connection, complaint_id)


def _read_time(at: str | None, now: datetime) -> datetime:
    if at is None:
        return now
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise UsageError(f"{at!r} is not an ISO time; write e.g. 2026-11-20T09:30") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=BUSINESS_ZONE)
    if moment > now:
        raise UsageError(f"{at} lies ahead; when did they complain?")
    return moment


def complaints_on_record(workspace: Workspace, *, with_closed: bool) -> list[ComplaintCase]:
    """The complaints on record, oldest first."""
    with workspace.ledger.read() as connection:
        return list_complaints(connection, with_closed=with_closed)


def finish_complaint(workspace: Workspace, complaint_id: int, cause: str, action: str, by: str) -> ComplaintCase:
    """Close a complaint with its cause and the action taken; see `close_complaint`."""
    with workspace.ledger.write() as connection:
        return close_complaint(
            connection, complaint_id, cause=mask_phones(cause), action=mask_phones(action), by=by,
            now_us=to_us(workspace.clock.now()),
        )  # fmt: skip


def read_inbox(workspace: Workspace) -> list[InboxItem]:
    """What nobody has looked at, items that could not be read first (an opt-out may be among them)."""
    with workspace.ledger.read() as connection:
        rejects = open_rejects(connection)
        replies = unread_replies(connection, SHOWN_AT_ONCE)
    unread = [
        InboxItem(f"{_REJECT}{number}", from_us(r.received_us), r.channel, f"{r.feed}: {r.reason}", r.shown)
        for number, r in rejects[:SHOWN_AT_ONCE]
    ]
    return unread + [
        InboxItem(f"{_REPLY}{r.id}", from_us(r.replied_us), r.channel, f"reply {r.token}", r.text) for r in replies
    ]


def settle_inbox(workspace: Workspace, ids: list[str], by: str) -> int:
    """Mark items as read; returns how many were unread until now.

    Raises:
        UsageError: an id has another shape.
    """
    now_us = to_us(workspace.clock.now())
    wanted = [_read_id(one) for one in ids]
    with workspace.ledger.write() as connection:
        done = mark_read(connection, [number for kind, number in wanted if kind == _REPLY], by, now_us)
        return done + sum(
            settle_reject(connection, number, by, now_us) for kind, number in wanted if kind == _REJECT
        )  # fmt: skip


def _read_id(text: str) -> tuple[str, int]:
    kind, number = text[:1], text[1:]
    if kind not in (_REPLY, _REJECT) or not (number.isascii() and number.isdigit()):
        raise UsageError(f"{text!r} is no id of the inbox; `chuda inbox` shows them (r12, x3)")
    return kind, int(number)
