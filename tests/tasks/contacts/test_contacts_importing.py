"""Importing into a workspace: what restricts goes first, nothing comes twice, nobody erased comes back."""

from __future__ import annotations

import polars as pl
import pytest
from contacts_room import open_room, token

from chuda.errors import GateFailed, UsageError
from chuda.stores.ledger.channels import TestPhone, add_test_phone
from chuda.stores.ledger.suppression import remember_alternates
from chuda.stores.vault import Vault
from expectations.gate import check
from expectations.rules import Suite
from tasks.contacts.erasing import erase_person
from tasks.contacts.importing import Importer, ImportOptions, MergeCounts, stop_listed
from tasks.contacts.opening import open_file
from tasks.contacts.stage import read_consent
from tasks.sample.generator import SampleParameters, generate_sample

A, B, C = "13800138000", "13900139000", "18600186000"
HEADER = "手机号,姓名,是否同意营销短信,同意来源,同意时间,同意用途\n"


def says(phone: str, consent: str, at: str = "2026-01-01", name: str = "王小明") -> str:
    return f"{phone},{name},{consent},门店,{at},营销\n"


def test_consent_withdrawn_by_a_file_reaches_the_ledger(room):
    room.contacts(room.write("a.csv", HEADER + says(A, "是") + says(B, "是")))
    done = room.contacts(room.write("b.csv", HEADER + says(A, "否", "2026-02-01") + says(B, "是")))
    assert room.suppressed() == [(token(A), "marketing", "consent_withdrawn")]
    assert done.refused == 1
    assert room.rows("SELECT consent FROM contact_clean ORDER BY consent") == [("denied",), ("granted",)]


def test_a_refusal_is_in_the_ledger_before_anything_is_published(room):
    room.contacts(room.write("a.csv", HEADER + says(A, "是")))
    with pytest.raises(ZeroDivisionError), room.workspace.warehouse.write() as connection:
        importer = Importer(room.workspace, connection, room.gate, room.workspace.clock.now(), room.reference)
        opened = open_file(room.write("b.csv", HEADER + says(A, "否")), room.reference.headers)
        importer.contacts(opened, ImportOptions())
        raise ZeroDivisionError
    assert room.suppressed() == [(token(A), "marketing", "consent_withdrawn")]
    assert room.rows("SELECT consent FROM contact_clean") == [("granted",)]


def test_who_refused_all_along_and_who_says_nothing_are_not_withdrawn(room):
    room.contacts(room.write("a.csv", HEADER + says(A, "否") + says(B, "是")))
    room.contacts(room.write("b.csv", HEADER + says(A, "否", "2026-03-01") + says(B, "")))
    assert room.suppressed() == []


def test_a_refusal_of_a_further_number_covers_the_person(room):
    room.contacts(room.write("a.csv", HEADER + says(f"{A}/{B}", "是")))
    room.contacts(room.write("b.csv", HEADER + says(B, "否")))
    assert room.suppressed() == [(token(A), "marketing", "consent_withdrawn")]


def test_a_do_not_contact_entry_for_a_further_number_covers_the_person(room):
    room.contacts(room.write("a.csv", HEADER + says(f"{A}/{B}", "是")))
    done = room.stops(room.write("stop.csv", f"手机号,原因\n{B},投诉\n"))
    assert set(room.suppressed()) == {(token(B), "all", "do_not_contact"), (token(A), "all", "do_not_contact")}
    assert done.merged == MergeCounts(2, 0, 0)


@pytest.mark.parametrize("listed", [A, B])
def test_a_do_not_contact_list_covers_all_numbers_the_ledger_knows_of_a_person(room, listed):
    with room.workspace.ledger.write() as connection:
        remember_alternates(connection, [(token(A), token(B))])
    done = room.stops(room.write("stop.csv", f"手机号\n{listed}\n"))
    assert set(room.suppressed()) == {(token(A), "all", "do_not_contact"), (token(B), "all", "do_not_contact")}
    assert (done.merged.new, done.merged.unchanged) == (1, 0), "counted are those who are listed"


def test_a_do_not_contact_list_is_in_force_while_the_warehouse_is_kept(room):
    room.contacts(room.write("a.csv", HEADER + says(A, "是")))
    opened = open_file(room.write("stop.csv", f"手机号\n{A}\n"), room.reference.headers)
    with room.workspace.warehouse.write():
        stop_listed(room.workspace, opened, room.reference, room.workspace.clock.now())
        assert room.suppressed() == [(token(A), "all", "do_not_contact")]


def test_the_same_file_again_changes_nothing_and_every_record_is_named_once(room):
    path = room.write("a.csv", HEADER + says(A, "是") + says(f"{B}/{C}", "是") + says(A, "否"))
    first = room.contacts(path)
    tables = ("contact_clean", "contact_record")
    before = [room.rows(f"SELECT * FROM {table} ORDER BY ALL") for table in tables]
    again = room.contacts(path)
    assert (first.merged, again.merged) == (MergeCounts(2, 0, 0), MergeCounts(0, 0, 2))
    assert first.counts == again.counts
    assert before == [room.rows(f"SELECT * FROM {table} ORDER BY ALL") for table in tables]
    assert sorted(room.rows("SELECT source_row FROM contact_record WHERE token = ?", token(A))) == [(2,), (4,)]


