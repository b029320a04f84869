"""Tencent Cloud's adapter and the company that plays it: each written from the documentation, here they meet."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

import httpx
import pytest

from chuda.errors import ProviderTrouble
from chuda.providers.protocol import OutgoingMessage
from chuda.providers.simulator.profile import Profile, Query, WorldProfile
from chuda.providers.simulator.tencent import receipt_push, reply_push
from chuda.providers.tencent import read_pushed_receipt, read_pushed_reply
from tests.chuda.providers.clouds import CLOUD, NOON, QUIET, CloudCompany, alike, answering, personal, phones, states


def test_two_hundred_people_get_one_text_in_one_request(tmp_path):
    company, messages = CloudCompany.open(tmp_path), alike(phones(200))
    assert states(asyncio.run(company.tencent().send("p1-1-0", messages)), messages) == ["accepted"] * 200
    assert {a.phone: a.text for a in company.judge().of_batch("p1-1-0")} == {m.phone: m.text for m in messages}


def test_personal_texts_in_one_request_are_stopped_before_they_leave(tmp_path):
    company, messages = CloudCompany.open(tmp_path), personal(phones(2))
    result = asyncio.run(company.tencent().send("p1-1-0", messages))
    assert result.stop
    assert states(result, messages) == ["not_sent"] * 2
    assert company.judge().count() == 0


def test_each_number_is_answered_for_by_itself(tmp_path):
    black = phones(3)[1]
    company = CloudCompany.open(tmp_path, QUIET.model_copy(update={"blacklist": (black,)}))
    messages = alike([*phones(3), "138"])
    result = asyncio.run(company.tencent().send("p1-1-0", messages))
    assert states(result, messages) == ["accepted", "rejected", "accepted", "rejected"]
    assert result.results["p1-1-0.1"].code == "FailedOperation.PhoneNumberInBlacklist"
    assert company.judge().count() == 2


def test_a_number_the_answer_does_not_name_is_unknown():
    row = {"PhoneNumber": f"+86{phones(1)[0]}", "Code": "Ok"}
    _, tencent = answering(lambda _r: httpx.Response(200, json={"Response": {"SendStatusSet": [row]}}))
    messages = alike(phones(2))
    assert states(asyncio.run(tencent.send("p1-1-0", messages)), messages) == ["accepted", "unknown"]


def test_a_person_over_a_limit_waits_and_the_others_do_not(tmp_path):
    company, messages = CloudCompany.open(tmp_path), alike(phones(3))
    adapter = company.tencent()

    async def scenario():
        await adapter.send("a", messages[:1])
        return await adapter.send("b", messages)

    result = asyncio.run(scenario())
    assert states(result, messages) == ["not_sent", "accepted", "accepted"]
    assert result.results[messages[0].message_id].defer_s == 30
    assert (result.retry_after_s, result.stop, result.is_limited) == (0, None, True)


def test_marketing_outside_its_hours_is_kept_back(tmp_path):
    company, messages = CloudCompany.open(tmp_path, moment=NOON.replace(hour=22, minute=1)), alike(phones(2))
    result = asyncio.run(company.tencent().send("a", messages))
    assert states(result, messages) == ["not_sent"] * 2
    assert result.retry_after_s > 0


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"secret": "wrong"}, "AuthFailure.SignatureFailure"),
        ({"app_id": "1"}, "UnauthorizedOperation.SmsSdkAppIdVerifyFail"),
    ],
)
def test_wrong_credentials_stop_the_channel(tmp_path, changes, code):
    company, messages = CloudCompany.open(tmp_path), alike(phones(2))
    result = asyncio.run(company.tencent(**changes).send("a", messages))
    assert code in (result.stop or "")
    assert states(result, messages) == ["not_sent"] * 2


def test_a_number_without_credit_stops_the_channel_and_loses_nobody(tmp_path):
    company = CloudCompany.open(tmp_path, QUIET.model_copy(update={"balance": QUIET.price_per_part}))
    messages = alike(phones(3))
    result = asyncio.run(company.tencent().send("a", messages))
    assert states(result, messages) == ["accepted", "not_sent", "not_sent"]
    assert "no credit" in (result.stop or "")


@pytest.mark.parametrize("echoes", [True, False])
def test_an_unanswered_request_is_found_by_number_once_a_network_has_reported(tmp_path, echoes):
    profile = QUIET.model_copy(update={"cloud": CLOUD.model_copy(update={"echoes_session": echoes})})
    company, messages = CloudCompany.open(tmp_path, profile), alike(phones(5))
    adapter = company.tencent()

    async def scenario():
        await adapter.send("p1-1-0", messages)
        at_once = await adapter.find("p1-1-0", messages, NOON)
        await company.clock.sleep_until(NOON + timedelta(hours=50))
        later = await adapter.find("p1-1-0", messages, NOON)
        other_time = await adapter.find("p1-1-0", messages, NOON + timedelta(hours=1))
        return at_once, later, other_time, await adapter.find("another", messages, NOON)

    at_once, later, other_time, another = asyncio.run(scenario())
    assert at_once == other_time == {}
    assert {name: result.state for name, result in later.items()} == {m.message_id: "accepted" for m in messages}
    assert bool(another) != echoes, "with the context echoed, another request's status is not taken for ours"


def test_the_status_queue_hands_out_each_receipt_once(tmp_path):
    company, messages = CloudCompany.open(tmp_path), alike(phones(150))
    adapter = company.tencent()

    async def scenario():
        await adapter.send("p1-1-0", messages)
        await company.clock.sleep_until(NOON + timedelta(days=4))
        pages = [await adapter.receipts("") for _ in range(3)]
        return [len(page.items) for page in pages], [page.more for page in pages], pages[0].items + pages[1].items

    sizes, more, events = asyncio.run(scenario())
    assert sizes[0] == 100
    assert 40 < sizes[1] <= 50
    assert sizes[2] == 0
    assert more == [True, False, False]
    assert {event.batch_id for event in events} == {"p1-1-0"}
    assert len({event.phone for event in events}) == len(events)
    assert {event.status for event in events} <= {"delivered", "failed"}


def test_the_reply_queue_hands_out_each_reply_once(tmp_path):
    world = WorldProfile(opt_out_rate=0.5)
    company = CloudCompany.open(tmp_path, Profile(blacklisted_share=0.0, cloud=CLOUD, world=world))
    adapter = company.tencent()

    async def scenario():
        await adapter.send("p1-1-0", alike(phones(50)))
        await company.clock.sleep_until(NOON + timedelta(days=8))
        return await adapter.replies(""), await adapter.replies("")

    first, second = asyncio.run(scenario())
    assert len(first.items) > 10
    assert {reply.phone for reply in first.items} <= set(phones(50))
    assert not second.items


def test_statistics_count_the_billed_parts(tmp_path):
    company = CloudCompany.open(tmp_path)
    adapter = company.tencent()

    async def scenario():
        await adapter.send("p1-1-0", alike(phones(50)))
        await company.clock.sleep_until(NOON + timedelta(days=4))
        return await adapter.statistics(date(2026, 11, 20))

    totals = asyncio.run(scenario())
    assert (totals.parts, totals.messages) == (50, 50)
    assert totals.delivered + totals.failed >= 49


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500), httpx.Response(200, text="?"), httpx.Response(200, json={}),
        httpx.Response(200, json={"Response": {"Error": {"Code": "RequestLimitExceeded"}}}),
        httpx.Response(200, json={"Response": {}}),
    ],
)  # fmt: skip
def test_a_query_that_was_not_answered_says_nothing(answer):
    _, tencent = answering(lambda _request: answer)
    with pytest.raises(ProviderTrouble):
        asyncio.run(tencent.find("b", alike(phones(1)), NOON))
    with pytest.raises(ProviderTrouble):
        asyncio.run(tencent.receipts(""))


def test_what_is_pushed_is_read_back():
    item = {
        "message_id": "p1-1-0.3", "provider_message_id": "S00000001003", "phone": "13800138000", "status": "failed",
        "code": "MK:0001", "reported_at": "2026-11-20T12:00:05.000000+08:00", "parts": 1,
    }  # fmt: skip
    event = read_pushed_receipt(receipt_push(item))
    assert (event.batch_id, event.phone, event.status, event.code) == ("p1-1-0", "13800138000", "failed", "MK:0001")
    assert event.reported_at == NOON + timedelta(seconds=5)
    reply = read_pushed_reply(reply_push({"phone": "+85290001234", "text": "R", "received_at": item["reported_at"]}))
    assert (reply.phone, reply.text, reply.received_at) == ("+85290001234", "R", NOON + timedelta(seconds=5))


SEND = {
    "PhoneNumberSet": ["+8613800138000"], "SmsSdkAppId": CLOUD.app_id, "SignName": "橙柚生活", "TemplateId": "1110",
    "TemplateParamSet": ["您"], "SessionContext": "x",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, "Ok"),
        ({"PhoneNumberSet": []}, "MissingParameter.EmptyPhoneNumberSet"),
        ({"PhoneNumberSet": [f"+86{phone}" for phone in phones(201)]}, "LimitExceeded.PhoneNumberCountLimit"),
        ({"PhoneNumberSet": "+8613800138000"}, "InvalidParameter"),
        ({"PhoneNumberSet": None}, "MissingParameter"),
        ({"PhoneNumberSet": ["+86138"]}, "InvalidParameterValue.IncorrectPhoneNumber"),
        ({"SignName": "别人"}, "FailedOperation.SignatureIncorrectOrUnapproved"),
        ({"TemplateId": "404"}, "FailedOperation.TemplateUnapprovedOrNotExist"),
        ({"TemplateParamSet": []}, "FailedOperation.TemplateParamSetNotMatchApprovedTemplate"),
        ({"TemplateParamSet": ["a", "b"]}, "FailedOperation.TemplateParamSetNotMatchApprovedTemplate"),
        ({"TemplateParamSet": ["http://a.cn/x"]}, "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter"),
        ({"SessionContext": "x" * 512}, "InvalidParameterValue"),
    ],
)
def test_the_company_enforces_the_documented_rules(tmp_path, changes, code):
    company = CloudCompany.open(tmp_path)
    adapter = company.tencent()
    answer = asyncio.run(adapter._client.send(adapter._request("SendSms", {**SEND, **changes}))).json()["Response"]
    said = answer["Error"]["Code"] if "Error" in answer else answer["SendStatusSet"][0]["Code"]
    assert said == code
    assert company.judge().count() == (code == "Ok")


def test_what_the_network_has_not_reported_by_a_lagging_query_stays_unseen(tmp_path):
    profile = QUIET.model_copy(update={"query": Query(definitive=False, lag_seconds=10 * 86_400)})
    company = CloudCompany.open(tmp_path, profile)
    adapter = company.tencent()

    async def scenario():
        await adapter.send("p1-1-0", alike(phones(2)))
        await company.clock.sleep_until(NOON + timedelta(days=3))
        return await adapter.find("p1-1-0", alike(phones(2)), NOON)

    assert asyncio.run(scenario()) == {}


def test_a_message_to_hong_kong_is_written_in_e164(tmp_path):
    company, message = CloudCompany.open(tmp_path), OutgoingMessage("b.0", "+85290001234", alike(phones(1))[0].text)
    assert states(asyncio.run(company.tencent().send("b", [message])), [message]) == ["accepted"]
    assert [a.phone for a in company.judge().all()] == ["+85290001234"]
