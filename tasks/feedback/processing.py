"""From kept pages to events: each receipt and click finds its message, each reply its meaning, opt-outs take effect.

Some pages are one transaction. If anything is wrong with them each is processed by itself, item by item, and what is
left over is kept as a reject: nothing blocks what comes after it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from chuda.clock import Clock, to_us
from chuda.errors import ChudaError
from chuda.keys import TOKEN_LENGTH
from chuda.stores.ledger import Connection, Ledger
from chuda.stores.ledger.alternates import suppress_people
from chuda.stores.ledger.channels import tell_attempts
from chuda.stores.ledger.complaints import Complaint, add_complaints
from chuda.stores.ledger.feedback import (
    ClickRow,
    LinkClickRow,
    LookRow,
    Member,
    ReceiptRow,
    ReplyRow,
    ScannerRow,
    add_link_clicks,
    append_events,
    drop_known,
    last_message_to,
    tokens_of_batches,
)
from chuda.stores.ledger.notices import NOTICE_ID
from chuda.stores.ledger.queue import (
    QueuedPage,
    Reject,
    append_rejects,
    finish_page,
    note_failure,
    take_page,
    waiting_pages,
)
from chuda.stores.ledger.suppression import Suppression
from tasks.content.replies import COMPLAINT, OPT_OUT, ReplyWords
from tasks.dispatch.outcomes import parse_message_id
from tasks.feedback.intake import NUMBER_UNREADABLE
from tasks.feedback.items import REPLIES, QueuedClick, QueuedItem, QueuedReceipt, QueuedReply, load_items
from tasks.feedback.scanners import is_scanner
from tasks.feedback.wanted import Wanted

_RECEIPT_LAG_US = 72 * 3600 * 1_000_000
Row = TypeVar("Row", ReceiptRow, ReplyRow, ClickRow)
PAGES_AT_ONCE = 20
NOBODYS = Member("", -1, "")


@dataclass(slots=True)
class _Work:
    """A page being processed: where, when, what came of it so far."""

    connection: Connection
    page: QueuedPage
    now_us: int
    counts: Counter[str]


class Processor:
    """Makes events of the pages in the queue; several may run, and be killed, at any time."""

    def __init__(self, ledger: Ledger, clock: Clock, words: ReplyWords) -> None:
        self._ledger = ledger
        self._clock = clock
        self._words = words

    def process(self) -> Counter[str]:
        """Process all that waits.

        Returns:
            What came of it: receipts, replies, clicks, link_clicks (of nobody in particular), opt_outs, complaints,
            duplicates, scanners, rejects and unknown_messages (receipts of messages that are not ours).
        """
        counts: Counter[str] = Counter()
        tried: set[int] = set()
        while waiting := [page_id for page_id in self.waiting() if page_id not in tried]:
            tried.update(waiting)
            for start in range(0, len(waiting), PAGES_AT_ONCE):
                counts += self.process_pages(waiting[start : start + PAGES_AT_ONCE])
        return counts

    def waiting(self, replies_only: bool = False) -> list[int]:
        """The pages that are still to be processed, replies first."""
        with self._ledger.read() as connection:
            return waiting_pages(connection, replies_only)

    def process_pages(self, page_ids: Sequence[int]) -> Counter[str]:
        """Process some pages: in one transaction if all is well with them, else each in its own."""
        try:
            counts: Counter[str] = Counter()
            with self._ledger.write() as connection:
                for page_id in page_ids:
                    counts += self._in_transaction(connection, page_id, self._keep_all)
        except Exception:  # whatever is wrong with a page must not stop the next one
            return sum((self._process_page(page_id) for page_id in page_ids), Counter())
        return counts

    def _process_page(self, page_id: int) -> Counter[str]:
        try:
            with self._ledger.write() as connection:
                return self._in_transaction(connection, page_id, self._keep_each)
        except Exception as error:
            if isinstance(error, ChudaError) and not self._is_ledger_well():
                raise
            with self._ledger.write() as connection:
                note_failure(connection, page_id)
            return Counter(failed_pages=1)

    def _is_ledger_well(self) -> bool:
        try:
            with self._ledger.write():
                return True
        except ChudaError:
            return False

    def _in_transaction(
        self, connection: Connection, page_id: int, keep: Callable[[_Work, Sequence[QueuedItem]], None]
    ) -> Counter[str]:
        page = take_page(connection, page_id)
        if page is None:
            return Counter()
        work = _Work(connection, page, to_us(self._clock.now()), Counter())
        keep(work, load_items(page.feed, page.items))
        finish_page(connection, page_id, work.now_us)
        return work.counts

    def _keep_all(self, work: _Work, items: Sequence[QueuedItem]) -> None:
        if receipts := [item for item in items if isinstance(item, QueuedReceipt)]:
            self._keep_receipts(work, receipts)
        if replies := [item for item in items if isinstance(item, QueuedReply)]:
            self._keep_replies(work, replies)
        if clicks := [item for item in items if isinstance(item, QueuedClick)]:
            self._keep_clicks(work, clicks)

    def _keep_each(self, work: _Work, items: Sequence[QueuedItem]) -> None:
        for item in items:
            before = work.counts.copy()
            try:
                with work.connection.begin_nested():
                    self._keep_all(work, [item])
            except Exception as error:
                work.counts = before
                self._reject(work, item, f"unforeseen_{type(error).__name__}")

    def _keep_receipts(self, work: _Work, items: Sequence[QueuedReceipt]) -> None:
        members = _find_members(work, items)
        rows = []
        for item, member in zip(items, members, strict=True):
            token = member.token or item.token
            if not token:
                self._reject(work, item, NUMBER_UNREADABLE)
                continue
            rows.append(
                ReceiptRow(work.page.channel, member.batch_id, member.position, token, item.status, item.code,
                           item.parts, _moment(item.at_us, work), work.page.received_us)
            )  # fmt: skip
            work.counts["unknown_messages"] += member is NOBODYS
        self._append(work, "receipts", rows)
        told = [(member, item.attempts) for item, member in zip(items, members, strict=True) if item.attempts]
        tell_attempts(work.connection, [(m.batch_id, m.position, n) for m, n in told if m.batch_id])

    def _keep_clicks(self, work: _Work, items: Sequence[QueuedClick]) -> None:
        people: list[ClickRow] = []
        programs: list[ScannerRow] = []
        looks: list[LookRow] = []
        named = [item for item in items if not item.line]
        for item, member in zip(named, _find_members(work, named), strict=True):
            token, at_us = member.token or item.token, _moment(item.at_us, work)
            channel, place = work.page.channel, (member.batch_id, member.position)
            if not token:
                self._reject(work, item, NUMBER_UNREADABLE)
            elif item.reason:
                looks.append(LookRow(channel, *place, item.reason, item.agent[:200], at_us))
            elif is_scanner(item.agent):
                programs.append(ScannerRow(channel, *place, token, item.agent[:200], at_us))
            else:
                people.append(ClickRow(channel, *place, token, item.link, at_us, work.page.received_us))
        append_events(work.connection, programs)
        append_events(work.connection, looks)
        work.counts["scanners"] += len(programs) + len(looks)
        self._append(work, "clicks", people)
        self._keep_nobodys(work, [item for item in items if item.line])

    def _keep_nobodys(self, work: _Work, items: Sequence[QueuedClick]) -> None:
        """Clicks of which only the link is known: counted per link, of nobody in particular."""
        rows = [
            LinkClickRow(work.page.channel, item.link, item.line, _moment(item.at_us, work), work.page.received_us)
            for item in items
            if not is_scanner(item.agent)
        ]
        fresh = add_link_clicks(work.connection, rows)
        programs = len(items) - len(rows)
        work.counts.update(link_clicks=fresh, duplicates=len(rows) - fresh, scanners=programs)

    def _keep_replies(self, work: _Work, items: Sequence[QueuedReply]) -> None:
        wanted = Wanted(work.connection, self._words)
        rows = {
            row: item.shown
            for item in items
            for row in [
                ReplyRow(work.page.channel, item.token, item.text,
                         wanted.classify(item.text, item.token, _moment(item.at_us, work)), _moment(item.at_us, work),
                         work.page.received_us)
            ]
        }  # fmt: skip
        fresh = self._append(work, "replies", list(rows), len(items) - len(rows))
        opt_outs = [_opt_out(row) for row in fresh if row.kind == OPT_OUT]
        complaints = [_complaint(row, rows[row]) for row in fresh if row.kind == COMPLAINT]
        suppress_people(work.connection, opt_outs)
        add_complaints(work.connection, complaints)
        work.counts.update(opt_outs=len(opt_outs), complaints=len(complaints))
        for row in fresh:
            asked = wanted.ask(row.kind, row.token, row.replied_us)
            work.counts["answers"] += asked == "granted"
            if asked == "used_up":
                shown = f"{rows[row]} {row.text}"
                append_rejects(
                    work.connection, [Reject(row.channel, REPLIES, "coupons_used_up", shown, row.received_us)]
                )

    def _append(self, work: _Work, name: str, rows: Sequence[Row], repeats: int = 0) -> list[Row]:
        fresh = drop_known(work.connection, rows)
        append_events(work.connection, fresh)
        work.counts.update({name: len(fresh), "duplicates": len(rows) - len(fresh) + repeats})
        return fresh

    def _reject(self, work: _Work, item: QueuedItem, reason: str) -> None:
        shown = f"{item.shown} {item.text}" if isinstance(item, QueuedReply) else item.shown
        reject = Reject(work.page.channel, work.page.feed, reason, shown.strip()[:300], work.page.received_us)
        append_rejects(work.connection, [reject])
        work.counts["rejects"] += 1


def _find_members(work: _Work, items: Sequence[QueuedReceipt | QueuedClick]) -> list[Member]:
    """The message of each item; `NOBODYS` where there is none of ours, or the number is another person's."""
    named = [(item, parse_message_id(item.message_id), _batch_of(item)) for item in items]
    wanted = {place[0] for _, place, _ in named if place} | {batch_id for _, _, batch_id in named if batch_id}
    tokens = tokens_of_batches(work.connection, wanted) if wanted else {}
    return [
        _in_batch(tokens, place, batch_id, item.token) or _notice(item, place) or _by_time(work, item)
        for item, place, batch_id in named
    ]


