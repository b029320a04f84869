"""Sealing: the weekly cap holds over campaigns made at the same time, and the erased are not messaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import polars as pl
import pytest
from fakes import phones, put_release

from chuda.clock import to_us
from chuda.keys import Keys
from chuda.stores.ledger import Ledger
from chuda.stores.ledger.feedback import ReceiptRow, append_events
from chuda.stores.ledger.releases import (
    Release,
    marketing_releases_between,
    reserved_tokens,
    state_counts,
)
from chuda.stores.ledger.short_links import KeptLink, find_link, keep_links
from chuda.stores.vault import Vault
from tasks.dispatch.sealing import PlannedRelease, ShortLinks, seal_release

WEEK = 7 * 24 * 3600 * 1_000_000


def planned(keys: Keys, now: datetime, people: Sequence[str], before: int = 0, seen=frozenset()) -> PlannedRelease:
    """A release of plan p9 that was planned when everybody had `before` messages of the releases `seen`."""
    release = Release("p9-1", "p9", "hash-p9", "winter", "2026-11-20", "marketing", "demo", "{}", len(people),
                      len(people), to_us(now), to_us(now + timedelta(hours=10)), 480, 1260, to_us(now))  # fmt: skip
    messages = pl.DataFrame({
        "token": [keys.token(p) for p in people], "text": "【橙柚生活】您好 拒收请回复R", "parts": 1,
        "batch_id": [f"p9-1-{n // 10}" for n in range(len(people))], "position": [n % 10 for n in range(len(people))],
        "messages_before": before,
    })  # fmt: skip
    return PlannedRelease(release, messages, frozenset(seen), 3)


@pytest.fixture
def vault(tmp_path, keys):
    vault = Vault(tmp_path / "vault.sqlite", keys)
    everybody = phones(30)
    vault.append(pl.DataFrame({"token": [keys.token(p) for p in everybody], "phone": everybody}))
    return vault


def seal(ledger: Ledger, keys: Keys, vault: Vault, release: PlannedRelease) -> dict[str, int]:
    with ledger.write() as connection:
        seal_release(connection, release, vault, keys)
    with ledger.read() as connection:
        return state_counts(connection, "p9")


def test_campaigns_planned_at_the_same_time_do_not_add_up_to_a_fourth_message(ledger, keys, vault, friday_ten):
    mine = planned(keys, friday_ten, phones(20), before=1)
    put_release(ledger, keys, friday_ten, people=phones(10), plan_id="other1", occurrence="a")
    put_release(ledger, keys, friday_ten, people=phones(5), plan_id="other2", occurrence="b")
    assert seal(ledger, keys, vault, mine) == {"planned": 15, "suppressed": 5}


def test_what_was_counted_at_planning_is_not_counted_again(ledger, keys, vault, friday_ten):
    put_release(ledger, keys, friday_ten, people=phones(10), plan_id="other1", occurrence="a")
    mine = planned(keys, friday_ten, phones(10), before=2, seen={"other1-1"})
    assert seal(ledger, keys, vault, mine) == {"planned": 10}


def test_messages_of_another_week_do_not_count(ledger, keys, vault, friday_ten):
    put_release(ledger, keys, friday_ten - timedelta(days=9), people=phones(10), plan_id="old", occurrence="a")
    assert seal(ledger, keys, vault, planned(keys, friday_ten, phones(10), before=2)) == {"planned": 10}


def test_whoever_was_erased_since_planning_gets_nothing(ledger, keys, vault, friday_ten):
    vault.erase([keys.token(phones(3)[1])])
    assert seal(ledger, keys, vault, planned(keys, friday_ten, phones(10))) == {"planned": 9, "suppressed": 1}


def test_sealing_again_changes_nothing(ledger, keys, vault, friday_ten):
    mine = planned(keys, friday_ten, phones(10))
    seal(ledger, keys, vault, mine)
    assert seal(ledger, keys, vault, mine) == {"planned": 10}


def test_failed_and_rejected_messages_do_not_count_towards_the_cap(ledger, keys, friday_ten):
    put_release(ledger, keys, friday_ten, people=phones(10), plan_id="other", occurrence="a")
    failed, both = keys.token(phones(10)[2]), keys.token(phones(10)[3])
    with ledger.write() as connection:
        connection.exec_driver_sql("UPDATE batch SET state = 'accepted'")
        append_events(connection, [
            ReceiptRow("demo", "other-1-0", 2, failed, "failed", "MK:0001", 1, 1, 1),
            ReceiptRow("demo", "other-1-0", 3, both, "failed", "MK:0001", 1, 1, 1),
            ReceiptRow("demo", "other-1-0", 3, both, "delivered", "DELIVRD", 1, 2, 2),
        ])  # fmt: skip
        connection.exec_driver_sql(
            "INSERT INTO message_exception VALUES ('other-1-0', 4, 'rejected', 'INVALID_NUMBER', 0)"
        )
        counts = reserved_tokens(connection, {"other-1"})
    assert failed not in counts
    assert keys.token(phones(10)[4]) not in counts
    assert counts[both] == 1
    assert sum(counts.values()) == 8


def test_a_finished_release_counts_from_when_it_really_left(ledger, keys, friday_ten):
    release = put_release(ledger, keys, friday_ten, people=phones(10), plan_id="other", occurrence="a", hours=72)
    later = to_us(friday_ten + timedelta(days=8))
    with ledger.write() as connection:
        assert marketing_releases_between(connection, later - WEEK, later) == {release.release_id}
        connection.exec_driver_sql("UPDATE batch SET state = 'accepted'")
        connection.exec_driver_sql(
            "INSERT INTO attempt (batch_id, number, release_id, owner, epoch, size, parts, intent_us, outcome) "
            f"VALUES ('other-1-0', 1, 'other-1', 'me', 1, 10, 10, {to_us(friday_ten)}, 'accepted')"
        )
        assert marketing_releases_between(connection, later - WEEK, later) == set()


def test_a_code_that_another_message_holds_is_not_sent_to_lead_there(ledger, keys, vault, friday_ten):
    codes = [f"Code{n:06d}" for n in range(4)]
    mine = planned(keys, friday_ten, phones(4))
    texts = pl.Series("text", [f"【橙柚生活】点 https://s.example/{code} 拒收请回复R" for code in codes])
    links = ShortLinks("https://s.example", "https://shop.example/new")
    mine = replace(mine, messages=mine.messages.with_columns(texts), links=links)
    with ledger.write() as connection:
        keep_links(connection, "demo", "https://shop.example/old", [KeptLink(codes[1], "old-1-0", 3)])
    assert seal(ledger, keys, vault, mine) == {"planned": 3, "suppressed": 1}
    assert seal(ledger, keys, vault, mine) == {"planned": 3, "suppressed": 1}
    with ledger.read() as connection:
        found = [find_link(connection, code) for code in codes]
    assert [(link.batch_id, link.position, link.target[-3:]) for link in found] == [
        ("p9-1-0", 0, "new"), ("old-1-0", 3, "old"), ("p9-1-0", 2, "new"), ("p9-1-0", 3, "new"),
    ]  # fmt: skip
