"""Erasure after sealing: the number leaves the batches, the state is recorded, nobody else notices."""

from __future__ import annotations

import pytest
from fakes import phones, put_release
from sqlalchemy import text

from chuda.clock import to_us
from chuda.sealing import unseal_messages
from chuda.stores.ledger.erasure import erase_people, erased_tokens
from chuda.stores.ledger.notices import (
    Notice,
    add_intent,
    adopt_orphan_notices,
    forget_notices,
    notice_counts,
    settle_notice,
    unknown_notices,
)
from chuda.stores.ledger.queue import Reject, append_rejects, forget_in_rejects
from chuda.stores.ledger.releases import state_counts


def sealed(ledger, keys, batch_id: str) -> tuple[list[str], list[str]]:
    with ledger.read() as connection:
        blob = connection.execute(text("SELECT sealed FROM batch WHERE batch_id = :id"), {"id": batch_id}).scalar_one()
    return unseal_messages(keys, batch_id, blob)


def erase(ledger, keys, now, *people: str):
    with ledger.write() as connection:
        return erase_people(connection, keys, [keys.token(phone) for phone in people], "manual", to_us(now))


def states(ledger) -> dict[str, int]:
    with ledger.read() as connection:
        return state_counts(connection, "p1")


def test_number_and_text_leave_the_sealed_batch_and_the_others_stay(ledger, keys, friday_ten):
    everybody = phones(25)
    put_release(ledger, keys, friday_ten, people=everybody)
    done = erase(ledger, keys, friday_ten, everybody[12])
    assert (done.messages, done.withdrawn) == (1, 1)
    numbers, texts = sealed(ledger, keys, "p1-1-1")
    assert numbers == [*everybody[10:12], "", *everybody[13:20]]
    assert texts[2] == "" and all(texts[:2] + texts[3:])
    assert sealed(ledger, keys, "p1-1-0")[0] == everybody[:10]


def test_the_persons_state_is_recorded_and_the_plan_still_adds_up(ledger, keys, friday_ten):
    put_release(ledger, keys, friday_ten, people=phones(25))
    erase(ledger, keys, friday_ten, phones(25)[12])
    assert states(ledger) == {"planned": 24, "suppressed": 1}


def test_a_batch_that_loses_everybody_is_closed_and_purged(ledger, keys, friday_ten):
    put_release(ledger, keys, friday_ten, people=phones(4), batch_size=2)
    erase(ledger, keys, friday_ten, *phones(2))
    with ledger.read() as connection:
        rows = connection.execute(text("SELECT state, sealed IS NULL FROM batch ORDER BY seq")).all()
    assert [tuple(row) for row in rows] == [("suppressed", 1), ("planned", 0)]


@pytest.mark.parametrize("state", ["intent", "unknown"])
def test_a_message_that_may_have_left_keeps_its_state_but_not_its_number(state, ledger, keys, friday_ten):
    put_release(ledger, keys, friday_ten, people=phones(3))
    with ledger.write() as connection:
        connection.execute(text("UPDATE batch SET state = :state"), {"state": state})
    done = erase(ledger, keys, friday_ten, phones(3)[1])
    assert (done.messages, done.withdrawn) == (1, 0)
    assert states(ledger) == {state: 3}
    assert sealed(ledger, keys, "p1-1-0")[0][1] == ""


def test_an_acceptance_on_record_is_not_overwritten(ledger, keys, friday_ten):
    put_release(ledger, keys, friday_ten, people=phones(3))
    with ledger.write() as connection:
        connection.execute(text("UPDATE batch SET state = 'not_sent'"))
        connection.execute(text("INSERT INTO message_exception VALUES ('p1-1-0', 1, 'accepted', 'receipt', 1)"))
    erase(ledger, keys, friday_ten, phones(3)[1])
    assert states(ledger) == {"accepted": 1, "not_sent": 2}


