"""The generic protocol: what is accepted, what is refused and by what code, what can be asked."""

from __future__ import annotations

import asyncio
from datetime import datetime
from decimal import Decimal

import httpx
import pytest

from chuda.clock import BUSINESS_ZONE
from chuda.providers.generic import GenericProvider
from chuda.providers.protocol import OutgoingMessage
from chuda.providers.simulator.app import build_app
from chuda.providers.simulator.profile import Limits, Profile, Query, WorldProfile
from chuda.providers.simulator.rules import IncomingMessage


def test_accepted_messages_are_answered_in_order_with_number_and_parts(kit):
    async def scenario():
        async with kit.opened() as company:
            answer = await company.send("p1-1", kit.phones(3))
            assert answer.status_code == 200
            results = answer.json()["results"]
            assert [r["message_id"] for r in results] == ["p1-1.0", "p1-1.1", "p1-1.2"]
            assert {r["code"] for r in results} == {"OK"}
            assert {r["parts"] for r in results} == {1}
            with company.judge() as judge:
                assert [a.provider_message_id for a in judge.all()] == [r["provider_message_id"] for r in results]
                assert [a.text for a in judge.all()] == [kit.text] * 3

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"phone": "138001"}, "INVALID_NUMBER"),
        ({"phone": "14412345678"}, "INVALID_NUMBER"),
        ({"phone": "17491234567"}, "INVALID_NUMBER"),
        ({"phone": "１３８００１３８０００"}, "INVALID_NUMBER"),
        ({"phone": "+12025550123"}, "INVALID_NUMBER"),
        ({"phone": "13800000009"}, "MOBILE_IN_BLACK"),
        ({"text": ""}, "CONTENT_ERROR"),
        ({"text": "【触达科技】" + "字" * 495}, "CONTENT_ERROR"),
        ({"text": "没有签名 拒收请回复R"}, "SIGNBLOCKED"),
        ({"text": "【触达科技】代开发票 拒收请回复R"}, "CONTENT_KEYWORD"),
        ({"type": "spam"}, "INVALID_TYPE"),
        ({"phone": "+85291234567"}, "OK"),
        ({"text": "新品八折【触达科技】"}, "OK"),
    ],
)
def test_a_bad_message_is_refused_by_code_and_the_others_go_through(kit, change, code):
    profile = Profile(blacklisted_share=0.0, blacklist=("13800000009",))

    async def scenario():
        async with kit.opened(profile) as company:
            good = {"message_id": "p1-1.0", "phone": "13900000001", "text": kit.text, "type": "marketing"}
            bad = {**good, "message_id": "p1-1.1", "phone": "13900000002", **change}
            last = {**good, "message_id": "p1-1.2", "phone": "13900000003"}
            body = {"batch_id": "p1-1", "messages": [good, bad, last]}
            results = (await company.client.post("/messages", json=body)).json()["results"]
            assert [r["code"] for r in results] == ["OK", code, "OK"]
            with company.judge() as judge:
                numbers = {a.message_id: a.provider_message_id for a in judge.all()}
            assert numbers == {r["message_id"]: r["provider_message_id"] for r in results if r["code"] == "OK"}

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("hour", "message_type", "code"),
    [(7, "marketing", "1029"), (8, "marketing", "OK"), (21, "marketing", "OK"), (22, "marketing", "1029"),
     (3, "otp", "OK"), (23, "notification", "OK")],
)  # fmt: skip
def test_marketing_is_refused_outside_the_hours_of_the_companys_clock(kit, hour, message_type, code):
    async def scenario():
        async with kit.opened(moment=datetime(2026, 11, 20, hour, 59, tzinfo=BUSINESS_ZONE)) as company:
            answer = await company.send("p1-1", kit.phones(1), type=message_type)
            assert answer.json()["results"][0]["code"] == code

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "content",
    [b"not json", b"[]", b'{"batch_id": "p1-1"}', b'{"batch_id": "p1-1", "messages": []}',
     b'{"batch_id": "p1-1", "messages": [{"message_id": "p1-1.0", "phone": 13800000000}]}'],
)  # fmt: skip
def test_a_malformed_request_is_refused_whole_and_names_no_number(kit, content):
    async def scenario():
        async with kit.opened() as company:
            answer = await company.client.post("/messages", content=content)
            assert answer.status_code == 400
            assert answer.json()["code"]
            assert "13800000000" not in answer.text

    asyncio.run(scenario())