def test_what_was_consented_to_before_stays_on_record(room):
    room.contacts(room.write("a.csv", HEADER + says(A, "是")))
    room.contacts(room.write("b.csv", HEADER + says(A, "否", "2026-02-01")))
    assert room.rows("SELECT consent, consent_source, source_file, source_row FROM consent_past") == [
        ("granted", "门店", "a.csv", 2)
    ]


def test_a_gate_that_stops_names_the_reject_file_and_publishes_nothing(tmp_path, ledger, friday_ten, reference):
    class Shut:
        def require(self, *_arguments: object) -> None:
            raise GateFailed("gate contacts: no")

    room = open_room(tmp_path, ledger, friday_ten, reference, Shut())
    with pytest.raises(GateFailed, match=r"rejects/contacts-a-[0-9a-f]{8}\.csv"):
        room.contacts(room.write("a.csv", HEADER + says(A, "是") + says("123", "是")))
    assert len(list((tmp_path / "state" / "rejects").glob("contacts-a-*.csv"))) == 1
    assert room.suppressed() == []


def test_the_erased_do_not_come_back_neither_to_vault_nor_warehouse(room):
    path = room.write("a.csv", HEADER + says(f"{A}/{C}", "是") + says(B, "是") + says(A, "是"))
    room.contacts(path)
    erase_person(room.workspace, token(A), A)
    done = room.contacts(path)
    assert done.counts.rejected_by_reason == {"erased": 3}
    assert room.rows("SELECT token FROM contact_clean") == [(token(B),)]
    assert room.rows("SELECT count(*) FROM contact_alternate") == [(0,)]
    assert room.workspace.vault.read()["phone"].to_list() == [B]


def test_a_rejected_row_of_somebody_erased_shows_its_line_and_no_more(room):
    path = room.write("a.csv", HEADER + says(A, "是") + says(B, "是"))
    room.contacts(path)
    erase_person(room.workspace, token(A), A)
    listed = room.contacts(path).reject_file.read_text("utf-8-sig")
    assert "已要求删除" in listed and "\n2," in listed
    assert A not in listed and "王小明" not in listed


def test_orders_of_somebody_erased_are_rejected(room):
    room.contacts(room.write("a.csv", HEADER + says(A, "是")))
    erase_person(room.workspace, token(A), A)
    done = room.orders(room.write("o.csv", f"手机号,订单号,支付时间,金额\n{A},D1,2026-01-05,5\n{B},D2,2026-01-05,5\n"))
    assert (done.counts.kept, done.counts.rejected_by_reason) == (1, {"erased": 1})
    assert room.rows("SELECT order_id FROM order_clean") == [("D2",)]


def test_orders_of_nobody_known_are_listed_with_their_rows(room):
    room.contacts(room.write("a.csv", "手机号,会员号\n" + f"{A},M1\n"))
    path = room.write("o.csv", "会员号,订单号,支付时间,金额\nM1,D1,2026-01-05,5\nM9,D2,2026-01-05,7.5\n")
    done = room.orders(path)
    assert (done.counts.kept, done.counts.rejected_by_reason) == (1, {"unknown_person": 1})
    listed = pl.read_csv(done.reject_file, infer_schema=False)
    assert listed.select("行号", "问题列", "会员号", "订单号", "金额").rows() == [("3", "会员号", "M9", "D2", "7.5")]


def test_a_vault_that_was_lost_is_filled_again_even_when_only_changes_are_asked_for(room, tmp_path):
    path = room.write("a.csv", HEADER + says(A, "是"))
    room.contacts(path, changed_only=True)
    (tmp_path / "state" / "vault.sqlite").unlink()
    done = room.contacts(path, changed_only=True)
    assert done.unchanged == 0
    assert Vault(tmp_path / "state" / "vault.sqlite", room.workspace.keys).read()["phone"].to_list() == [A]


def test_numbers_that_a_killed_import_left_in_the_vault_go_with_the_next_one(room):
    room.contacts(room.write("a.csv", HEADER + says(A, "是")))
    room.workspace.vault.settle()
    with pytest.raises(ZeroDivisionError), room.workspace.warehouse.write() as connection:
        importer = Importer(room.workspace, connection, room.gate, room.workspace.clock.now(), room.reference)
        path = room.write("b.csv", HEADER + says(B, "是") + says(C, "是") + says(A, "是"))
        opened = open_file(path, room.reference.headers)
        importer.contacts(opened, ImportOptions())
        raise ZeroDivisionError
    with room.workspace.ledger.write() as ledger:
        add_test_phone(ledger, TestPhone(token(C), "186****6000", "unicom", "mobile", "北京", "2026-01-01", "", 1))
    assert room.workspace.vault.read().height == 3
    room.contacts(room.write("c.csv", HEADER + says(A, "是", name="李")))
    assert sorted(room.workspace.vault.read()["phone"]) == [A, C], "a test phone is somebody's number too"
    assert room.workspace.vault.left_over().is_empty()


