"""Each fault does what its name says, is on record, and follows from the seed; the judge sees what was recorded."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import httpx
import pytest

from chuda.providers.simulator.faults import FaultInjector
from chuda.providers.simulator.profile import REQUEST_FAULTS, Faults, Profile, Query, WorldProfile
from chuda.providers.simulator.world import World

CUT = (httpx.RemoteProtocolError, httpx.ReadError)


@pytest.mark.parametrize(
    ("fault", "error", "recorded"),
    [
        ("refuse", CUT, 0),
        ("reset", CUT, 0),
        ("hang_lost", CUT, 0),
        ("hang_before", None, 1),
        ("hang_after", None, 1),
        ("slow", None, 1),
    ],
)
def test_a_fault_of_the_connection(kit, fault, error, recorded):
    async def scenario():
        async with kit.served() as company:
            await company.control(script=[fault], faults={"hang_seconds": 0.05, "slow_seconds": 0.05})
            if error:
                with pytest.raises(error):
                    await company.send("p1-1", kit.phones(3))
            else:
                answer = await company.send("p1-1", kit.phones(3))
                assert [r["code"] for r in answer.json()["results"]] == ["OK"] * 3
            with company.judge() as judge:
                assert judge.count() == 3 * recorded
                assert judge.faults() == {fault: 1}
            assert (await company.send("p1-2", kit.phones(1))).status_code == 200

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("fault", "status", "recorded"),
    [("bad_gateway", 502, 0), ("bad_gateway_but_accepted", 502, 1), ("too_many", 429, 0), ("wrong_json", 200, 1)],
)
def test_a_fault_of_the_answer(kit, fault, status, recorded):
    async def scenario():
        async with kit.opened() as company:
            await company.control(script=[fault], faults={"retry_after_seconds": 7})
            answer = await company.send("p1-1", kit.phones(3))
            assert answer.status_code == status
            assert answer.headers.get("Retry-After") == ("7" if fault == "too_many" else None)
            with pytest.raises(ValueError, match=r"^Expecting value|^Unterminated"):
                answer.json()
            with company.judge() as judge:
                assert judge.count() == 3 * recorded
                assert judge.faults() == {fault: 1}

    asyncio.run(scenario())


@pytest.mark.parametrize("fault", ["accept_then_timeout", "hang_after"])
def test_a_client_that_gives_up_on_a_silent_company_was_accepted_all_the_same(kit, fault):
    async def scenario():
        async with kit.served() as company:
            await company.control(script=[fault], faults={"hang_seconds": 0.3})
            with pytest.raises(httpx.ReadTimeout):
                await company.client.post("/messages", content=kit.body_of("p1-1", kit.phones(2)), timeout=0.1)
            with company.judge() as judge:
                assert judge.by_message() == {"p1-1.0": 1, "p1-1.1": 1}

    asyncio.run(scenario())


@pytest.mark.parametrize(("is_definitive", "recorded"), [(True, 0), (False, 2)])
def test_what_a_definitive_query_calls_absent_never_arrives_later(kit, is_definitive, recorded):
    profile = Profile(blacklisted_share=0.0, query=Query(definitive=is_definitive))

    async def scenario():
        async with kit.served(profile) as company:
            await company.control(script=["hang_before"], faults={"hang_seconds": 0.3})
            with pytest.raises(httpx.ReadTimeout):
                await company.client.post("/messages", content=kit.body_of("p1-1", kit.phones(2)), timeout=0.1)
            found = (await company.client.get("/messages", params={"batch_id": "p1-1"})).json()["results"]
            assert found == []
            await asyncio.sleep(0.4)
            with company.judge() as judge:
                assert judge.count() == recorded

    asyncio.run(scenario())


def test_only_what_still_waits_is_thrown_away():
    injector = FaultInjector(World(1, WorldProfile()), Faults())
    recorded, waiting, also_waiting = (injector.let_wait("p1-1") for _ in range(3))
    other = injector.let_wait("p1-2")
    injector.forget("p1-1", recorded)
    injector.void("p1-1")
    assert [w.is_void for w in (recorded, waiting, also_waiting, other)] == [False, True, True, False]


def test_an_in_process_client_sees_a_cut_connection_as_an_error(kit):
    async def scenario():
        async with kit.opened() as company:
            await company.control(script=["reset"])
            with pytest.raises(ConnectionResetError):
                await company.send("p1-1", kit.phones(1))

    asyncio.run(scenario())


def _meeting(seed, order):
    """Which fault each of 300 bodies meets, first and second time, when they come in this order."""
    faults = Faults(reset=0.1, slow=0.1, wrong_json=0.1)
    injector = FaultInjector(World(seed, WorldProfile()), faults)
    return {(number, turn): injector.choose_for_request(str(number).encode()) for turn in (1, 2) for number in order}


def test_faults_follow_from_seed_and_body_not_from_the_order_of_arrival():
    forwards, backwards = _meeting(1, range(300)), _meeting(1, range(299, -1, -1))
    assert forwards == backwards
    assert _meeting(2, range(300)) != forwards


def test_a_repeated_request_gets_a_new_chance_and_shares_are_kept():
    met = _meeting(1, range(300))
    firsts = [met[number, 1] for number in range(300)]
    seconds = [met[number, 2] for number in range(300)]
    assert firsts != seconds
    for kind in ("reset", "slow", "wrong_json"):
        assert 30 <= (firsts + seconds).count(kind) <= 90


def test_refusals_do_not_take_from_the_other_faults():
    injector = FaultInjector(World(1, WorldProfile()), Faults(refuse=0.5, reset=0.25, slow=0.25))
    met = ["refuse" if injector.refuses() else injector.choose_for_request(str(n).encode()) for n in range(1000)]
    assert None not in met
    assert abs(met.count("refuse") - 500) < 60
    assert abs(met.count("reset") - met.count("slow")) < 60


def test_faults_by_probability_meet_every_kind_and_all_are_on_record(kit):
    shares = dict.fromkeys(REQUEST_FAULTS, 0.08)
    faults = Faults(**shares, hang_seconds=0.0, slow_seconds=0.0)
    profile = Profile(blacklisted_share=0.0, faults=faults)

    async def scenario():
        async with kit.served(profile) as company:

            async def send(number):
                content = kit.body_of(f"p1-{number}", kit.phones(1))
                with suppress(httpx.HTTPError):
                    await company.client.post("/messages", content=content, timeout=0.5)

            await asyncio.gather(*[send(number) for number in range(150)])
            state = (await company.client.get("/control")).json()
            assert set(state["injected"]) == set(REQUEST_FAULTS)
            with company.judge() as judge:
                assert judge.faults() == state["injected"]
            assert len(state["log"]) == sum(state["injected"].values())
            assert {entry["fault"] for entry in state["log"]} == set(REQUEST_FAULTS)
            assert all(e["reference"].startswith("p1-") for e in state["log"] if e["fault"] != "refuse")

    asyncio.run(scenario())


def test_control_refuses_what_it_does_not_know_and_changes_nothing(kit):
    async def scenario():
        async with kit.opened() as company:
            before = (await company.client.get("/control")).json()
            for orders in (
                {"faults": {"explode": 0.5}}, {"faults": {"reset": 1.5}}, {"faults": {"reset": 0.6, "slow": 0.6}},
                {"limits": {"parts_per_second": -1}}, {"script": ["explode"]}, {"other": 1},
            ):  # fmt: skip
                assert (await company.client.post("/control", json=orders)).status_code == 400
            assert (await company.client.get("/control")).json() == before

    asyncio.run(scenario())


def test_control_sets_limits_at_run_time(kit):
    async def scenario():
        async with kit.opened() as company:
            await company.control(limits={"requests_per_second": 1})
            assert (await company.send("p1-1", kit.phones(1))).status_code == 200
            assert (await company.send("p1-2", kit.phones(1))).status_code == 429
            await company.control(limits={"requests_per_second": None})
            assert (await company.send("p1-2", kit.phones(1))).status_code == 200

    asyncio.run(scenario())


def _receipts_with(kit, **faults):
    profile = Profile(blacklisted_share=0.0, faults=Faults(**faults))

    async def scenario():
        async with kit.opened(profile) as company:
            await company.send("p1-1", kit.phones(100))
            await company.advance(hours=1)
            early = await company.read_all("/receipts", limit=7)
            await company.advance(days=4)
            late = await company.read_all("/receipts", limit=7)
            state = (await company.client.get("/control")).json()
            found = (await company.client.get("/messages", params={"batch_id": "p1-1"})).json()["results"]
            return early, late, state["injected"], found

    return asyncio.run(scenario())


def test_duplicated_receipts_are_shown_twice(kit):
    _, late, injected, _ = _receipts_with(kit, receipt_duplicate=0.3)
    extra = len(late) - len({r["message_id"] for r in late})
    assert extra == injected["receipt_duplicate"]
    assert 15 <= extra <= 45


def test_a_receipt_shown_twice_is_counted_once_in_the_statistics(kit):
    profile = Profile(blacklisted_share=0.0, faults=Faults(receipt_duplicate=0.5, receipt_lost=0.2))

    async def scenario():
        async with kit.opened(profile) as company:
            await company.send("p1-1", kit.phones(100))
            await company.advance(days=3)
            found = (await company.client.get("/messages", params={"batch_id": "p1-1"})).json()["results"]
            totals = (await company.client.get("/statistics", params={"day": "2026-11-20"})).json()
            assert totals["delivered"] == sum(f["status"] == "delivered" for f in found)
            assert totals["failed"] == sum(f["status"] == "failed" for f in found)

    asyncio.run(scenario())


def test_lost_receipts_never_come_but_the_query_knows(kit):
    _, late, injected, found = _receipts_with(kit, receipt_lost=0.3)
    known = {f["message_id"] for f in found if f["status"] != "accepted"}
    assert len(known) - len(late) == injected["receipt_lost"]
    assert 15 <= injected["receipt_lost"] <= 45


def test_late_receipts_come_hours_after_what_they_report(kit):
    early, late, injected, _ = _receipts_with(kit, receipt_late=1.0)
    assert injected["receipt_late"] == len(late) > 95
    assert len(early) < 40
    assert {r["message_id"] for r in late if r["reported_at"] < "2026-11-20T12:01"} > {r["message_id"] for r in early}


def test_without_faults_receipts_are_in_the_order_of_their_times(kit):
    _, ordered, _, _ = _receipts_with(kit)
    times = [r["reported_at"] for r in ordered]
    assert times == sorted(times)


def test_reordered_receipts_are_shown_out_of_order_and_none_is_lost(kit):
    _, late, injected, found = _receipts_with(kit, receipt_reorder=0.5)
    times = [r["reported_at"] for r in late]
    assert times != sorted(times)
    assert injected["receipt_reorder"] > 0
    assert {r["message_id"] for r in late} == {f["message_id"] for f in found if f["status"] != "accepted"}