def _notice(item: QueuedReceipt | QueuedClick, place: tuple[str, int] | None) -> Member | None:
    """A notice, which another ledger knows: whether the number is its own is looked at when it is settled by this."""
    is_notice = place is not None and place[1] == 0 and NOTICE_ID.fullmatch(place[0])
    return Member(place[0], 0, "") if place and is_notice and isinstance(item, QueuedReceipt) else None


def _batch_of(item: QueuedReceipt | QueuedClick) -> str:
    return item.batch_id if isinstance(item, QueuedReceipt) else ""


def _in_batch(tokens: Mapping[str, str], place: tuple[str, int] | None, batch_id: str, token: str) -> Member | None:
    if place is not None:
        start = place[1] * TOKEN_LENGTH
        theirs = tokens.get(place[0], "")[start : start + TOKEN_LENGTH]
        if theirs and token in ("", theirs):
            return Member(*place, theirs)
    if not token:
        return None
    position = _position_of(token, tokens.get(batch_id, ""))
    return None if position is None else Member(batch_id, position, token)


def _position_of(token: str, joined: str) -> int | None:
    """Where a token stands among those of a batch, which are not taken apart: a page asks for many of one batch."""
    start = joined.find(token)
    while start % TOKEN_LENGTH and start >= 0:
        start = joined.find(token, start + 1)
    return None if start < 0 else start // TOKEN_LENGTH


def _by_time(work: _Work, item: QueuedReceipt | QueuedClick) -> Member:
    """A receipt that names nothing at all belongs to the last message to its number within the 72 hours."""
    if isinstance(item, QueuedClick) or item.message_id or item.batch_id or not item.token:
        return NOBODYS
    at_us = _moment(item.at_us, work)
    return last_message_to(work.connection, item.token, work.page.channel, at_us, _RECEIPT_LAG_US) or NOBODYS


def _moment(at_us: int | None, work: _Work) -> int:
    return work.page.received_us if at_us is None else at_us


def _opt_out(row: ReplyRow) -> Suppression:
    return Suppression(
        row.token, "marketing", "opt_out", f"reply:{row.channel}", row.replied_us, row.received_us
    )  # fmt: skip


def _complaint(row: ReplyRow, shown: str) -> Complaint:
    return Complaint(row.token, shown, row.channel, "reply", row.text, row.replied_us, row.received_us)