def test_what_remains_is_a_tombstone_and_doing_it_again_changes_nothing(ledger, keys, friday_ten):
    put_release(ledger, keys, friday_ten, people=phones(3))
    with ledger.write() as connection:
        connection.execute(
            text("INSERT INTO reply (channel, token, text, kind, replied_us, received_us) "
                 "VALUES ('demo', :token, '我是王小明', 'other', 1, 1)"), {"token": keys.token(phones(3)[0])}
        )  # fmt: skip
    first = erase(ledger, keys, friday_ten, phones(3)[0])
    again = erase(ledger, keys, friday_ten, phones(3)[0])
    assert (first.replies, again.replies, again.messages, again.withdrawn) == (1, 0, 0, 0)
    with ledger.read() as connection:
        assert erased_tokens(connection) == [keys.token(phones(3)[0])]
        assert connection.execute(text("SELECT count(*) FROM suppression")).scalar_one() == 1
        assert connection.execute(text("SELECT text FROM reply")).scalar_one() == ""


def rows_of(ledger, query: str) -> list[tuple[object, ...]]:
    with ledger.read() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_words_leave_everything_that_is_kept_to_be_counted(any_ledger, keys, friday_ten):
    gone, other = (keys.token(phone) for phone in phones(2))
    with any_ledger.write() as connection:
        for token in (gone, other):
            for table, names, values in (
                ("complaint", "token, shown, channel, source, text, complained_us, received_us, deadline_us",
                 ":token, '138****0000', '', 'hotline', '我是王小明', 1, 1, 2"),
                ("scanner_click", "channel, batch_id, position, token, agent, clicked_us",
                 "'demo', 'b', 0, :token, 'curl', 1"),
                ("feed_reject", "channel, feed, reason, shown, received_us",
                 "'demo', 'replies', 'x', 'id ' || :token || ' 你好', 1"),
                ("answer", "campaign_id, keyword, token, plan_id, release_id, text, state, asked_us",
                 "'c', '1', :token, 'p', 'p-1', '券码', 'waiting', 1"),
                ("answer", "campaign_id, keyword, token, plan_id, release_id, text, state, asked_us",
                 "'c', '2', :token, 'p', 'p-1', '券码', 'sealed', 1"),
            ):  # fmt: skip
                connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({values})"), {"token": token})
        erase_people(connection, keys, [gone], "manual", to_us(friday_ten))
    for query, left, kept in (
        ("SELECT shown, text FROM complaint ORDER BY id", [("", "")], [("138****0000", "我是王小明")]),
        ("SELECT agent FROM scanner_click ORDER BY id", [("",)], [("curl",)]),
        ("SELECT shown FROM feed_reject ORDER BY id", [("",)], [(f"id {other} 你好",)]),
        (f"SELECT text, state FROM answer ORDER BY CASE token WHEN '{gone}' THEN 0 ELSE 1 END, keyword",
         [("", "dropped"), ("", "sealed")], [("券码", "waiting"), ("券码", "sealed")]),
    ):  # fmt: skip
        assert rows_of(any_ledger, query) == left + kept


@pytest.mark.parametrize(
    ("phone", "shown"),
    [("13800138000", "138****8000 退订"), ("+85291234567", "852****4567 hi"), ("+85291234567", "+85****4567 hi")],
)
def test_what_rejects_show_of_a_number_is_blanked_and_of_nobody_else(any_ledger, phone, shown):
    with any_ledger.write() as connection:
        append_rejects(connection, [Reject("demo", "replies", "x", said, 1) for said in (shown, "139****0002 您好")])
        assert forget_in_rejects(connection, phone) == 1
    assert rows_of(any_ledger, "SELECT shown FROM feed_reject ORDER BY id") == [("",), ("139****0002 您好",)]


def test_an_unknown_notice_of_the_erased_is_closed_and_one_on_its_way_is_when_it_becomes_unknown(any_ledger):
    with any_ledger.write() as connection:
        for name, who in (("unknown", "a"), ("late", "a"), ("orphan", "a"), ("told", "a"), ("other", "b")):
            add_intent(connection, Notice(name, who, "demo", "otp", "t", 1, 1, b"sealed"))
        for name in ("unknown", "other"):
            settle_notice(connection, name, "unknown", "timeout", 2)
        forget_notices(connection, ["a"])
        settle_notice(connection, "late", "unknown", "timeout", 3)
        settle_notice(connection, "told", "accepted", "", 3)
        assert adopt_orphan_notices(connection, 4, 4) == 1
        assert [notice.notice_id for notice in unknown_notices(connection, "demo", 5)] == ["other"]
        assert notice_counts(connection) == {"accepted": 1, "unconfirmed": 3, "unknown": 1}
    assert rows_of(any_ledger, "SELECT notice_id FROM notice WHERE sealed IS NOT NULL") == [("other",)]
