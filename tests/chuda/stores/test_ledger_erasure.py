"""Erasure after sealing: the number leaves the batches, the state is recorded, nobody else notices."""

from __future__ import annotations

import pytest
from fakes import phones, put_release
from sqlalchemy import text

from chuda.clock import to_us
from chuda.sealing import unseal_messages
from chuda.stores.ledger.erasure import erase_people, erased_tokens
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
