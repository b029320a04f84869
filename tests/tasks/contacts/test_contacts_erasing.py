"""Erasing a person after the plan was made: everybody else's messages go on, and no store keeps the person's words."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import polars as pl
import pytest
from contacts_room import KEYS, token
from plan_rows import OPENS, insert, put_plan
from sqlalchemy import text

from chuda.clock import to_us
from chuda.errors import Refused
from chuda.stores.ledger import open_ledger
from chuda.stores.ledger.alternates import count_alternates, related_tokens
from chuda.stores.ledger.notices import Notice, add_intent, settle_notice
from chuda.stores.vault import Vault
from tasks.contacts.erasing import erase_person
from tasks.dispatch.releasing import planned_releases, seal_plan
from tasks.feedback.mirror import create_mirror
from tasks.feedback.people import share_alternates
from tasks.planning.fingerprint import fingerprint_releases
from tasks.planning.plan import create_plan_tables

A, B, C, D = "13800138000", "13900139000", "18600186000", "18700187000"
HEADER = "手机号,姓名,是否同意营销短信,同意来源,同意时间,同意用途\n"


def known(room, *people: str) -> None:
    rows = "".join(f"{phone},王小明,是,门店,2026-01-01,营销\n" for phone in people)
    room.contacts(room.write(f"{people[0][:11]}.csv", HEADER + rows))


def change(room, sql: str, *values: object) -> None:
    with room.workspace.warehouse.write() as connection:
        connection.execute(sql, list(values))


@pytest.fixture
def planned(room):
    """A plan for A, B and C that nobody has approved yet."""
    known(room, A, B, C)
    with room.workspace.warehouse.write() as connection:
        create_plan_tables(connection)
        put_plan(connection)
        for position, phone in enumerate((A, B, C)):
            insert(
                connection, "plan_message", plan_id="p1", token=token(phone), wave="all", text="王小明，您好", units=6,
                parts=1, send_at=OPENS, release_number=1, batch_id="p1-1-0", position=position, messages_before=0,
            )  # fmt: skip
            insert(connection, "plan_event", plan_id="p1", token=token(phone), event_key="e")
        fingerprint_releases(connection, "p1")
    return room


def seal(room) -> int:
    return seal_plan(room.workspace, planned_releases(room.workspace, "p1"))


@pytest.mark.parametrize("times", [1, 2])
def test_a_plan_goes_out_to_everybody_but_the_erased(planned, times):
    for _ in range(times):
        erase_person(planned.workspace, token(A), A)
    assert planned.rows("SELECT text FROM plan_message WHERE token = ?", token(A)) == [("",)]
    assert planned.rows("SELECT token FROM plan_event WHERE token = ?", token(A)) == []
    assert seal(planned) == 1
    with planned.workspace.ledger.read() as connection:
        rows = connection.execute(text("SELECT position, state, code FROM message_exception")).all()
    assert [tuple(row) for row in rows] == [(0, "suppressed", "erased")]


@pytest.mark.parametrize("whose", [A, B])
@pytest.mark.parametrize("is_before", [True, False])
def test_an_edit_by_hand_is_refused_whoever_was_erased(planned, whose, is_before):
    edit = "UPDATE plan_message SET text = '满赠' WHERE token = ?"
    if is_before:
        change(planned, edit, token(whose))
    erase_person(planned.workspace, token(A), A)
    if not is_before:
        change(planned, edit, token(whose))
    with pytest.raises(Refused, match="were changed after the plan was made"):
        seal(planned)


def test_the_ledger_of_notices_forgets_the_erased_too(room, friday_ten):
    now_us = to_us(friday_ten)
    target = room.workspace.settings.notice_ledger_target
    target.parent.mkdir(parents=True, exist_ok=True)
    with closing(open_ledger(target, room.workspace.keys)) as ledger:
        with ledger.write() as connection:
            for name, phone in (("gone", A), ("other", B)):
                add_intent(connection, Notice(name, token(phone), "demo", "otp", "t", 1, now_us, b"sealed"))
                settle_notice(connection, name, "unknown", "timeout", now_us)
        erase_person(room.workspace, token(A), A)
        with ledger.read() as connection:
            rows = connection.execute(text("SELECT notice_id, state, sealed IS NULL FROM notice ORDER BY 1")).all()
    assert [tuple(row) for row in rows] == [("gone", "unconfirmed", 1), ("other", "unknown", 0)]


def test_the_words_of_a_complaint_leave_the_warehouse(room):
    known(room, A)
    with room.workspace.warehouse.write() as connection:
        create_mirror(connection)
        for number, phone in enumerate((A, B)):
            insert(connection, "complaint_recorded", complaint_id=number, token=token(phone), text="我是王小明")
    erase_person(room.workspace, token(A), A)
    assert room.rows("SELECT text FROM complaint_recorded ORDER BY complaint_id") == [("",), ("我是王小明",)]


@pytest.mark.parametrize("erased", [A, B])
def test_further_numbers_found_after_an_erasure_still_reach_the_ledger(room, friday_ten, erased):
    known(room, f"{A}/{B}")
    with room.workspace.warehouse.write() as connection:
        share_alternates(connection, room.workspace.ledger, friday_ten)
    erase_person(room.workspace, token(erased), erased)
    known(room, f"{C}/{D}")
    with room.workspace.warehouse.write() as connection:
        share_alternates(connection, room.workspace.ledger, friday_ten)
    with room.workspace.ledger.read() as reading:
        assert count_alternates(reading) == 1
        assert related_tokens(reading, [token(C)]) == {token(C): {token(D)}}


class VaultWithAnImport(Vault):
    """A vault into which an import that began before the erasure puts the number back once it was erased."""

    is_importing = True

    def erase(self, tokens):
        gone = super().erase(tokens)
        if self.is_importing:
            self.is_importing = False
            self.append(pl.DataFrame({"token": [token(A)], "phone": [A]}))
        return gone


def test_an_import_that_runs_meanwhile_leaves_no_number_of_the_erased(room):
    known(room, A, B)
    vault = VaultWithAnImport(room.workspace.settings.vault_file, KEYS)
    erase_person(replace(room.workspace, vault=vault), token(A), A)
    assert vault.read()["phone"].to_list() == [B]