def test_more_messages_than_a_request_may_carry_are_refused_whole(kit):
    async def scenario():
        async with kit.opened() as company:
            assert (await company.send("p1-1", kit.phones(100))).status_code == 200
            assert (await company.send("p1-2", kit.phones(101))).status_code == 400
            with company.judge() as judge:
                assert judge.count() == 100

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/messages"), ("GET", "/messages?batch_id=p"), ("GET", "/receipts"), ("GET", "/replies"),
     ("GET", "/clicks"), ("GET", "/orders"), ("GET", "/balance"), ("GET", "/statistics?day=2026-11-20"),
     ("GET", "/control"), ("POST", "/control")],
)  # fmt: skip
def test_every_endpoint_wants_the_token(kit, method, path):
    async def scenario():
        async with kit.opened() as company:
            answer = await company.client.request(method, path, headers={"Authorization": "Bearer wrong"})
            assert answer.status_code == 401

    asyncio.run(scenario())


def test_a_rate_above_the_limit_is_answered_429_until_a_second_has_passed(kit):
    profile = Profile(blacklisted_share=0.0, limits=Limits(parts_per_second=20))

    async def scenario():
        async with kit.opened(profile) as company:
            assert (await company.send("p1-1", kit.phones(15))).status_code == 200
            refused = await company.send("p1-2", kit.phones(6))
            assert refused.status_code == 429
            assert refused.headers["Retry-After"] == "1"
            assert (await company.send("p1-3", kit.phones(5))).status_code == 200
            await company.advance(seconds=1)
            assert (await company.send("p1-2", kit.phones(6))).status_code == 200
            with company.judge() as judge:
                assert judge.busiest_second() == 20

    asyncio.run(scenario())


def test_the_query_knows_every_acceptance_and_nothing_else(kit):
    async def scenario():
        async with kit.opened() as company:
            await company.send("p1-1", kit.phones(2))
            await company.send("p1-1", kit.phones(1))
            found = (await company.client.get("/messages", params={"batch_id": "p1-1"})).json()["results"]
            assert [(f["message_id"], f["status"]) for f in found] == [
                ("p1-1.0", "accepted"), ("p1-1.1", "accepted"), ("p1-1.0", "accepted"),
            ]  # fmt: skip
            absent = (await company.client.get("/messages", params={"batch_id": "p1-2"})).json()
            assert absent == {"results": []}
            assert (await company.client.get("/messages")).status_code == 400

    asyncio.run(scenario())


def test_the_query_tells_what_the_receipts_tell(kit):
    async def scenario():
        async with kit.opened() as company:
            await company.send("p1-1", kit.phones(100))
            await company.advance(days=3)
            found = (await company.client.get("/messages", params={"batch_id": "p1-1"})).json()["results"]
            receipts = {r["message_id"]: (r["status"], r["code"]) for r in await company.read_all("/receipts")}
            reported = {f["message_id"]: (f["status"], f["code"]) for f in found if f["status"] != "accepted"}
            assert reported == receipts
            assert len(receipts) > 95

    asyncio.run(scenario())


def test_the_query_sees_what_is_not_even_committed_yet(kit):
    async def scenario():
        async with kit.opened() as company:
            message = IncomingMessage("p1-1.0", kit.phones(1)[0], kit.text, "marketing")
            accepting = asyncio.create_task(company.provider.accept("p1-1", [message]))
            await asyncio.sleep(0)  # it has been taken in and waits for its commit
            assert [f.message_id for f in company.provider.find("p1-1")] == ["p1-1.0"]
            await accepting

    asyncio.run(scenario())


def test_chudas_own_adapter_and_the_company_understand_each_other(kit):
    async def scenario():
        async with kit.opened(
            Profile(blacklisted_share=0.0, world=WorldProfile(click_rate=0.9, opt_out_rate=0.3))
        ) as company:
            app = build_app(company.provider, kit.token)
            adapter = GenericProvider("http://simulator", kit.token, httpx.ASGITransport(app))
            messages = [OutgoingMessage(f"p1-1.{n}", phone, kit.text) for n, phone in enumerate(kit.phones(20))]
            sent = await adapter.send("p1-1", [*messages, OutgoingMessage("p1-1.20", "138", kit.text)])
            assert [sent.results[f"p1-1.{n}"].state for n in range(21)] == ["accepted"] * 20 + ["rejected"]
            assert set(await adapter.find("p1-1", messages, company.clock.now())) == {m.message_id for m in messages}
            await company.advance(days=8)
            receipts, replies, clicks = await adapter.receipts(""), await adapter.replies(""), await adapter.clicks("")
            assert {r.message_id for r in receipts.items} == {m.message_id for m in messages}
            assert replies.items and clicks.items
            assert not (await adapter.clicks(clicks.cursor)).items
            await adapter.close()

    asyncio.run(scenario())


