"""One person at a time: stopped at once, shown, exported, erased, kept as long as the law wants and no longer."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from contacts_room import token
from fakes import put_release

from chuda.campaign.condition import parse_condition
from chuda.campaign.segments import Segment
from chuda.errors import ProviderTrouble, UsageError
from chuda.stores.ledger.suppression import remember_alternates
from tasks.contacts.erasing import erase_person
from tasks.contacts.lookup import describe_person, export_person, find_person, suppress_person
from tasks.contacts.reject_files import sweep_rejects
from tasks.contacts.retention import purge_ended_consents
from tasks.segments.refresh import refresh_segments

A, B, C = "13800138000", "13900139000", "18600186000"
HEADER = "手机号,姓名,是否同意营销短信,同意来源,同意时间,同意用途\n"


def known(room, phone: str = A) -> None:
    room.contacts(room.write("a.csv", f"{HEADER}{phone},王小明,是,门店,2026-01-01,营销\n{phone},,,,,\n123,x,,,,\n"))


def test_a_number_is_suppressed_while_another_process_keeps_the_warehouse(room):
    known(room, f"{A}/{B}")
    person = find_person(room.workspace, "139-0013-9000")
    with room.workspace.warehouse.write(), pytest.raises(ProviderTrouble, match=r"139\*{4}9000 is suppressed"):
        suppress_person(room.workspace, person, "marketing")
    assert room.suppressed() == [(token(B), "marketing", "opt_out")]


def test_an_opt_out_of_a_further_number_covers_the_person(room):
    known(room, f"{A}/{B}")
    assert suppress_person(room.workspace, find_person(room.workspace, B), "all") == 1
    assert room.suppressed() == [(token(B), "all", "opt_out"), (token(A), "all", "opt_out")]


@pytest.mark.parametrize("asked", [A, B, C])
def test_an_opt_out_of_any_number_the_ledger_knows_covers_them_all_while_the_warehouse_is_kept(room, asked):
    known(room, f"{A}/{B}/{C}")
    with room.workspace.ledger.write() as connection:
        remember_alternates(connection, [(token(A), token(B)), (token(A), token(C))])
    with room.workspace.warehouse.write(), pytest.raises(ProviderTrouble, match="is suppressed"):
        suppress_person(room.workspace, find_person(room.workspace, asked), "marketing")
    assert set(room.suppressed()) == {(token(one), "marketing", "opt_out") for one in (A, B, C)}


def test_an_opt_out_before_anything_was_imported_is_remembered(room):
    assert suppress_person(room.workspace, find_person(room.workspace, A), "marketing") == 0
    assert room.suppressed() == [(token(A), "marketing", "opt_out")]


def test_a_person_is_shown_with_file_and_row_of_each_record_and_without_name_or_number(room):
    known(room)
    sections = describe_person(room.workspace, find_person(room.workspace, A))
    shown = {title: [dict(zip(names, row, strict=True)) for row in rows] for title, names, rows in sections}
    assert [(row["source_file"], row["source_row"]) for row in shown["records"]] == [("a.csv", 2), ("a.csv", 3)]
    assert "王小明" not in str(shown) and A not in str(shown)


def test_segments_are_shown_as_stays_whatever_else_changed_meanwhile(room, friday_ten):
    known(room)
    women = Segment(name="women", label="女", condition=parse_condition("gender = 'f'"))
    points = Segment(name="rich", label="分", condition=parse_condition("points > 0"))
    tiers = room.workspace.settings.reference / "city_tiers.csv"
    for day, values in enumerate(("gender = 'f'", "points = 5", "points = 0", "gender = 'm'", "gender = 'f'")):
        with room.workspace.warehouse.write() as connection:
            connection.execute(f"UPDATE contact_clean SET {values}")
            refresh_segments(connection, [women, points], tiers, friday_ten + timedelta(days=day), room.gate)
    sections = {title: rows for title, _, rows in describe_person(room.workspace, find_person(room.workspace, A))}
    days = [
        (name, (start - friday_ten).days, end and (end - friday_ten).days) for name, start, end in sections["segments"]
    ]
    assert days == [("women", 0, 3), ("rich", 1, 2), ("women", 4, None)]


@pytest.mark.parametrize("text", ["hello", "12345", "0" * 31, ""])
def test_what_is_neither_number_nor_token_is_refused_without_being_repeated(text, room):
    with pytest.raises(UsageError) as refused:
        find_person(room.workspace, text)
    assert not text or text not in str(refused.value)


def test_nobody_known_is_one_message(room):
    known(room)
    with pytest.raises(UsageError, match=r"nobody is known by 139\*{4}9000"):
        describe_person(room.workspace, find_person(room.workspace, B))


@pytest.mark.parametrize("asked", [A, token(A)])
def test_an_export_holds_number_and_name_and_is_private(asked, room, tmp_path):
    known(room)
    target = tmp_path / "person.json"
    export_person(room.workspace, find_person(room.workspace, asked), target)
    data = json.loads(target.read_text("utf-8"))
    assert (data["phone"], data["contact"][0]["name"], data["contact"][0]["consent"]) == (A, "王小明", "none")
    assert target.stat().st_mode & 0o077 == 0
    with pytest.raises(UsageError, match="exists already"):
        export_person(room.workspace, find_person(room.workspace, asked), target)


@pytest.mark.parametrize("by_token", [False, True])
def test_the_erased_are_nowhere_but_for_their_token(by_token, room, keys, friday_ten):
    room.contacts(room.write("a.csv", f"{HEADER}{A}/010-62345678,王小明,是,门店,2026-01-01,营销\n{B},,,,,\n"))
    room.orders(room.write("o.csv", f"手机号,订单号,支付时间,金额\n{A},D1,2026-01-05,5\n"))
    put_release(room.workspace.ledger, keys, friday_ten, people=[A, B, C])
    done = erase_person(room.workspace, token(A), None if by_token else A)
    assert (done.sealed_messages, done.withdrawn_messages, done.vault_numbers, done.reject_rows) == (1, 1, 1, 1)
    state = room.folder / "state"
    assert [path.name for path in state.rglob("*") if path.is_file() and A.encode() in path.read_bytes()] == []
    assert all("王小明" not in path.read_text("utf-8") for path in (state / "rejects").iterdir())
    assert room.workspace.vault.read()["phone"].to_list() == [B]
    for table in ("contact_clean", "contact_record", "order_clean"):
        assert room.rows(f"SELECT count(*) FROM {table} WHERE token = ?", token(A)) == [(0,)]
    assert room.suppressed() == [(token(A), "all", "erased")]


def test_erasing_again_finishes_what_was_interrupted_and_changes_nothing_else(room):
    known(room)
    with room.workspace.warehouse.write(), pytest.raises(ProviderTrouble):
        erase_person(room.workspace, token(A), A)
    assert room.workspace.vault.read().is_empty()
    assert erase_person(room.workspace, token(A), A).warehouse_rows > 0
    assert erase_person(room.workspace, token(A), A).warehouse_rows == 0
    assert len(room.suppressed()) == 1


def test_erasing_a_further_number_stops_marketing_to_the_person(room):
    known(room, f"{A}/{B}")
    erase_person(room.workspace, token(B), B)
    assert set(room.suppressed()) == {(token(B), "all", "erased"), (token(A), "marketing", "opt_out")}
    assert room.rows("SELECT count(*) FROM contact_alternate") == [(0,)]


def test_the_proof_of_consent_outlives_the_person_by_five_months(room, friday_ten):
    room.contacts(room.write("a.csv", f"{HEADER}{A},王小明,是,门店,2026-01-01,营销\n"))
    erase_person(room.workspace, token(A), A)
    kept = room.rows("SELECT token, consent, consent_source FROM consent_past")
    assert kept == [(token(A), "granted", "门店")]
    with room.workspace.warehouse.write() as connection:
        assert purge_ended_consents(connection, friday_ten + timedelta(days=149)) == 0
        assert purge_ended_consents(connection, friday_ten + timedelta(days=160)) == 1


def test_earlier_consents_of_people_who_are_still_known_are_kept(room, friday_ten):
    for number, answer in enumerate(("是", "否")):
        room.contacts(room.write(f"{number}.csv", f"{HEADER}{A},王,{answer},门店,2026-01-0{number + 1},营销\n"))
    with room.workspace.warehouse.write() as connection:
        assert purge_ended_consents(connection, friday_ten + timedelta(days=1000)) == 0


def test_reject_files_are_private_and_gone_after_thirty_days(room, friday_ten):
    known(room)
    folder = room.workspace.settings.rejects
    [path] = folder.iterdir()
    assert path.stat().st_mode & 0o077 == 0
    assert sweep_rejects(folder, friday_ten + timedelta(days=29)) == 0
    (folder / "killed-1234.csv.part").write_text(A)
    assert sweep_rejects(folder, friday_ten + timedelta(days=29)) == 1
    assert sweep_rejects(folder, friday_ten + timedelta(days=31)) == 1
    assert not list(folder.iterdir())
