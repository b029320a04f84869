"""The judge: catches a second acceptance however it came about, and reads a record nobody has open."""

from __future__ import annotations

import asyncio
import stat

import pytest

from chuda.errors import UsageError
from chuda.providers.simulator.judge import Judge, plan_of
from chuda.providers.simulator.record import FILE_NAME


def _after(kit, *batches):
    """The judge after these (batch id, phones) were sent."""

    async def scenario():
        async with kit.opened() as company:
            for batch_id, phones in batches:
                assert (await company.send(batch_id, phones)).status_code == 200

    asyncio.run(scenario())
    return Judge.open(kit.home)


def test_a_plan_without_repetition_has_no_duplicates(kit):
    with _after(
        kit, ("p1-1", kit.phones(5)), ("p1-2", kit.phones(5, first=13900000000)), ("p2-1", kit.phones(5))
    ) as judge:
        assert judge.duplicates() == []
        assert judge.count() == judge.parts() == 15
        assert set(judge.by_phone().values()) == {1, 2}


def test_the_same_batch_accepted_twice_is_caught(kit):
    with _after(kit, ("p1-1", kit.phones(3)), ("p1-1", kit.phones(1))) as judge:
        (duplicate,) = judge.duplicates()
        assert (duplicate.plan_id, duplicate.phone) == ("p1", kit.phones(1)[0])
        assert duplicate.message_ids == ("p1-1.0", "p1-1.0")
        assert judge.by_message()["p1-1.0"] == 2


def test_the_same_phone_in_another_batch_of_the_plan_is_caught(kit):
    with _after(kit, ("p1-1", kit.phones(3)), ("p1-2", kit.phones(3)[2:])) as judge:
        assert [d.message_ids for d in judge.duplicates()] == [("p1-1.2", "p1-2.0")]


def test_the_same_phone_twice_in_one_request_is_caught(kit):
    with _after(kit, ("p1-1", [*kit.phones(2), *kit.phones(1)])) as judge:
        assert len(judge.duplicates()) == 1


def test_a_duplicate_does_not_print_the_number(kit):
    with _after(kit, ("p1-1", kit.phones(1) * 2)) as judge:
        assert kit.phones(1)[0] not in repr(judge.duplicates()) + repr(judge.all())


def test_what_counts_as_one_plan_can_be_told(kit):
    batches = (("spring-a-1", kit.phones(1)), ("spring-b-1", kit.phones(1)))
    with _after(kit, *batches) as judge:
        assert judge.duplicates() == []
    with Judge.open(kit.home, plan_of=lambda batch_id: batch_id.split("-")[0]) as judge:
        assert [d.plan_id for d in judge.duplicates()] == ["spring"]


@pytest.mark.parametrize(
    ("batch_id", "plan_id"),
    [("p1-1", "p1"), ("p1-2-17", "p1"), ("autumn-20261120-1-0", "autumn-20261120"), ("spring-b-3", "spring-b"),
     ("single", "single")],
)  # fmt: skip
def test_the_plan_is_the_batch_id_without_the_numbers_of_release_and_batch(batch_id, plan_id):
    assert plan_of(batch_id) == plan_id


def test_a_phone_in_two_releases_of_one_plan_is_caught(kit):
    with _after(kit, ("p1-1-0", kit.phones(2)), ("p1-2-0", kit.phones(1))) as judge:
        assert [d.message_ids for d in judge.duplicates()] == [("p1-1-0.0", "p1-2-0.0")]


def test_the_busiest_second_is_any_second(kit):
    async def scenario():
        async with kit.opened() as company:
            for number, wait in enumerate((0.0, 0.6, 0.399999, 5.0, 0.1)):
                await company.advance(seconds=wait)
                await company.send(f"p1-{number}", kit.phones(10 + number))

    asyncio.run(scenario())
    with Judge.open(kit.home) as judge:
        assert judge.busiest_second() == 10 + 11 + 12


def test_one_batch_and_one_phone_can_be_looked_up(kit):
    with _after(kit, ("p1-1", kit.phones(2)), ("p2-1", kit.phones(1))) as judge:
        assert [a.message_id for a in judge.of_batch("p1-1")] == ["p1-1.0", "p1-1.1"]
        assert [a.batch_id for a in judge.of_phone(kit.phones(1)[0])] == ["p1-1", "p2-1"]
        assert judge.of_batch("p1-1")[0].message_type == "marketing"


def test_the_judge_cannot_change_the_record(kit):
    with _after(kit, ("p1-1", kit.phones(1))) as judge, pytest.raises(Exception, match="readonly"):
        judge._connection.execute("delete from submission")


def test_the_judge_says_so_where_there_is_no_record(tmp_path):
    with pytest.raises(UsageError, match="no simulator has written"):
        Judge.open(tmp_path)


def test_only_the_owner_may_read_the_record(kit):
    _after(kit, ("p1-1", kit.phones(1))).close()
    assert stat.S_IMODE(kit.home.stat().st_mode) == 0o700
    assert stat.S_IMODE((kit.home / FILE_NAME).stat().st_mode) == 0o600