def test_a_query_with_a_lag_does_not_see_what_was_just_accepted(kit):
    profile = Profile(blacklisted_share=0.0, query=Query(definitive=False, lag_seconds=60))

    async def scenario():
        async with kit.opened(profile) as company:
            await company.send("p1-1", kit.phones(1))
            for count in (0, 1):
                found = (await company.client.get("/messages", params={"batch_id": "p1-1"})).json()["results"]
                assert len(found) == count
                await company.advance(seconds=60)

    asyncio.run(scenario())


def test_balance_falls_by_the_parts_accepted_and_ends_at_nothing(kit):
    profile = Profile(blacklisted_share=0.0, balance=Decimal("0.30"), price_per_part=Decimal("0.10"))

    async def scenario():
        async with kit.opened(profile) as company:
            long_text = kit.text + "字" * 70
            answer = await company.send("p1-1", kit.phones(1), text=long_text)
            assert answer.json()["results"][0]["parts"] == 2
            answer = await company.send("p1-2", kit.phones(2))
            assert [r["code"] for r in answer.json()["results"]] == ["OK", "AMOUNT_NOT_ENOUGH"]
            assert (await company.client.get("/balance")).json()["balance"] == "0.00"

    asyncio.run(scenario())


def test_statistics_of_a_day_agree_with_the_receipts(kit):
    async def scenario():
        async with kit.opened() as company:
            for number in range(5):
                await company.send(f"p1-{number}", kit.phones(100, first=13500000000 + number * 10**6))
            early = (await company.client.get("/statistics", params={"day": "2026-11-20"})).json()
            assert (early["requests"], early["messages"], early["parts"]) == (5, 500, 500)
            assert early["delivered"] + early["failed"] == 0
            await company.advance(days=3)
            receipts = await company.read_all("/receipts")
            late = (await company.client.get("/statistics", params={"day": "2026-11-20"})).json()
            assert late["delivered"] == sum(r["status"] == "delivered" for r in receipts)
            assert late["failed"] == sum(r["status"] == "failed" for r in receipts) > 0
            assert late["delivered_parts"] == late["delivered"]
            other = (await company.client.get("/statistics", params={"day": "2026-11-21"})).json()
            assert other["messages"] == other["delivered"] == 0

    asyncio.run(scenario())


@pytest.mark.parametrize("query", ["cursor=abc", "cursor=1-2-3", "limit=many"])
def test_a_cursor_or_limit_that_makes_no_sense_is_refused(kit, query):
    async def scenario():
        async with kit.opened() as company:
            assert (await company.client.get(f"/receipts?{query}")).status_code == 400

    asyncio.run(scenario())


def test_the_company_keeps_its_accounts_over_a_restart(kit):
    async def scenario():
        async with kit.opened() as company:
            first = (await company.send("p1-1", kit.phones(1))).json()["results"][0]
            before = (await company.client.get("/balance")).json()
        async with kit.opened() as company:
            assert (await company.client.get("/balance")).json() == before
            second = (await company.send("p1-1", kit.phones(1))).json()["results"][0]
            assert second["provider_message_id"] != first["provider_message_id"]
            with company.judge() as judge:
                assert judge.by_message() == {"p1-1.0": 2}

    asyncio.run(scenario())


def test_requests_of_one_moment_are_answered_each_for_itself(kit):
    async def scenario():
        async with kit.opened() as company:
            answers = await asyncio.gather(
                *[company.send(f"p1-{n}", kit.phones(2, first=13600000000 + n)) for n in range(20)]
            )
            assert all(isinstance(a, httpx.Response) and a.status_code == 200 for a in answers)
            assert [a.json()["results"][0]["message_id"] for a in answers] == [f"p1-{n}.0" for n in range(20)]
            with company.judge() as judge:
                assert judge.count() == 40

    asyncio.run(scenario())
