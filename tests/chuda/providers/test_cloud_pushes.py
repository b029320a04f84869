"""Pushed and pulled items of the clouds: one that is no event costs itself only, and a company really pushes."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chuda.providers.feeds import read_items
from chuda.providers.opening import PUSH_FORMS
from chuda.providers.simulator.profile import Profile, WorldProfile
from chuda.providers.simulator.pushing import Pusher
from tests.chuda.providers.clouds import CLOUD, NOON, CloudCompany, alike, personal, phones

GOOD = {
    "aliyun": {"phone_number": "13800138000", "success": True, "report_time": "2026-11-20 12:00:00", "out_id": "b"},
    "tencent": {"nationcode": "86", "mobile": "13800138000", "report_status": "FAIL", "errmsg": "MK:0001"},
}
NAMES = {"aliyun": ("phone_number", "success"), "tencent": ("mobile", "report_status")}


@pytest.mark.parametrize("adapter", ["aliyun", "tencent"])
def test_a_bad_item_costs_itself_only(adapter):
    form, good = PUSH_FORMS[adapter], GOOD[adapter]
    number, status = NAMES[adapter]
    bad = [{**good, number: None}, {**good, status: "maybe"}, {**good, status: None}, [], "x", {}]
    events, unreadable = read_items(
        [good, *bad, {**good, "report_time": "?", "user_receive_time": 1}], form.read_receipt
    )
    assert [event.phone for event in events] == ["13800138000"] * 2
    assert events[1].reported_at is None
    assert len(unreadable) == len(bad)
    assert not any("13800138000" in item.item for item in unreadable)


@pytest.mark.parametrize("adapter", ["aliyun", "tencent"])
def test_a_company_pushes_receipts_and_replies_until_they_are_taken(tmp_path, adapter):
    cloud = CLOUD.model_copy(
        update={
            "push_form": adapter, "push_receipts_to": "http://127.0.0.1/receipts",
            "push_replies_to": "http://127.0.0.1/replies", "push_retry_seconds": (0.0,),
        }
    )  # fmt: skip
    profile = Profile(blacklisted_share=0.0, cloud=cloud, world=WorldProfile(opt_out_rate=0.5, never_reported=0.0))
    company, form = CloudCompany.open(tmp_path, profile), PUSH_FORMS[adapter]
    taken: dict[str, list[object]] = {"receipts": [], "replies": []}
    calls: list[str] = []

    async def receive(request: Request) -> Response:
        kind = request.url.path.strip("/")
        calls.append(kind)
        if len(calls) == 1:
            return Response("busy", 500)  # the first push is refused and comes again
        body = json.loads(await request.body())
        taken[kind] += body if isinstance(body, list) else [body]
        return Response(form.answer, media_type="application/json")

    receiver = Starlette(routes=[Route(f"/{kind}", receive, methods=["POST"]) for kind in taken])
    sender, messages = (
        (company.aliyun(), personal(phones(30))) if adapter == "aliyun" else (company.tencent(), alike(phones(30)))
    )

    async def scenario() -> None:
        await sender.send("p1-1-0", messages)
        await company.clock.sleep_until(NOON + timedelta(days=8))
        pushing = Pusher(company.provider, httpx.ASGITransport(receiver))
        task = asyncio.create_task(pushing.run())
        while len(taken["receipts"]) < 30 or len(taken["replies"]) < 5:
            await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(asyncio.wait_for(scenario(), 20))
    receipts, unreadable = read_items(taken["receipts"], form.read_receipt)
    replies, _ = read_items(taken["replies"], form.read_reply)
    assert not unreadable
    assert {receipt.phone for receipt in receipts} == set(phones(30))
    assert {receipt.batch_id for receipt in receipts} == {"p1-1-0"}
    assert {reply.phone for reply in replies} <= set(phones(30))
