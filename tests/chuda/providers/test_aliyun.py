"""Aliyun's adapter and the company that plays Aliyun: each written from the documentation, here they meet."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chuda.clock import FixedClock
from chuda.errors import ProviderTrouble
from chuda.providers.aliyun import encode_form, read_receipt, read_reply
from chuda.providers.protocol import OutgoingMessage, SilentMessage
from chuda.providers.simulator.aliyun import receipt_push, reply_push
from chuda.providers.simulator.profile import Profile, Query
from tests.chuda.providers.clouds import CLOUD, NOON, QUIET, CloudCompany, alike, answering, personal, phones, states


def test_personal_texts_go_as_one_batch_and_arrive_as_they_were_checked(tmp_path):
    company, messages = CloudCompany.open(tmp_path), personal(phones(100))
    result = asyncio.run(company.aliyun().send("p1-1-0", messages))
    assert states(result, messages) == ["accepted"] * 100
    assert {a.phone: a.text for a in company.judge().of_batch("p1-1-0")} == {m.phone: m.text for m in messages}


@pytest.mark.parametrize("count", [1, 200])
def test_one_text_for_all_goes_as_a_single_send(tmp_path, count):
    company, messages = CloudCompany.open(tmp_path), alike(phones(count))
    assert states(asyncio.run(company.aliyun().send("p1-1-0", messages)), messages) == ["accepted"] * count
    assert {a.text for a in company.judge().all()} == {messages[0].text}


def test_special_characters_survive_signature_and_wire(tmp_path):
    company = CloudCompany.open(tmp_path)
    text = "【橙柚生活】A+B *~/&=? %20'\"，您好您好，周末到店立减20元，拒收请回复R"
    messages = [OutgoingMessage("p1-1-0.0", phones(1)[0], text)]
    assert states(asyncio.run(company.aliyun().send("p1-1-0", messages)), messages) == ["accepted"]
    assert [a.text for a in company.judge().all()] == [text]


def test_a_text_that_no_filed_template_gives_does_not_leave(tmp_path):
    company, messages = CloudCompany.open(tmp_path), personal(phones(3))
    messages[1] = OutgoingMessage("p1-1-0.1", messages[1].phone, "【橙柚生活】别的内容 拒收请回复R")
    result = asyncio.run(company.aliyun().send("p1-1-0", messages))
    assert states(result, messages) == ["accepted", "rejected", "accepted"]
    assert result.results["p1-1-0.1"].code == "TEMPLATE_NOT_FILED"
    assert company.judge().count() == 2


def test_a_request_of_two_templates_is_stopped_before_it_leaves(tmp_path):
    company = CloudCompany.open(tmp_path)
    messages = [
        personal(phones(1))[0],
        OutgoingMessage("x.1", phones(2)[1], "【橙柚生活】您好，周末到店立减20元，拒收请回复R"),
    ]
    result = asyncio.run(company.aliyun("SMS_2", "SMS_1").send("p1-1-0", messages))
    assert result.stop
    assert states(result, messages) == ["not_sent"] * 2
    assert company.judge().count() == 0


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"secret": "wrong"}, "SignatureDoesNotMatch"),
        ({"clock": FixedClock(NOON - timedelta(minutes=16))}, "InvalidTimeStamp.Expired"),
    ],
)
def test_wrong_credentials_and_a_wrong_clock_stop_the_channel(tmp_path, changes, code):
    company, messages = CloudCompany.open(tmp_path), alike(phones(2))
    result = asyncio.run(company.aliyun(**changes).send("p1-1-0", messages))
    assert code in (result.stop or "")
    assert states(result, messages) == ["not_sent"] * 2


def test_the_limit_per_number_defers_that_person_and_names_for_how_long(tmp_path):
    company, message = (
        CloudCompany.open(tmp_path),
        OutgoingMessage("n.0", phones(1)[0], "【橙柚生活】您的验证码是1234，5分钟内有效"),
    )
    adapter = company.aliyun("SMS_9")

    async def scenario():
        first = await adapter.send("n", [message])
        second = await adapter.send("n2", [message])
        await company.clock.sleep_until(NOON + timedelta(seconds=61))
        return first, second, await adapter.send("n3", [message])

    first, second, third = asyncio.run(scenario())
    assert [r.default.state for r in (first, second, third)] == ["accepted", "not_sent", "accepted"]
    assert (second.default.defer_s, second.retry_after_s, second.stop) == (60, 0, None)


def test_an_unanswered_request_is_found_by_number_day_and_out_id(tmp_path):
    company, messages = CloudCompany.open(tmp_path), personal(phones(5))
    adapter = company.aliyun()

    async def scenario():
        await adapter.send("p1-1-0", messages)
        await adapter.send("p1-1-9", personal(phones(5), "p1-1-9"))  # the same people, another request
        found = await adapter.find("p1-1-0", messages, NOON)
        return found, await adapter.find("p1-1-7", messages, NOON)

    found, absent = asyncio.run(scenario())
    assert {name: result.state for name, result in found.items()} == {m.message_id: "accepted" for m in messages}
    assert absent == {}


def test_the_query_tells_what_became_of_a_message(tmp_path):
    company, messages = CloudCompany.open(tmp_path), personal(phones(30))
    adapter = company.aliyun()

    async def scenario():
        await adapter.send("p1-1-0", messages)
        await company.clock.sleep_until(NOON + timedelta(hours=50))
        return await adapter.find("p1-1-0", messages, NOON)

    codes = {result.code for result in asyncio.run(scenario()).values()}
    assert "delivered" in codes
    assert codes <= {"delivered", "failed", "accepted"}


def test_a_lost_push_is_made_good_by_asking_number_by_number(tmp_path):
    company, messages = CloudCompany.open(tmp_path), personal(phones(20))
    adapter = company.aliyun()
    silent = [SilentMessage(m.message_id, "p1-1-0", m.phone, NOON) for m in messages]

    async def scenario():
        await adapter.send("p1-1-0", messages)
        await adapter.send("p1-1-9", personal(phones(20), "p1-1-9"))
        at_once = await adapter.ask_receipts(silent)
        await company.clock.sleep_until(NOON + timedelta(hours=50))
        return at_once, await adapter.ask_receipts(silent)

    at_once, told = asyncio.run(scenario())
    assert at_once == []
    assert {event.batch_id for event in told} == {"p1-1-0"}
    assert len({event.message_id for event in told}) == len(told) > 15
    assert {event.status for event in told} <= {"delivered", "failed"}
    assert all(event.code for event in told if event.status == "failed")


def test_a_request_that_left_just_before_midnight_is_looked_for_on_both_days(tmp_path):
    late = NOON.replace(hour=21, minute=59)
    asked: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params["SendDate"])
        return httpx.Response(200, json={"Code": "OK", "TotalCount": 0, "SmsSendDetailDTOs": {"SmsSendDetailDTO": []}})

    asyncio.run(answering(handler)[0].find("b", alike(phones(1)), late.replace(hour=23)))
    assert asked == ["20261120", "20261121"]


def test_a_query_with_a_lag_is_only_a_hint(tmp_path):
    profile = QUIET.model_copy(update={"query": Query(definitive=False, lag_seconds=60)})
    company, messages = CloudCompany.open(tmp_path, profile), alike(phones(2))
    adapter = company.aliyun()

    async def scenario():
        await adapter.send("p1-1-0", messages)
        return await adapter.find("p1-1-0", messages, NOON)

    assert asyncio.run(scenario()) == {}


def test_statistics_count_the_billed_parts(tmp_path):
    company = CloudCompany.open(tmp_path)
    adapter = company.aliyun()

    async def scenario():
        await adapter.send("p1-1-0", personal(phones(50)))
        await company.clock.sleep_until(NOON + timedelta(days=4))
        return await adapter.statistics(date(2026, 11, 20))

    totals = asyncio.run(scenario())
    assert totals.parts == 50
    assert 0 < totals.delivered <= 50
    assert totals.delivered + totals.failed >= 49


@pytest.mark.parametrize("answer", [httpx.Response(500), httpx.Response(200, text="?"), httpx.Response(200, json={}),
                                    httpx.Response(200, json={"Code": "isv.DAY_LIMIT_CONTROL"})])  # fmt: skip
def test_a_query_that_was_not_answered_says_nothing(answer):
    aliyun, _ = answering(lambda _request: answer)
    with pytest.raises(ProviderTrouble):
        asyncio.run(aliyun.find("b", alike(phones(1)), NOON))


def test_what_is_pushed_is_read_back(tmp_path):
    item = {
        "message_id": "p1-1-0.3", "provider_message_id": "S00000001003", "phone": "13800138000", "status": "failed",
        "code": "MK:0001", "reported_at": "2026-11-20T12:00:05.000000+08:00", "parts": 2,
    }  # fmt: skip
    event = read_receipt(receipt_push(item))
    assert (event.batch_id, event.phone, event.status, event.code, event.parts) == (
        "p1-1-0", "13800138000", "failed", "MK:0001", 2
    )  # fmt: skip
    assert event.reported_at == NOON + timedelta(seconds=5)
    assert read_receipt(receipt_push({**item, "status": "delivered", "code": "DELIVRD"})).code == "DELIVERED"
    reply = read_reply(reply_push({"phone": "13800138000", "text": "R", "received_at": item["reported_at"]}))
    assert (reply.phone, reply.text, reply.received_at) == ("13800138000", "R", NOON + timedelta(seconds=5))


SEND = {"PhoneNumbers": "13800138000", "SignName": "橙柚生活", "TemplateCode": "SMS_2", "OutId": "x"}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (SEND, "OK"),
        ({**SEND, "PhoneNumbers": "13800138000,13800138000"}, "isv.INVALID_PARAMETERS"),
        ({**SEND, "PhoneNumbers": ",".join(phones(1001))}, "isv.MOBILE_COUNT_OVER_LIMIT"),
        ({**SEND, "PhoneNumbers": "138"}, "isv.MOBILE_NUMBER_ILLEGAL"),
        ({**SEND, "SignName": "别人"}, "isv.SMS_SIGNATURE_ILLEGAL"),
        ({**SEND, "TemplateCode": "SMS_404"}, "isv.SMS_TEMPLATE_ILLEGAL"),
        ({**SEND, "TemplateCode": "SMS_1"}, "isv.TEMPLATE_MISSING_PARAMETERS"),
        ({**SEND, "TemplateCode": "SMS_1", "TemplateParam": "{"}, "isv.INVALID_JSON_PARAM"),
        ({**SEND, "TemplateCode": "SMS_1", "TemplateParam": '{"who": 1}'}, "isv.INVALID_JSON_PARAM"),
        ({**SEND, "TemplateCode": "SMS_1", "TemplateParam": '{"who": "a.cn/x"}'}, "isv.PARAM_NOT_SUPPORT_URL"),
        ({**SEND, "OutId": "x" * 256}, "isv.INVALID_PARAMETERS"),
        ({"TemplateCode": "SMS_2"}, "MissingPhoneNumbers"),
    ],
)
def test_the_company_enforces_the_documented_rules(tmp_path, query, code):
    company = CloudCompany.open(
        tmp_path, Profile(blacklisted_share=0.0, cloud=CLOUD.model_copy(update={"per_number": False}))
    )
    adapter = company.aliyun()
    answer = asyncio.run(adapter._client.send(adapter._request("SendSms", query, None)))
    assert answer.json()["Code"] == code
    assert company.judge().count() == (code == "OK")


def test_the_company_takes_a_nonce_once_and_a_batch_of_a_hundred(tmp_path):
    company = CloudCompany.open(tmp_path)
    adapter = company.aliyun()
    request = adapter._request("SendSms", SEND, None)

    async def scenario():
        again = [(await adapter._client.send(request)).json()["Code"] for _ in range(2)]
        too_many = await adapter.send("p", personal(phones(101)))
        return again, too_many

    again, too_many = asyncio.run(scenario())
    assert again == ["OK", "SignatureNonceUsed"]
    assert too_many.default.code == "isv.MOBILE_COUNT_OVER_LIMIT"
    assert company.judge().count() == 1


@given(st.dictionaries(st.sampled_from(["PhoneNumberJson", "TemplateParamJson"]), st.text(max_size=30)))
def test_a_form_is_encoded_as_urllib_encodes_it(fields):
    assert encode_form(fields) == urlencode(fields).encode()