def test_every_night_only_what_changed_is_processed(room):
    rows = [says(f"1380013{number:04}", "是") for number in range(50)]
    room.contacts(room.write("会员-2026-11-20.csv", HEADER + "".join(rows) + "123,,,,,\n"), changed_only=True)
    rows[7] = says("13800130007", "否", "2026-11-20")
    done = room.contacts(
        room.write("会员-2026-11-21.csv", HEADER + "".join(rows) + says(A, "是") + "123,,,,,\n"), changed_only=True
    )
    assert (done.unchanged, done.counts.rows, done.merged) == (49, 3, MergeCounts(1, 1, 0))
    assert done.counts.rejected_by_reason == {"too_short": 1}, "a rejected row comes back until it is corrected"
    assert room.suppressed() == [(token("13800130007"), "marketing", "consent_withdrawn")]


def test_a_row_that_is_as_it_was_two_exports_ago_is_a_change(room):
    old, new = HEADER + says(A, "是", name="旧"), HEADER + says(A, "是", name="新")
    for text, unchanged in ((old, 0), (new, 0), (old, 0), (old, 1)):
        assert room.contacts(room.write("a.csv", text), changed_only=True).unchanged == unchanged
    assert room.rows("SELECT name FROM contact_clean") == [("旧",)]


def test_the_same_rows_under_another_statement_of_consent_are_a_change(room):
    path = room.write("a.csv", f"手机号\n{A}\n")
    room.contacts(path, changed_only=True)
    done = room.contacts(path, changed_only=True, consent=read_consent("门店 | 2026-01-01 | 营销"))
    assert done.unchanged == 0
    assert room.rows("SELECT consent FROM contact_clean") == [("granted",)]


def test_fingerprints_of_rows_are_kept_sealed(room):
    room.contacts(room.write("a.csv", f"手机号\n{A}\n"), changed_only=True)
    [(source, sealed)] = room.rows("SELECT source, sealed FROM row_seen")
    fingerprint = int(pl.Series([f"{A}\n".encode()]).hash(seed=1)[0]).to_bytes(8, "little")
    assert source == "a"
    assert fingerprint in room.workspace.keys.unseal(bytes(sealed), "rows:a:0")
    assert fingerprint not in bytes(sealed)


def test_a_mapping_names_foreign_columns_and_a_wrong_one_is_refused(room):
    path = room.write("a.csv", f"号,谁\n{A},王小明\n")
    with pytest.raises(UsageError, match="phone"):
        room.contacts(path)
    room.contacts(path, mapping={"phone": "号", "name": "谁"})
    assert room.rows("SELECT name FROM contact_clean") == [("王小明",)]
    with pytest.raises(UsageError, match="no such column"):
        room.contacts(path, mapping={"phone": "哪"})


def test_a_dirty_gbk_export_gives_its_answer_key_and_passes_the_real_gate(tmp_path, ledger, friday_ten, reference):
    class RealGate:
        """Runs the suite on the open transaction."""

        verdicts: tuple[str, ...] = ()

        def require(self, suite: Suite, subject: str, facts: dict[str, object]) -> None:
            result = check(self.connection, suite, subject, friday_ten, facts)
            result.raise_if_stopped()
            self.verdicts = (*self.verdicts, result.verdict)

    sample = generate_sample(SampleParameters(rows=4000, seed=3, now=friday_ten, encoding="gb18030"), tmp_path / "s")
    room = open_room(tmp_path, ledger, friday_ten, reference, RealGate())
    with room.workspace.warehouse.write() as connection:
        room.gate.connection = connection
        importer = Importer(room.workspace, connection, room.gate, friday_ten, reference)
        done = importer.contacts(open_file(sample.contacts, reference.headers), ImportOptions())
    key, counts = sample.key.candidates, done.counts
    assert (counts.rows, counts.extra_numbers, counts.kept, counts.merged, counts.alternates) == (
        key.rows, key.extra_numbers, key.kept, key.merged, key.alternates,
    )  # fmt: skip
    assert counts.rejected_by_reason == {reason: count for reason, count in key.rejected.items() if count}
    assert dict(room.rows("SELECT consent, count(*) FROM contact_clean GROUP BY 1")) == sample.key.people.by_consent
    assert room.gate.verdicts == ("passed",)
    orders = room.orders(sample.orders)
    assert orders.counts.kept == sample.key.orders.good
    assert str(room.rows("SELECT sum(amount) FROM order_clean")[0][0]) == sample.key.orders.revenue_cny
    assert room.stops(sample.do_not_contact).merged.new == sample.key.people.do_not_contact
